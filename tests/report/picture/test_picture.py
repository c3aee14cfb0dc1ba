"""The picture of a matrix shows every flow, is always readable, and is the same for the same input."""

from dataclasses import fields, replace
from itertools import combinations, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.project import read_project
from flash_ticket.firewall.terms.ports import listing
from flash_ticket.report.picture.picture import flows_shown, neighbours, picture
from flash_ticket.report.picture.style import DARK, LIGHT, Palette
from flash_ticket.report.picture.text_width import width
from tests.support.declared.accounts import ROOT, environment_of, shop_matrix
from tests.support.declared.at_random.matrices import rewritten, shops
from tests.support.declared.stacks import CASES, traffic_content
from tests.support.report.drawn_diagram import Diagram, Rectangle

SIZES = {"title": 22.0, "name": 15.0, "detail": 12.0, "caption": 11.0, "on-port": 12.0, "place": 14.0}


def shop(case: str = "prod") -> Diagram:
    return Diagram(picture(*CASES[case]()))


@st.composite
def large_matrices(draw: st.DrawFn) -> Matrix:
    """One to 60 services that call each other and datastores at random, also in cycles.

    In some, services call what calls services: the load balancer, and Prometheus.
    """
    services = draw(st.integers(1, 60))
    random = Random(draw(st.integers(0, 1 << 32)))  # noqa: S311 - a repeatable choice, no secret
    names = [f"{random.choice(['a', 'service', 'a-long-name-for-something-simple'])}-{n}" for n in range(services)]
    back = draw(st.booleans())
    called = [*names, "redis", "database", "rabbitmq", *(["alb", "prometheus"] if back else [])]
    content: dict[str, Any] = {
        "namespace": "shop",
        "services": {name: {"pods": {"app": name}, "ports": [4000, 9090]} for name in names},
        "externals": {
            "alb": {"ports": [443]} if back else {},
            "redis": {"ports": [6379]},
            "database": {"ports": [5432, 3306]},
            "rabbitmq": {"ports": [5672]},
            "prometheus": {"namespace": "monitoring", **({"ports": [9091]} if back else {})},
        },
        "flows": [{"from": "alb", "to": names[0]}, {"from": "prometheus", "to": names, "ports": [9090]}],
    }
    for _ in range(draw(st.integers(0, 90))):
        source, target = random.choice(names), random.choice(called)
        if source != target:
            content["flows"].append({"from": source, "to": target})
    return parse_matrix(content, "traffic.yaml")


@st.composite
def large_shops(draw: st.DrawFn) -> tuple[Matrix, Environment]:
    matrix = draw(large_matrices())
    environment = environment_of("prod", matrix=matrix)
    attachment = draw(st.sampled_from(Attachment))
    return matrix, replace(environment, cluster=replace(environment.cluster, attachment=attachment))


def laid_out(diagram: Diagram) -> list[Rectangle]:
    """Return everything that must not overlap: cards, ports, and the box of each text outside a card."""
    found = diagram.rectangles("card", "port")
    for text in diagram.texts("title", "caption", "place", "note", "said"):
        looks = text.attrib["class"]
        size = SIZES.get(looks, 14.0)
        wide = width(text.text or "", size)
        found.append(Rectangle(looks, float(text.attrib["x"]), float(text.attrib["y"]) - size, wide, size))
    return found


@settings(max_examples=25)
@given(st.one_of(shops(), large_shops()))
def test_nothing_overlaps_and_nothing_leaves_the_picture(shop: tuple[Matrix, Environment]) -> None:
    diagram = Diagram(picture(*shop))

    for one, other in combinations(laid_out(diagram), 2):
        assert not one.overlaps(other), (one, other)
    ground = diagram.rectangles("ground")[0]
    assert (ground.width, ground.height) == (diagram.width, diagram.height)
    for each in (*laid_out(diagram), *diagram.rectangles("network", "namespace", "guard")):
        assert ground.holds(each), each


@settings(max_examples=25)
@given(st.one_of(shops(), large_shops()))
def test_no_line_crosses_a_card_or_the_ports_of_another(shop: tuple[Matrix, Environment]) -> None:
    diagram = Diagram(picture(*shop))
    obstacles = diagram.rectangles("card", "port")

    for line in diagram.lines():
        for point in line.points[:-1]:
            assert not any(each.holds_point(point) for each in obstacles), line


@settings(max_examples=25)
@given(st.one_of(shops(), large_shops()))
def test_every_text_fits_into_its_room(shop: tuple[Matrix, Environment]) -> None:
    for text in Diagram(picture(*shop)).texts():
        bold = text.attrib["class"] in {"title", "name", "place", "said"}
        size = SIZES.get(text.attrib["class"], 14.0)
        assert width(text.text or "", size, bold=bold) <= float(text.attrib["data-room"]) + 0.1, text.text


