"""Whose an address was: by pod and time, by the log's own word, by subnets, port and groups, or not known."""

from dataclasses import replace

import pytest

from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.ports import PortRange, Protocol, tcp, udp
from flash_ticket.traffic.attribution.address_book import AddressBook, KnownEnd, Span
from flash_ticket.traffic.attribution.inventory import Interface, Inventory, Pod
from flash_ticket.traffic.attribution.place_directory import UnknownEnd
from flash_ticket.traffic.records.record import End, PodIdentity
from tests.support.declared.stacks import CASES
from tests.support.traffic import incident
from tests.support.traffic.incident import (
    ALB,
    BASTION,
    CLIENT,
    FIREWALL,
    INVENTORY,
    NIGHT,
    NODE,
    REDIS,
    STRANGER,
    UNKNOWN_STORE,
    end,
    without_pods,
)

SOON = Span(NIGHT + 60, NIGHT + 61)


def book(inventory: Inventory = INVENTORY) -> AddressBook:
    return AddressBook(FIREWALL.layers(), inventory)


def called(what: End | str, port: PortRange | None, span: Span = SOON, inventory: Inventory = INVENTORY) -> str:
    found = book(inventory).destination(end(what) if isinstance(what, str) else what, port, span)
    return found.words if isinstance(found, UnknownEnd) else found.endpoint.name


def caller(
    what: End | str, to: str, port: PortRange | None, span: Span = SOON, inventory: Inventory = INVENTORY
) -> str:
    asked = book(inventory)
    other = KnownEnd(asked.layers.named[to], port=port)
    found = asked.source(end(what) if isinstance(what, str) else what, other, span)
    return found.words if isinstance(found, UnknownEnd) else found.endpoint.name


@pytest.mark.parametrize(
    ("pod", "name"),
    [
        (incident.GATEWAY, "gateway"),
        (incident.API, "api"),
        (incident.PAY, "pay"),
        (incident.DEBUG, "another pod of flash-ticket"),
        (incident.PROMETHEUS, "a pod elsewhere in the cluster"),
        (incident.RESOLVER, "DNS"),
    ],
)
def test_a_pod_is_the_service_whose_labels_it_has(pod: Pod, name: str) -> None:
    assert called(pod.addresses[0], tcp(9)) == caller(pod.addresses[0], "api", tcp(4000)) == name


def test_pods_of_another_namespace_are_the_external_that_names_them() -> None:
    matrix, environment = CASES["dev-prometheus"]()
    layers = compile_firewall(matrix, environment).layers()
    labels = (("app.kubernetes.io/name", "prometheus"), ("pod-template-hash", "1"))
    asked = AddressBook(layers, INVENTORY)

    found = asked.destination(End("", PodIdentity("monitoring", "prometheus-0", labels)), tcp(9090), SOON)
    other = asked.destination(End("", PodIdentity("monitoring", "grafana-0", (("app", "x"),))), tcp(9090), SOON)

    assert isinstance(found, KnownEnd)
    assert isinstance(other, KnownEnd)
    assert (found.endpoint.name, other.endpoint.name) == ("prometheus", "a pod elsewhere in the cluster")


def test_what_the_log_says_of_a_pod_goes_before_its_address() -> None:
    told = End(incident.PAY.addresses[0], PodIdentity("flash-ticket", "api-9", (("app", "flash-api"), ("x", "y"))))

    assert called(told, tcp(4000)) == "api"


def test_a_pod_that_the_log_names_without_labels_has_those_of_the_inventory() -> None:
    assert called(named_alone("api-1"), tcp(4000)) == "api"
    assert called(named_alone("nobody-1"), tcp(4000)) == UnknownEnd.NO_LABELS.words


def named_alone(name: str) -> End:
    return End("", PodIdentity("flash-ticket", name, ()))


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        (0, 999, "api"),
        (1200, 3000, "another pod of flash-ticket"),
        (0, 1100, UnknownEnd.UNCERTAIN.words),
        (1050, 1100, UnknownEnd.UNCERTAIN.words),
        (1100, 1300, UnknownEnd.UNCERTAIN.words),
        (0, 3000, UnknownEnd.UNCERTAIN.words),
    ],
)
def test_an_address_that_changed_hands_is_told_by_time_or_not_at_all(first: float, last: float, name: str) -> None:
    assert called("10.10.10.60", tcp(4000), Span(NIGHT + first, NIGHT + last)) == name


def test_before_its_pods_known_start_an_address_is_uncertain() -> None:
    assert called("10.10.10.23", tcp(4000), Span(NIGHT + 599, NIGHT + 601)) == UnknownEnd.UNCERTAIN.words
    assert called("10.10.10.23", tcp(4000), Span(NIGHT + 600, NIGHT + 601)) == "api"


def test_a_node_that_calls_what_is_probed_is_the_kubelet() -> None:
    assert caller(NODE, "api", tcp(4000)) == "the kubelet"
    assert caller(NODE, "api", tcp(9999)) == "another host of the VPC"
    assert caller(NODE, "redis", tcp(6379)) == "another host of the VPC"


