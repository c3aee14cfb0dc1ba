"""The page agrees with the matrix, the proof and both layers, is accessible, and loads nothing from a network."""

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.project import read_project
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.prove.proof import Proof, prove
from flash_ticket.firewall.terms.ports import listing
from flash_ticket.report.picture.page import page
from tests.support.declared.accounts import ROOT, environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.stacks import CASES, as_eks_makes_groups

HOSTILE = "</style><img src=x onerror='alert(1)'>&amp;"


def page_of(matrix: Matrix, environment: Environment) -> str:
    return page(matrix, environment, compile_firewall(matrix, environment).proof())


def parsed(text: str) -> ET.Element:
    """Return the document; it is HTML that is also well-formed XML."""
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own output


@pytest.fixture(scope="module")
def shop() -> ET.Element:
    return parsed(page_of(*CASES["prod"]()))


def table(document: ET.Element, section: str) -> list[list[str]]:
    found = document.find(f".//section[@id='{section}']//table")
    assert found is not None
    return [["".join(cell.itertext()) for cell in row] for row in found.iter("tr")]


def text_of(elements: Iterable[ET.Element]) -> str:
    return " ".join("".join(each.itertext()) for each in elements)


def broken_proof() -> Proof:
    """Return a proof of the shop without the policy that allows traffic to pay."""
    firewall = compile_firewall(shop_matrix(), environment_of("prod"))
    manifests = [policy.manifest() for policy in firewall.pods.policies if policy.name != "03-allow-pay-from-api"]
    return prove(firewall.matrix, firewall.environment, manifests, firewall.vpc)


def test_the_matrix_shows_for_every_pair_what_is_allowed(shop: ET.Element) -> None:
    head, *rows = table(shop, "matrix")
    allowed = {
        (row[0], target): cell
        for row in rows
        for target, cell in zip(head[1:], row[1:], strict=True)
        if cell[:3] == "TCP"
    }
    expected = {(flow.source, flow.target): listing(flow.ports) for flow in shop_matrix().flows}

    assert allowed == {**expected, ("clients of alb", "alb"): "TCP 443"}
    assert dict(zip(head, rows[2], strict=True))["pay"] == "denied"
    assert {row[0]: dict(zip(head, row, strict=True)) for row in rows}["redis"]["rabbitmq"] == "no say"


@settings(max_examples=20)
@given(shops())
def test_every_declared_flow_names_the_rules_that_decide_it(shop: tuple[Matrix, Environment]) -> None:
    details = {
        text_of(each.findall("summary")): text_of(each.findall("dl")) for each in parsed(page_of(*shop)).iter("details")
    }

    for flow in shop[0].flows:
        said = details[f"{flow.source} \u2192 {flow.target} {listing(flow.ports)}, passes both layers"]
        assert "Pod layer" in said
        assert "VPC layer" in said
        assert "allowed by" in said


def test_the_details_of_a_connection_name_policy_and_group(shop: ET.Element) -> None:
    details = {text_of(each.findall("summary")): text_of(each.findall("dl")) for each in shop.iter("details")}
    said = details["api \u2192 pay TCP 3100, passes both layers"]

    assert "allowed by flash-ticket/03-allow-pay-from-api ingress[0]" in said
    assert "allowed by pay pay-ingress-tcp-3100-from-api" in said


def test_undeclared_callers_are_shown_with_the_layers_that_stop_them(shop: ET.Element) -> None:
    rows = {row[0]: row[1:] for row in table(shop, "denied")}

    assert rows["the internet"] == ["both layers"] * 3
    assert "another pod of flash-ticket" in rows


def test_the_page_shows_what_only_one_layer_stops() -> None:
    rows = {row[0]: row[1:] for row in table(parsed(page_of(*CASES["dev-nodes"]())), "denied")}

    assert "pod layer alone" in rows["another pod of flash-ticket"]