@settings(max_examples=25)
@given(st.one_of(shops(), large_shops()))
def test_exactly_the_declared_flows_are_drawn_and_described(shop: tuple[Matrix, Environment]) -> None:
    diagram = Diagram(picture(*shop))

    every = {(flow.source, flow.target, listing(flow.ports)) for flow in flows_shown(*shop)}
    expected = {(source, target, ports) for source, target, ports in every if source != target}

    assert {(line.source, line.target, line.ports) for line in diagram.lines()} == expected
    for source, target, ports in every:
        assert f"{source} to {target} on {ports}" in diagram.description
    for source, target, ports in expected:
        assert f"{source} to {target}: {ports}" in diagram.titles()


@settings(max_examples=25)
@given(st.one_of(shops(), large_shops()), st.integers(0, 1 << 32))
def test_the_picture_of_one_endpoint_has_its_neighbours_and_nothing_overlaps(
    shop: tuple[Matrix, Environment], chosen: int
) -> None:
    every = flows_shown(*shop)
    clients = (f"clients of {front.external}" for front in shop[1].load_balancers)
    names = sorted({*shop[0].endpoints, *clients})
    name = names[chosen % len(names)]
    diagram = Diagram(neighbours(*shop, name, "part"))

    for one, other in combinations(laid_out(diagram), 2):
        assert not one.overlaps(other), (one, other)
    for each in (*laid_out(diagram), *diagram.rectangles("network", "namespace", "guard")):
        assert diagram.rectangles("ground")[0].holds(each), each
    near = {(each.source, each.target, listing(each.ports)) for each in every if name in {each.source, each.target}}
    drawn = {(line.source, line.target, line.ports) for line in diagram.lines()}
    assert drawn == {each for each in near if each[0] != each[1]}
    for source, target, ports in near:
        assert f"{source} to {target} on {ports}" in diagram.description


@given(shops())
def test_services_are_inside_the_namespace_and_everything_else_is_outside(shop: tuple[Matrix, Environment]) -> None:
    diagram = Diagram(picture(*shop))
    namespace, vpc = diagram.rectangles("namespace")[0], diagram.rectangles("network")[0]

    assert vpc.holds(namespace)
    for service in shop[0].services:
        assert namespace.holds(diagram.card_of(service.name))
    for external in shop[0].externals:
        assert not namespace.overlaps(diagram.card_of(external.name))
    fronts = [front.external for front in shop[1].load_balancers]
    for front in fronts:
        assert not vpc.overlaps(diagram.card_of("clients" if len(fronts) == 1 else f"clients of {front}"))


def test_the_shop_reads_from_left_to_right() -> None:
    diagram = shop()
    order = [
        diagram.card_of(name).x for name in ("clients", "alb", "gateway", "api", "pay", "database", "rabbitmq", "redis")
    ]

    assert order[:6] == sorted(set(order))
    assert order[5] == order[6] == order[7]


def chain(services: int) -> Diagram:
    """Return the picture of services that call one another in a row, and a datastore at the end."""
    names = [f"s{number:02}" for number in range(services)]
    places = {name: {"ports": [5000]} for name in ("redis", "database", "rabbitmq")}
    content = {
        "namespace": "shop",
        "services": {name: {"pods": {"app": name}, "ports": [4000]} for name in names},
        "externals": {"alb": {}, **places},
        "flows": [{"from": one, "to": other} for one, other in pairwise(["alb", *names, "redis"])],
    }
    matrix = parse_matrix(content, "traffic.yaml")
    return Diagram(picture(matrix, environment_of("prod", matrix=matrix)))


def test_a_long_chain_goes_on_in_rows_that_are_read_like_text() -> None:
    diagram = chain(28)
    cards = [diagram.card_of(f"s{number:02}") for number in range(28)]
    firsts = [0, *(place for place, (one, other) in enumerate(pairwise(cards), 1) if other.x < one.x)]

    assert diagram.width < 2600
    assert len(firsts) > 2
    assert len({cards[place].x for place in firsts}) == 1
    for place, (one, other) in enumerate(pairwise(cards), 1):
        assert (other.y > one.y + one.height) if place in firsts else (other.x > one.x + one.width)


def test_a_chain_that_is_short_enough_stays_in_one_row() -> None:
    diagram = chain(3)
    heights = [diagram.card_of(f"s{number:02}").y for number in range(3)]

    assert max(heights) - min(heights) < 1


def test_with_groups_on_pods_each_service_has_a_group_around_it() -> None:
    diagram = shop()
    for service in ("gateway", "api", "pay"):
        around = [each for each in diagram.rectangles("guard") if each.holds(diagram.card_of(service))]
        assert len(around) == 1
        assert f"sg {service}" in diagram.words("caption")