@pytest.mark.parametrize(
    ("address", "port", "name"), [("10.10.20.50", 6379, "redis"), ("10.10.20.50", 5432, "database")]
)
def test_of_places_that_share_subnets_the_called_port_decides(address: str, port: int, name: str) -> None:
    assert called(address, tcp(port), inventory=replace(INVENTORY, interfaces=())) == name


def test_what_the_interface_carries_decides_better_than_the_port() -> None:
    assert called(REDIS, tcp(5432)) == "redis"
    assert caller(REDIS, "api", tcp(4000)) == "redis"


def test_a_host_in_shared_subnets_that_nothing_tells_is_another_host() -> None:
    known = replace(INVENTORY, interfaces=(), listed=NIGHT)

    assert called(UNKNOWN_STORE, tcp(9999), inventory=known) == "another host of the VPC"


def test_two_places_that_listen_on_one_port_at_one_address_are_not_guessed_between() -> None:
    matrix = replace(
        incident.SHOP,
        externals=tuple(replace(each, ports=(tcp(6379),)) for each in incident.SHOP.externals if each.name != "alb")
        + tuple(each for each in incident.SHOP.externals if each.name == "alb"),
        flows=(),
    )
    asked = AddressBook(compile_firewall(matrix, incident.DEV).layers(), replace(INVENTORY, interfaces=()))

    assert asked.destination(End(UNKNOWN_STORE), tcp(6379), SOON) is UnknownEnd.SHARED


def test_the_load_balancer_is_told_by_its_group_from_what_else_is_in_its_subnets() -> None:
    assert caller(ALB, "gateway", tcp(3000)) == "alb"
    assert caller(BASTION, "gateway", tcp(3000)) == "another host of the VPC"
    assert caller(BASTION, "gateway", tcp(3000), inventory=replace(INVENTORY, interfaces=())) == "alb"


def test_clients_are_those_who_may_call_the_load_balancer_and_only_there() -> None:
    assert caller(CLIENT, "alb", tcp(443)) == "clients of alb"
    assert caller(STRANGER, "alb", tcp(443)) == "the internet"
    assert caller(CLIENT, "api", tcp(4000)) == "the internet"


def test_a_service_address_is_its_pods_and_the_port_theirs() -> None:
    found = book().destination(End(incident.API_SERVICE), tcp(80), SOON)

    assert isinstance(found, KnownEnd)
    assert (found.endpoint.name, found.port) == ("api", tcp(4000))
    assert called(incident.CONTROL_PLANE, tcp(443)) == "another host of the VPC"


def test_a_private_address_outside_of_the_vpc_may_be_a_services_unless_those_are_known() -> None:
    assert called("172.20.9.9", tcp(80), inventory=replace(INVENTORY, services=())) == UnknownEnd.NO_SERVICES.words
    assert called("172.20.9.9", tcp(80)) == "the internet"
    assert caller("172.20.9.9", "api", tcp(80), inventory=replace(INVENTORY, services=())) == "the internet"


def test_a_vpc_address_is_a_hosts_only_where_pods_were_known() -> None:
    lone = "10.10.11.200"

    assert called(lone, tcp(22)) == "another host of the VPC"
    assert called(lone, tcp(22), inventory=without_pods(INVENTORY)) == UnknownEnd.NO_PODS.words
    assert called(lone, tcp(22), inventory=replace(INVENTORY, listed=None)) == UnknownEnd.BEFORE_LISTING.words
    known = replace(INVENTORY, listed=None, interfaces=(Interface("eni-x", (lone,), ()),))
    assert called(lone, tcp(22), inventory=known) == "another host of the VPC"


def test_a_free_address_of_an_interface_that_carries_pods_may_have_been_a_pods() -> None:
    free = "10.10.10.52"
    crowded = Interface("eni-node", (NODE, free), ("sg-dev-nodes",))

    found = called(free, tcp(22), inventory=replace(INVENTORY, listed=None, interfaces=(crowded,)))

    assert found == UnknownEnd.BEFORE_LISTING.words


@pytest.mark.parametrize("text", ["", "-", "10.10.10", "10.10.10.0/24", "10.10.10.1-10.10.10.9", "api"])
def test_what_is_no_address_is_nobody(text: str) -> None:
    assert called(text, tcp(80)) == UnknownEnd.NO_ADDRESS.words


def test_the_resolver_on_the_node_is_known_by_its_address() -> None:
    matrix, environment = CASES["dev-node-local-dns"]()
    asked = AddressBook(compile_firewall(matrix, environment).layers(), INVENTORY)

    found = asked.destination(End("169.254.20.10"), udp(53), SOON)

    assert isinstance(found, KnownEnd)
    assert found.endpoint.name == "DNS on the node"


def test_what_may_be_called_is_what_the_matrix_says_and_dns() -> None:
    numbers = {Protocol.TCP: {53, 443, 3000, 3100, 3306, 4000, 5432, 5672, 6379}, Protocol.UDP: {53}}

    assert book().listening == {(6, port) for port in numbers[Protocol.TCP]} | {(17, 53)}