def test_a_failed_proof_comes_first_and_is_shown_as_a_table() -> None:
    document = parsed(page(shop_matrix(), environment_of("prod"), broken_proof()))
    _, first, *_ = table(document, "proof")

    assert "The proof does not hold" in text_of(document.iter("header"))
    assert first[:5] == ["api", "pay", "TCP 3100", "pod", "declared, but stopped"]
    assert "api \u2192 pay TCP 3100, not as declared: see the proof" in [
        text_of([each]) for each in document.iter("summary")
    ]


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = page_of(*CASES["prod"]())
    document = parsed(text)

    assert not list(document.iter("script"))
    assert not list(document.iter("link"))
    assert all(each.attrib["href"].startswith("#") for each in document.iter("a"))
    assert not re.search(r'\s(src|style|on\w+)="|url\(|@import', text)
    assert set(re.findall(r"https?://[^\"]+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_security_policy_allows_the_two_style_sheets_by_their_hashes_and_nothing_else() -> None:
    document = parsed(page_of(*CASES["prod"]()))
    styles = [each.text or "" for each in document.iter() if each.tag.rpartition("}")[2] == "style"]
    policy = next(each.attrib["content"] for each in document.iter("meta") if "http-equiv" in each.attrib)

    hashes = [f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" for style in styles]
    assert policy == f"default-src 'none'; style-src {' '.join(hashes)}; base-uri 'none'; form-action 'none'"


def test_names_from_the_account_are_shown_escaped() -> None:
    environment = environment_of("prod")
    cluster = replace(environment.cluster, name=HOSTILE, nodes=(replace(environment.cluster.nodes[0], label=HOSTILE),))
    text = page_of(shop_matrix(), replace(environment, cluster=cluster))

    assert "<img" not in text
    assert HOSTILE in text_of(parsed(text).iter("header"))


def test_every_table_has_a_caption_and_every_header_cell_a_scope(shop: ET.Element) -> None:
    tables = list(shop.iter("table"))

    assert len(tables) == 2
    for each in tables:
        assert each.findtext("caption")
        assert {heading.attrib["scope"] for heading in each.iter("th")} == {"col", "row"}
        assert len({len(row) for row in each.iter("tr")}) == 1


def test_every_link_within_the_page_has_a_target(shop: ET.Element) -> None:
    ids = [each.attrib["id"] for each in shop.iter() if "id" in each.attrib]

    assert len(ids) == len(set(ids))
    assert {each.attrib["href"][1:] for each in shop.iter("a")} <= set(ids)
    for each in shop.iter():
        for key in ("aria-labelledby", "aria-describedby"):
            assert each.attrib.get(key, ids[0]) in ids


def test_a_page_made_from_files_alone_says_that_its_addresses_are_placeholders() -> None:
    firewall = read_project(ROOT, "prod")

    assert "the addresses of places are placeholders" in page_of(firewall.matrix, firewall.environment)
    assert "placeholders" not in page_of(*CASES["prod"]())


def test_the_same_input_gives_the_same_page() -> None:
    assert page_of(*CASES["prod"]()) == page_of(*CASES["prod"]())


def test_the_page_says_what_only_the_account_knows_of_groups_of_others() -> None:
    document = parsed(page_of(*CASES["dev-nodes"]()))
    rows = {row[0]: row[1:] for row in table(document, "denied")}

    assert set(rows["the internet"]) == {"pod layer; vpc layer not known"}
    assert "Only the account knows if the VPC layer stops them, too" in text_of(document.iter("p"))


def test_the_page_names_the_rules_of_others_that_open_the_vpc_layer() -> None:
    document = parsed(page_of(*as_eks_makes_groups("dev-nodes")))
    rows = {row[0]: row[1:] for row in table(document, "denied")}

    assert set(rows["another pod of flash-ticket"]) == {"pod layer alone"}
    assert "sgr-self in flash-ticket-dev-nodes: ingress from flash-ticket-dev-nodes" in text_of(document.iter("li"))
