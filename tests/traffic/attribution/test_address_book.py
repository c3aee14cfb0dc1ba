"""The endpoint of an address: by pod and time, by what the log says, by subnets, port and groups, or unknown."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from flash_ticket.firewall.bind.environment import Place
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.ports import PortRange, Protocol, tcp, udp
from flash_ticket.traffic.attribution.address_book import AddressBook, KnownEnd, Span
from flash_ticket.traffic.attribution.inventory import Interface, Inventory, Pod
from flash_ticket.traffic.attribution.place_directory import UnknownEnd
from flash_ticket.traffic.records.record import End, NonPod, PodIdentity
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
def test_a_pod_belongs_to_the_service_whose_labels_it_has(pod: Pod, name: str) -> None:
    assert called(pod.addresses[0], tcp(9)) == caller(pod.addresses[0], "api", tcp(4000)) == name


def test_pods_of_another_namespace_belong_to_the_external_that_selects_them() -> None:
    matrix, environment = CASES["dev-prometheus"]()
    layers = compile_firewall(matrix, environment).layers()
    labels = (("app.kubernetes.io/name", "prometheus"), ("pod-template-hash", "1"))
    asked = AddressBook(layers, INVENTORY)

    found = asked.destination(End("", PodIdentity("monitoring", "prometheus-0", labels)), tcp(9090), SOON)
    other = asked.destination(End("", PodIdentity("monitoring", "grafana-0", (("app", "x"),))), tcp(9090), SOON)

    assert isinstance(found, KnownEnd)
    assert isinstance(other, KnownEnd)
    assert (found.endpoint.name, other.endpoint.name) == ("prometheus", "a pod elsewhere in the cluster")


def test_the_pod_in_the_log_takes_precedence_over_its_address() -> None:
    recorded = End(incident.PAY.addresses[0], PodIdentity("flash-ticket", "api-9", (("app", "flash-api"), ("x", "y"))))

    assert called(recorded, tcp(4000)) == "api"


def test_a_pod_without_labels_in_the_log_gets_those_of_the_inventory() -> None:
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
def test_an_address_that_moved_to_another_pod_is_attributed_by_time_or_uncertain(
    first: float, last: float, name: str
) -> None:
    assert called("10.10.10.60", tcp(4000), Span(NIGHT + first, NIGHT + last)) == name


def test_an_address_is_uncertain_before_the_start_of_its_pod() -> None:
    assert called("10.10.10.23", tcp(4000), Span(NIGHT + 599, NIGHT + 601)) == UnknownEnd.UNCERTAIN.words
    assert called("10.10.10.23", tcp(4000), Span(NIGHT + 600, NIGHT + 601)) == "api"


def test_a_node_that_calls_a_probed_port_is_the_kubelet() -> None:
    assert caller(NODE, "api", tcp(4000)) == "the kubelet"
    assert caller(NODE, "api", tcp(9999)) == "another host of the VPC"
    assert caller(NODE, "redis", tcp(6379)) == "another host of the VPC"


@pytest.mark.parametrize(
    ("address", "port", "name"), [("10.10.20.50", 6379, "redis"), ("10.10.20.50", 5432, "database")]
)
def test_the_called_port_decides_between_places_that_share_subnets(address: str, port: int, name: str) -> None:
    assert called(address, tcp(port), inventory=replace(INVENTORY, interfaces=())) == name


def test_the_groups_of_the_interface_take_precedence_over_the_port() -> None:
    assert called(REDIS, tcp(5432)) == "redis"
    assert caller(REDIS, "api", tcp(4000)) == "redis"


def test_an_unknown_host_in_shared_subnets_is_another_host() -> None:
    known = replace(INVENTORY, interfaces=(), listed=NIGHT)

    assert called(UNKNOWN_STORE, tcp(9999), inventory=known) == "another host of the VPC"


def test_two_places_with_the_same_port_and_subnet_are_not_guessed() -> None:
    matrix = replace(
        incident.SHOP,
        externals=tuple(replace(each, ports=(tcp(6379),)) for each in incident.SHOP.externals if each.name != "alb")
        + tuple(each for each in incident.SHOP.externals if each.name == "alb"),
        flows=(),
    )
    asked = AddressBook(compile_firewall(matrix, incident.DEV).layers(), replace(INVENTORY, interfaces=()))

    assert asked.destination(End(UNKNOWN_STORE), tcp(6379), SOON) is UnknownEnd.SHARED


def test_the_load_balancer_is_recognized_by_its_group() -> None:
    assert caller(ALB, "gateway", tcp(3000)) == "alb"
    assert caller(BASTION, "gateway", tcp(3000)) == "another host of the VPC"
    assert caller(BASTION, "gateway", tcp(3000), inventory=replace(INVENTORY, interfaces=())) == "alb"


def test_allowed_callers_of_the_load_balancer_are_its_clients() -> None:
    assert caller(CLIENT, "alb", tcp(443)) == "clients of alb"
    assert caller(STRANGER, "alb", tcp(443)) == "the internet"
    assert caller(CLIENT, "api", tcp(4000)) == "the internet"


def test_the_address_of_a_service_leads_to_its_pods_and_their_port() -> None:
    found = book().destination(End(incident.API_SERVICE), tcp(80), SOON)

    assert isinstance(found, KnownEnd)
    assert (found.endpoint.name, found.port) == ("api", tcp(4000))
    assert called(incident.CONTROL_PLANE, tcp(443)) == "kubernetes-api"


def test_a_private_address_outside_the_vpc_is_unknown_unless_the_services_are_known() -> None:
    assert called("172.20.9.9", tcp(80), inventory=replace(INVENTORY, services=())) == UnknownEnd.NO_SERVICES.words
    assert called("172.20.9.9", tcp(80)) == "the internet"
    assert caller("172.20.9.9", "api", tcp(80), inventory=replace(INVENTORY, services=())) == "the internet"


def test_a_vpc_address_is_a_host_only_if_pods_were_known_at_the_time() -> None:
    lone = "10.10.11.200"

    assert called(lone, tcp(22)) == "another host of the VPC"
    assert called(lone, tcp(22), inventory=without_pods(INVENTORY)) == UnknownEnd.NO_PODS.words
    assert called(lone, tcp(22), inventory=replace(INVENTORY, listed=None)) == UnknownEnd.BEFORE_LISTING.words
    known = replace(INVENTORY, listed=None, interfaces=(Interface("eni-x", (lone,), ()),))
    assert called(lone, tcp(22), inventory=known) == "another host of the VPC"


def test_a_free_address_of_an_interface_with_pods_is_uncertain() -> None:
    free = "10.10.10.52"
    crowded = Interface("eni-node", (NODE, free), ("sg-dev-nodes",))

    found = called(free, tcp(22), inventory=replace(INVENTORY, listed=None, interfaces=(crowded,)))

    assert found == UnknownEnd.BEFORE_LISTING.words


@pytest.mark.parametrize("text", ["", "-", "10.10.10", "10.10.10.0/24", "10.10.10.1-10.10.10.9", "api"])
def test_an_invalid_address_is_unknown(text: str) -> None:
    assert called(text, tcp(80)) == UnknownEnd.NO_ADDRESS.words


def test_the_resolver_on_the_node_is_known_by_its_address() -> None:
    matrix, environment = CASES["dev-node-local-dns"]()
    asked = AddressBook(compile_firewall(matrix, environment).layers(), INVENTORY)

    found = asked.destination(End("169.254.20.10"), udp(53), SOON)

    assert isinstance(found, KnownEnd)
    assert found.endpoint.name == "DNS on the node"


def test_an_address_of_ipv6_belongs_to_a_pod_a_place_a_resolver_or_an_interface_as_one_of_ipv4_does() -> None:
    matrix, environment = CASES["dev"]()
    vpc = (*environment.vpc_networks, ip_network("2001:db8::/56"))
    redis = Place((ip_network("2001:db8:0:20::/64"),), None, environment.place("redis").groups)
    resolvers = (ip_network("fd00::10:10"), ip_network("fd00:20::a"))
    cluster = replace(environment.cluster, services=(ip_network("fd00:20::/108"),), resolvers=resolvers)
    places = tuple((name, redis if name == "redis" else place) for name, place in environment.places)
    environment = replace(environment, vpc_networks=vpc, cluster=cluster, places=places)
    pod = Pod("flash-ticket", "api-0", (("app", "flash-api"),), ("2001:db8:0:10:a::5",), "2001:db8:0:10::9", None, None)
    store = Interface("eni-redis", (), tuple(group.id for group in redis.groups), redis.networks)
    inventory = replace(INVENTORY, pods=(pod,), interfaces=(store,), services=())
    asked = AddressBook(compile_firewall(matrix, environment).layers(), inventory)

    def named(address: str, port: PortRange) -> str:
        found = asked.destination(End(address), port, Span(inventory.taken, inventory.taken))
        return found.words if isinstance(found, UnknownEnd) else found.endpoint.name

    assert named("2001:db8:0:10:a::5", tcp(4000)) == "api"
    assert named("2001:db8:0:20::7", tcp(6379)) == "redis"
    assert named("fd00::10:10", udp(53)) == "DNS on the node"
    assert named("2001:db8:0:10::9", tcp(22)) == "another host of the VPC"
    assert named("2606:4700::1111", tcp(443)) == "the internet"
    assert named("fd00:20::99", tcp(443)) == UnknownEnd.NO_SERVICES.words


def test_ports_known_to_be_called_are_those_of_the_matrix_and_dns() -> None:
    numbers = {Protocol.TCP: {53, 443, 3000, 3100, 3306, 4000, 5432, 5672, 6379}, Protocol.UDP: {53}}

    assert book().listening == {(6, port) for port in numbers[Protocol.TCP]} | {(17, 53)}


ROUTER = "10.244.3.1"


def test_a_probe_from_the_router_of_the_network_plug_in_comes_from_the_kubelet() -> None:
    probe = End(ROUTER, None, NonPod.HOST)

    assert caller(probe, "api", tcp(4000)) == "the kubelet"
    assert caller(replace(probe, address=NODE), "api", tcp(4000)) == "the kubelet"
    # Nothing probes a port that the service does not have, and only a pod's own node probes it.
    assert caller(probe, "api", tcp(4001)) == "another host of the VPC"
    assert caller(replace(probe, nonpod=NonPod.NODE), "api", tcp(4000)) == "another host of the VPC"


def test_a_node_that_the_log_names_needs_no_inventory() -> None:
    for nonpod in (NonPod.HOST, NonPod.NODE):
        node = End(ROUTER, None, nonpod)
        assert called(node, tcp(10250), inventory=without_pods(INVENTORY)) == "another host of the VPC"
        assert caller(node, "api", tcp(9), inventory=without_pods(INVENTORY)) == "another host of the VPC"
    # The address of the router may be one that a pod has had before.
    assert caller(End(incident.API.addresses[0], None, NonPod.HOST), "api", tcp(9)) == "another host of the VPC"


def test_an_address_of_the_vpc_that_the_log_puts_outside_the_cluster_belongs_to_no_pod() -> None:
    outside = End("10.10.10.200", None, NonPod.WORLD)

    assert caller(outside, "api", tcp(4000), inventory=without_pods(INVENTORY)) == "another host of the VPC"
    assert caller(replace(outside, address=REDIS), "api", tcp(4000)) == "redis"
    assert caller(replace(outside, address=STRANGER), "api", tcp(4000)) == "the internet"
    # Cilium knows a new pod a little later than the API server does.
    assert caller(replace(outside, address=incident.PAY.addresses[0]), "api", tcp(4000)) == "pay"


def test_a_pod_that_the_log_describes_by_labels_alone_gets_its_name_from_its_address() -> None:
    (address,), nameless = incident.PAY.addresses, PodIdentity("flash-ticket", "", (("app", "flash-pay"),))

    def name_of(what: End) -> str:
        found = book().destination(what, tcp(3100), SOON)
        assert isinstance(found, KnownEnd)
        assert found.endpoint.name == "pay"
        assert found.pod
        return found.pod.name

    assert name_of(End(address, nameless)) == "pay-1"
    assert name_of(End(incident.API.addresses[0], nameless)) == ""
    assert name_of(End("10.10.10.200", nameless)) == ""


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("169.254.170.23", "pod-identity"),
        ("169.254.169.254", "instance-metadata"),
        (incident.CONTROL_PLANE, "kubernetes-api"),
        ("169.254.170.2", "the internet"),
    ],
)
def test_what_every_cluster_has_is_known_though_no_flow_names_it(address: str, name: str) -> None:
    assert called(address, tcp(80)) == name


def test_an_address_that_a_place_alone_has_is_that_place_whatever_groups_others_there_carry() -> None:
    """Nodes can have the cluster's group, and so do the interfaces of the API server."""
    environment = FIREWALL.environment
    group = environment.cluster.group
    place = Place((ip_network("10.10.10.77"),), None, (group,), Occupants.ONLY)
    places = tuple((name, place if name == "redis" else there) for name, there in environment.places)
    layers = compile_firewall(FIREWALL.matrix, replace(environment, places=places)).layers()
    node = Interface("eni-node", (NODE,), (group.id,))
    asked = AddressBook(layers, replace(INVENTORY, interfaces=(*INVENTORY.interfaces, node)))

    found = [asked.destination(end(each), tcp(6379), SOON) for each in ("10.10.10.77", NODE)]
    assert [each.endpoint.name for each in found if isinstance(each, KnownEnd)] == ["redis", "another host of the VPC"]
    back = asked.source(end("10.10.10.77"), KnownEnd(layers.named["api"], port=tcp(4000)), SOON)
    assert isinstance(back, KnownEnd)
    assert back.endpoint.name == "redis"