def test_with_groups_on_nodes_one_group_is_around_all_services_and_a_note_explains_it() -> None:
    diagram = shop("dev-nodes")
    cards = [diagram.card_of(service) for service in ("gateway", "api", "pay")]

    around = [each for each in diagram.rectangles("guard") if any(each.holds(card) for card in cards)]

    assert len(around) == 1
    assert all(around[0].holds(card) for card in cards)
    assert "sg flash-ticket-dev-nodes" in diagram.words("caption")
    assert any("only NetworkPolicies decide" in each for each in diagram.words("note"))


def test_pods_of_another_namespace_show_its_name() -> None:
    assert "namespace monitoring" in shop("dev-prometheus").words("detail")


def test_the_picture_says_once_that_everything_else_is_denied() -> None:
    said = [each for each in shop().words() if "denied" in each]

    assert len(said) == 1
    assert said[0].startswith("Everything else is denied")


def test_a_service_without_a_flow_is_marked_as_all_denied() -> None:
    content = traffic_content()
    content["services"]["report"] = {"pods": {"app": "flash-report"}, "ports": [5000]}
    matrix = parse_matrix(content, "traffic.yaml")

    assert "no flow: all denied" in Diagram(picture(matrix, environment_of("prod", matrix=matrix))).words("detail")


def test_a_service_says_what_its_pods_may_open_among_themselves() -> None:
    content = traffic_content()
    content["flows"].append({"from": "api", "to": "api"})
    matrix = parse_matrix(content, "traffic.yaml")
    drawn = picture(matrix, environment_of("prod", matrix=matrix))

    assert "each other: TCP 4000" in Diagram(drawn).words("detail")


def test_a_long_name_is_cut_and_shown_in_full_under_the_pointer() -> None:
    name = "a-service-with-a-name-as-long-as-kubernetes-lets-one-be-and-more"[:63]
    content = traffic_content()
    content["services"][name] = {"pods": {"app": "x"}, "ports": [5000]}
    matrix = parse_matrix(content, "traffic.yaml")
    diagram = Diagram(picture(matrix, environment_of("prod", matrix=matrix)))

    assert any(each.endswith("\u2026") and name.startswith(each[:-1]) for each in diagram.words("name"))
    assert any(name in each for each in diagram.titles())


def test_names_from_the_account_cannot_break_out_of_the_picture() -> None:
    environment = environment_of("prod")
    hostile = '"><script>alert(1)</script>&amp;\x00'
    cluster = replace(environment.cluster, name=hostile, nodes=(replace(environment.cluster.nodes[0], label=hostile),))
    text = picture(shop_matrix(), replace(environment, cluster=replace(cluster, attachment=Attachment.NODES)))

    assert "<script" not in text
    assert any("<script>" in each for each in Diagram(text).words("caption"))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_file_does_not_change_the_output(seed: int) -> None:
    again = parse_matrix(rewritten(traffic_content(), Random(seed)), "traffic.yaml")  # noqa: S311 - a repeatable order, no secret

    assert picture(again, environment_of("prod")) == picture(shop_matrix(), environment_of("prod"))


def test_assistive_technology_gets_one_image_with_a_title_and_a_description() -> None:
    root = shop().root
    named = {each.attrib["id"]: each.text for each in root if "id" in each.attrib}

    assert root.attrib["role"] == "img"
    assert named[root.attrib["aria-labelledby"]] == "flash-ticket in prod: allowed connections"
    assert "api to pay on TCP 3100" in (named[root.attrib["aria-describedby"]] or "")


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2, definitions)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_have_enough_contrast_in_light_and_dark_mode(palette: Palette) -> None:
    colour = {field.name: getattr(palette, field.name) for field in fields(palette)}
    grounds = ("ground", "network", "inside", "card")

    for text in ("ink", "faint", "guard"):
        for ground in grounds:
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    for text in ("good", "bad", "flow"):
        assert contrast(colour[text], colour["ground"]) >= 4.5, text
        assert contrast(colour[text], colour["network"]) >= 4.5, text
    assert contrast(colour["on_flow"], colour["flow"]) >= 4.5
    for line in ("flow", "guard", "network_edge", "inside_edge", "card_edge"):
        for ground in ("network", "inside") if line != "network_edge" else ("ground", "network"):
            assert contrast(colour[line], colour[ground]) >= 3, (line, ground)


def test_the_picture_in_the_documentation_is_up_to_date(request: pytest.FixtureRequest) -> None:
    firewall = read_project(ROOT, "prod")
    text = picture(firewall.matrix, firewall.environment)
    path = ROOT / "docs" / "shop.svg"

    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "docs/shop.svg is stale: run pytest --update-golden"
