"""The page of many services: an overview with every connection, and one part for each endpoint."""

from base64 import b64encode
from hashlib import sha256
from xml.etree import ElementTree as ET

import pytest

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.ports import listing
from flash_ticket.report.picture.overview import MOST_DRAWN, Overview
from flash_ticket.report.picture.page import page
from flash_ticket.report.picture.picture import flows_shown
from tests.support.declared.accounts import environment_of
from tests.support.declared.big_shop import big_shop, big_shop_content

SHOP = big_shop(28, 90)
ENVIRONMENT = environment_of("prod", matrix=SHOP)
CLIENTS = "clients of alb"
FLOWS = {(flow.source, flow.target): listing(flow.ports) for flow in flows_shown(SHOP, ENVIRONMENT)}


@pytest.fixture(scope="module")
def document() -> ET.Element:
    text = page(SHOP, ENVIRONMENT, compile_firewall(SHOP, ENVIRONMENT).proof())
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own output


def said(element: ET.Element | None) -> str:
    return "" if element is None else "".join(element.itertext())


def parts(document: ET.Element) -> dict[str, ET.Element]:
    found = document.findall(".//section[@class='part']")
    return {said(each.find("h2")): each for each in found}


def overview(matrix: Matrix) -> Overview:
    environment = environment_of("prod", matrix=matrix)
    return Overview(matrix, flows_shown(matrix, environment), tuple(matrix.endpoints), ("alb",), (CLIENTS,))


def groups(matrix: Matrix) -> dict[str, set[str]]:
    return {group.title: set(group.names) for group in overview(matrix).groups()}


def test_a_page_with_few_services_has_one_picture_and_no_overview() -> None:
    shop = big_shop(MOST_DRAWN, 40)
    environment = environment_of("prod", matrix=shop)
    text = page(shop, environment, compile_firewall(shop, environment).proof())

    assert 'id="overview"' not in text
    assert text.count("<svg") == 1


def test_the_matrix_marks_exactly_the_declared_connections(document: ET.Element) -> None:
    table = document.find(".//section[@id='overview']//table")
    assert table is not None
    heads = [said(each) for each in table.iterfind("thead/tr/th")][1:]
    marked = {
        (said(row.find("th")), target): said_by.attrib["aria-label"]
        for row in table.iterfind("tbody/tr")
        for target, cell in zip(heads, row.findall("td"), strict=False)
        for said_by in cell.iterfind("span")
    }

    assert marked == FLOWS


def test_every_endpoint_is_in_one_group_and_has_one_part_with_those_it_calls_and_those_that_call_it(
    document: ET.Element,
) -> None:
    listed = [said(each) for each in document.iterfind(".//section[@id='overview']/ul//a")]
    assert sorted(listed) == sorted([*SHOP.endpoints, CLIENTS]) == sorted(parts(document))
    for name, part in parts(document).items():
        near = {f"{source} {ports}" for (source, target), ports in FLOWS.items() if target == name}
        near |= {f"{target} {ports}" for (source, target), ports in FLOWS.items() if source == name}
        assert {said(each) for each in part.iterfind("ul//a")} == near


def test_each_connection_names_the_rules_that_decide_in_the_part_of_the_called(document: ET.Element) -> None:
    for name, part in parts(document).items():
        into = {
            f"{source} \u2192 {name} {ports}, passes both layers" for (source, to), ports in FLOWS.items() if to == name
        }
        details = {said(each.find("summary")): said(each.find("dl")) for each in part.iter("details")}
        assert into <= set(details)
        assert all("allowed by" in details[each] for each in into if "clients of" not in each)


def test_every_link_has_a_target_and_every_id_is_given_once(document: ET.Element) -> None:
    ids = [each.attrib["id"] for each in document.iter() if "id" in each.attrib]

    assert len(ids) == len(set(ids))
    assert {each.attrib["href"] for each in document.iter("a")} <= {f"#{each}" for each in ids}
    for each in document.iter():
        for key in ("aria-labelledby", "aria-describedby"):
            assert each.attrib.get(key, ids[0]) in ids


def test_the_page_runs_no_script_and_allows_its_style_sheets_by_their_hashes(document: ET.Element) -> None:
    policy = next(each.attrib["content"] for each in document.iter("meta") if "http-equiv" in each.attrib)
    styles = [said(each).encode() for each in document.iter("style")]
    hashes = [f"'sha256-{b64encode(sha256(each).digest()).decode()}'" for each in styles]

    assert not list(document.iter("script"))
    assert policy == f"default-src 'none'; style-src {' '.join(hashes)}; base-uri 'none'; form-action 'none'"


def test_services_stand_in_groups_by_who_calls_them() -> None:
    content = big_shop_content(20, 1)
    calls = {"s000": ["s001", "s002", "s003"], "s001": ["s003", "s004"], "s005": ["redis"]}
    content["flows"] += [{"from": source, "to": targets} for source, targets in calls.items()]
    content["flows"] += [{"from": f"s{number:03}", "to": "s006"} for number in range(7, 12)]
    found = groups(parse_matrix(content, "traffic.yaml"))

    assert found["Callers from outside"] == {CLIENTS, "alb"}
    assert found["Called by alb"] == {"s000"}
    assert found["Called by s000 alone"] == {"s001", "s002"}
    assert found["Called by one other"] == {"s004"}
    assert found["Called by two to four"] == {"s003"}
    assert found["Called by five or more"] == {"s006"}
    assert {"s005", "s007", "s019"} <= found["Called by no other"]
    assert found["Places that call nothing"] == {"redis", "rabbitmq", "database"}


def test_a_caller_of_most_services_makes_no_group() -> None:
    content = big_shop_content(20, 1)
    content["externals"]["prometheus"] = {"namespace": "monitoring"}
    content["flows"] += [{"from": "prometheus", "to": list(content["services"])}]
    matrix = parse_matrix(content, "traffic.yaml")

    assert overview(matrix).everywhere() == ("prometheus",)
    assert len(groups(matrix)["Called by no other"]) == 19
