"""A matrix drafted from recorded traffic declares only what worked, is valid, and escapes the names of pods."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Flow, Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange, PortSet, Protocol, tcp
from flash_ticket.report.traffic.draft import written_draft
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic, attribute_logs
from flash_ticket.traffic.attribution.inventory import ClusterService, Inventory
from flash_ticket.traffic.proposals.candidate import candidates
from flash_ticket.traffic.proposals.draft import Draft, draft
from flash_ticket.traffic.records.record import Disposition, Record
from tests.support.declared.at_random.matrices import NOW, shops
from tests.support.traffic.incident import (
    ALB,
    API,
    CLIENT,
    DEBUG,
    GATEWAY,
    INVENTORY,
    PAY,
    PROMETHEUS,
    REDIS,
    RESOLVER,
    SHOP,
    STRANGER,
    Heard,
    address_of,
    line,
    pod,
    without_pods,
)
from tests.support.traffic.recorded_traffic import attributed, said

Permitted = dict[tuple[str, str], PortSet]


def worked(source: str, destination: str, port: int, *, count: int = 1, protocol: int = 6) -> Record:
    return line(source, destination, port, disposition=Disposition.PASSED, count=count, protocol=protocol)


def read(lines: Iterable[Record], inventory: Inventory = INVENTORY) -> AttributedTraffic:
    return attribute_logs(candidates(SHOP, inventory), inventory, (Heard(tuple(lines)),))


def drafted(*lines: Record, inventory: Inventory = INVENTORY) -> Draft:
    return draft(read(lines, inventory), SHOP)


def text_of(*lines: Record, inventory: Inventory = INVENTORY) -> str:
    traffic = read(lines, inventory)
    return written_draft(draft(traffic, SHOP), traffic)


def matrix_of(text: str) -> Matrix:
    return parse_matrix(parse_document(text, "draft.yaml"), "draft.yaml")


def learned(*lines: Record, inventory: Inventory = INVENTORY) -> Matrix:
    return matrix_of(text_of(*lines, inventory=inventory))


def permitted(matrix: Matrix) -> Permitted:
    return {(flow.source, flow.target): PortSet.of(flow.ports) for flow in matrix.flows}


def every_port(matrix: Matrix, environment: Environment) -> AttributedTraffic:
    """Return the recorded traffic of a time when every port of every flow was used."""
    firewall = compile_firewall(matrix, environment)
    layers = firewall.layers()
    conversations = [
        said(layers, flow.source, flow.target, PortRange(ports.protocol, port, port))
        for flow in matrix.flows
        for ports in flow.ports
        for port in range(ports.first, ports.last + 1)
    ]
    inventory = Inventory(0, environment, None, (), ())
    return AttributedTraffic(firewall, layers, inventory, attributed(conversations), ())


@given(shops())
def test_traffic_on_every_flow_of_a_matrix_is_drafted_as_that_matrix(shop: tuple[Matrix, Environment]) -> None:
    matrix, environment = shop
    traffic = every_port(matrix, environment)

    again = matrix_of(written_draft(draft(traffic, matrix), traffic)).within("dev", NOW)

    assert permitted(again) == permitted(matrix)
    assert [each.because for each in again.flows] == [each.because for each in matrix.flows]
    assert (again.namespace, again.services, again.externals) == (matrix.namespace, matrix.services, matrix.externals)


def test_only_traffic_that_worked_is_drafted_on_the_called_ports() -> None:
    found = learned(
        worked(address_of(GATEWAY), address_of(API), 4000),
        line(address_of(PAY), REDIS, 6379, disposition=Disposition.STOPPED),
        line(address_of(API), REDIS, 6379, disposition=Disposition.UNANSWERED),
    )

    assert permitted(found) == {("gateway", "api"): PortSet.of([PortRange(Protocol.TCP, 4000, 4000)])}


def test_adjacent_ports_are_one_line_unless_the_target_declares_them_separately() -> None:
    """A port of a flow has to lie within one port range of its target; 4000 is declared, 4001 is not."""
    found = drafted(*(worked(address_of(GATEWAY), address_of(API), port) for port in (4000, 4001, 4002)))

    assert [str(each.ports) for each in found.flows] == ["TCP 4000", "TCP 4001-4002"]
    assert permitted(learned(worked(address_of(GATEWAY), address_of(API), 4001)))


def test_every_line_has_a_count_and_a_time() -> None:
    text = text_of(worked(address_of(GATEWAY), address_of(API), 4000, count=1234))

    assert "  - {from: gateway, to: api, ports: [4000]} # 1,234 lines, last 2026-11-24T03:01:00Z\n" in text


def test_the_head_says_that_this_is_a_draft_and_what_is_left_out() -> None:
    text = text_of(
        worked(address_of(GATEWAY), address_of(API), 4000),
        line(address_of(PAY), REDIS, 6379, disposition=Disposition.STOPPED, count=3),
        worked(CLIENT, ALB, 443, count=2),
        worked(address_of(PAY), address_of(RESOLVER), 53, protocol=17, count=5),
        worked("", address_of(API), 4000),
    )

    head = text.partition("namespace:")[0]
    assert head.startswith("# DRAFT: review it line by line")
    assert "an attack that succeeded in that time" in head
    assert "# Left out: 3 lines that were stopped.\n" in head
    assert "# Left out: 7 lines that were what every cluster needs (DNS, probes) or calls of clients.\n" in head
    assert "# unattributed, 1 line: the log gives no address" in head
    assert "read = attributed + unattributed + malformed: 12 = 11 + 1 + 0" in head
    assert all(each.startswith("#") for each in head.splitlines())


def test_pods_that_match_no_service_become_a_service_by_the_label_that_names_them() -> None:
    found = learned(worked(address_of(DEBUG), address_of(API), 4000), worked(address_of(API), address_of(DEBUG), 8080))

    (debug,) = [each for each in found.services if each.name == "debug"]
    assert debug.pods == (("app", "debug"),)
    assert debug.ports == (PortRange(Protocol.TCP, 8080, 8080),)
    assert {("debug", "api"), ("api", "debug")} == permitted(found).keys()


def test_a_service_without_recorded_calls_gets_a_placeholder_port_and_a_comment() -> None:
    text = text_of(worked(address_of(DEBUG), address_of(API), 4000))

    assert "debug: {pods: {app: debug}} # no recorded calls" in text
    assert matrix_of(text)


def test_the_ports_of_its_kubernetes_service_are_known_without_a_call() -> None:
    behind = ClusterService(
        "flash-ticket", "debug", (), (("app", "debug"),), ((PortRange(Protocol.TCP, 80, 80), 8080),)
    )
    inventory = replace(INVENTORY, services=(*INVENTORY.services, behind))

    found = learned(worked(address_of(DEBUG), address_of(API), 4000), inventory=inventory)

    assert PortRange(Protocol.TCP, 8080, 8080) in found.endpoints["debug"].ports


def test_pods_without_recorded_traffic_are_not_declared() -> None:
    found = learned(worked(address_of(GATEWAY), address_of(API), 4000))

    assert [each.name for each in found.services] == [each.name for each in SHOP.services]
    assert [each.name for each in found.externals] == [each.name for each in SHOP.externals]


def test_pods_of_another_namespace_become_an_external() -> None:
    found = learned(worked(address_of(PROMETHEUS), address_of(API), 9090))

    prometheus = found.endpoints["prometheus"]
    assert prometheus in found.externals
    assert (prometheus.pods, prometheus.ports) == ((("app", "prometheus"),), ())
    assert ("prometheus", "api") in permitted(found)
    assert PortRange(Protocol.TCP, 9090, 9090) in found.endpoints["api"].ports


def test_traffic_to_an_unknown_place_is_a_comment_with_address_and_count() -> None:
    text = text_of(worked(address_of(API), STRANGER, 443, count=5))

    foot = text.partition("flows: []\n")[2]
    assert "api => the internet : TCP 443  5 lines" in foot
    assert f"to {STRANGER}" in foot
    assert all(each.startswith("#") for each in foot.splitlines())
    assert not matrix_of(text).flows


def test_traffic_among_the_pods_of_a_service_is_a_flow_to_itself() -> None:
    other = pod("api-9", "10.10.10.29", "flash-api")
    inventory = replace(INVENTORY, pods=(*INVENTORY.pods, other))

    text = text_of(worked(address_of(API), address_of(other), 7800), inventory=inventory)

    assert matrix_of(text).flows == (Flow("api", "api", (tcp(7800),)),)


def test_pods_that_no_label_distinguishes_from_a_service_are_left_to_a_person() -> None:
    """One pod could have the labels of both, and would then have the permissions of both."""
    other = replace(DEBUG, labels=(("tier", "back"),))
    inventory = replace(INVENTORY, pods=tuple(other if each is DEBUG else each for each in INVENTORY.pods))

    text = text_of(worked(address_of(DEBUG), address_of(API), 4000), inventory=inventory)

    assert "another pod of flash-ticket => api : TCP 4000" in text
    assert [each.name for each in matrix_of(text).services] == [each.name for each in SHOP.services]


def test_a_service_is_distinguished_by_another_label_if_the_first_is_not_enough() -> None:
    both = replace(DEBUG, labels=(("app", "debug"), ("app.kubernetes.io/name", "tool")))
    inventory = replace(INVENTORY, pods=tuple(both if each is DEBUG else each for each in INVENTORY.pods))

    found = learned(worked(address_of(DEBUG), address_of(API), 4000), inventory=inventory)

    assert found.endpoints["debug"].pods == (("app", "debug"),)


@pytest.mark.parametrize("taken", ["api", "redis"])
def test_a_name_that_is_taken_is_numbered(taken: str) -> None:
    both = replace(PROMETHEUS, labels=(("app", taken),))
    inventory = replace(INVENTORY, pods=tuple(both if each is PROMETHEUS else each for each in INVENTORY.pods))

    found = learned(worked(address_of(PROMETHEUS), address_of(API), 9090), inventory=inventory)

    assert (f"{taken}-2", "api") in permitted(found)


def test_the_order_of_lines_and_pods_does_not_matter() -> None:
    lines = [worked(address_of(each), address_of(API), 4000) for each in (GATEWAY, DEBUG, PROMETHEUS, PAY)]
    backwards = replace(INVENTORY, pods=INVENTORY.pods[::-1])

    assert text_of(*lines) == text_of(*reversed(lines), inventory=backwards)


WORDS = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "on",
        "null",
        "1",
        "1.0",
        "x: y",
        "# x",
        "a\nflows: []",
        "\x1b[2J",
        "- {from: a}",
        "\u2028evil: 1",
        "'",
        '"',
        "{",
        "*a",
    ]
)


@given(st.dictionaries(st.sampled_from(["app", "name", "k8s-app", "app.kubernetes.io/name"]) | WORDS, WORDS), WORDS)
def test_the_draft_is_valid_for_any_names_and_labels_of_pods(labels: dict[str, str], name: str) -> None:
    strange = replace(DEBUG, name=name, labels=tuple(sorted(labels.items())))
    inventory = replace(INVENTORY, pods=tuple(strange if each is DEBUG else each for each in INVENTORY.pods))

    text = text_of(
        worked(address_of(GATEWAY), address_of(API), 4000),
        worked(address_of(DEBUG), address_of(API), 4000),
        inventory=inventory,
    )

    found = matrix_of(text)
    assert len(found.services) - len(SHOP.services) == len(found.flows) - 1 <= 1
    assert found.externals == SHOP.externals
    assert all(set(each.pods) <= set(strange.labels) for each in found.services if each.name not in SHOP.endpoints)
    assert all(each.isprintable() for each in text.splitlines())
    assert len(text.splitlines()) == text.count("\n")


def test_an_inventory_without_an_environment_is_an_error_and_without_pods_adds_nothing() -> None:
    with pytest.raises(InputError, match="it contains no environment"):
        candidates(SHOP, replace(INVENTORY, environment=None))
    assert candidates(SHOP, without_pods(INVENTORY)) == SHOP
