"""Both layers' verdicts on one connection, with the names of the matrix."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.impact import difference
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.address_ends import Held, Holder, KnownAddresses, Question
from flash_ticket.firewall.prove.both_layers import BothLayers, has_say
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.prove.endpoint import (
    KUBELET,
    NODE_DNS,
    VPC_HOST,
    Endpoint,
    Role,
    before_restart,
)
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortRange, PortSet, tcp, udp
from flash_ticket.firewall.terms.verdict import Answer, Extent, Layer, Verdict
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.declared.at_random.matrices import blocks_of, shops, shops_beside_others, wide_shops
from tests.support.declared.stacks import CASES
from tests.support.naive.naive_changes import addresses


@pytest.fixture(scope="module")
def layers() -> BothLayers:
    return compile_firewall(shop_matrix(), environment_of("dev")).layers()


def asked(layers: BothLayers, source: str, destination: str, port: str) -> dict[Layer, Verdict]:
    return {verdict.layer: verdict for verdict in layers.verdicts(source, destination, port)}


def refusal(layers: BothLayers, *question: str) -> str:
    with pytest.raises(InputError) as refused:
        layers.verdicts(*question)
    return str(refused.value)


def words(verdict: Verdict) -> list[str]:
    return [str(side) for side in (verdict.egress, verdict.ingress)]


def test_a_declared_flow_passes_both_layers_by_the_rules_that_allow_it(layers: BothLayers) -> None:
    said = asked(layers, "gateway", "api", "4000")

    assert all(verdict.passes for verdict in said.values())
    assert words(said[Layer.POD]) == [
        "Egress: allowed by flash-ticket/04-allow-egress-gateway egress[0]",
        "Ingress: allowed by flash-ticket/02-allow-api-from-gateway ingress[0]",
    ]
    assert words(said[Layer.VPC]) == [
        "Egress: allowed by gateway gateway-egress-tcp-4000-to-api",
        "Ingress: allowed by api api-ingress-tcp-4000-from-gateway",
    ]


def test_verdicts_use_only_the_names_of_the_matrix(layers: BothLayers) -> None:
    for verdict in layers.verdicts("gateway", "pay", "3100"):
        assert (verdict.source, verdict.destination) == ("gateway", "pay")
        assert (verdict.egress.endpoint, verdict.egress.peer) == ("gateway", "pay")
        assert (verdict.ingress.endpoint, verdict.ingress.peer) == ("pay", "gateway")


def test_both_layers_stop_an_undeclared_connection_and_name_the_governors(layers: BothLayers) -> None:
    said = asked(layers, "gateway", "pay", "3100")

    assert not any(verdict.passes for verdict in said.values())
    assert said[Layer.VPC].egress.governors == ("gateway", "pods.flash-ticket")
    assert "flash-ticket/00-default-deny" in said[Layer.POD].ingress.governors
    assert "no rule names gateway" in words(said[Layer.POD])[1]


def test_another_port_of_a_declared_flow_is_stopped_with_the_rule_for_the_peer(layers: BothLayers) -> None:
    said = asked(layers, "gateway", "api", "4001")

    assert not any(verdict.passes for verdict in said.values())
    assert "api-ingress-tcp-4000-from-gateway names gateway, but not this port" in words(said[Layer.VPC])[1]


@pytest.mark.parametrize(
    ("source", "destination", "port"),
    [
        ("the internet", "api", "4000"),
        ("another pod of flash-ticket", "pay", "3100"),
        ("a pod elsewhere in the cluster", "gateway", "3000"),
        ("api", "the internet", "443"),
        ("pay", "another host of the VPC", "22"),
        ("clients of alb", "gateway", "3000"),
    ],
)
def test_connections_of_undeclared_endpoints_are_stopped(
    layers: BothLayers, source: str, destination: str, port: str
) -> None:
    assert not all(verdict.passes for verdict in layers.verdicts(source, destination, port))


@pytest.mark.parametrize("port", ["53", "udp/53", "UDP 53", "53-53"])
def test_ports_are_written_as_people_write_them(layers: BothLayers, port: str) -> None:
    assert all(verdict.passes for verdict in layers.verdicts("pay", "DNS", port))


def test_a_range_of_ports_passes_only_if_all_its_ports_pass(layers: BothLayers) -> None:
    assert not any(verdict.passes for verdict in layers.verdicts("gateway", "api", "3999-4000"))


def test_a_layer_without_a_say_gives_no_verdict(layers: BothLayers) -> None:
    assert set(asked(layers, "alb", "redis", "6379")) == {Layer.VPC}
    assert set(asked(layers, "the kubelet", "api", "4000")) == {Layer.VPC}


def test_only_the_pod_layer_has_a_say_on_dns_on_the_node() -> None:
    matrix, environment = CASES["dev-node-local-dns"]()
    layers = compile_firewall(matrix, environment).layers()

    assert set(asked(layers, "api", "DNS on the node", "53")) == {Layer.POD}
    assert refusal(layers, "redis", "DNS on the node", "53") == (
        "dev: redis: no layer controls connections between it and DNS on the node. Name a service at one end."
    )


@pytest.mark.parametrize(
    ("written", "meant"), [("gatway", "gateway"), ("paay", "pay"), ("Redis", "redis"), ("databse", "database")]
)
@pytest.mark.parametrize("end", [0, 1])
def test_an_unknown_endpoint_is_an_input_error_with_close_names(
    layers: BothLayers, written: str, meant: str, end: int
) -> None:
    question = ["api", "api"]
    question[end] = written

    line = refusal(layers, *question, "80")

    assert line.startswith(f"dev: {written}: it is not an endpoint. Name one such as ")
    assert meant in line


def test_an_endpoint_without_close_names_is_an_input_error_with_all_names(layers: BothLayers) -> None:
    assert refusal(layers, "zzzzzzzz", "api", "80") == (
        "dev: zzzzzzzz: it is not an endpoint. Name one such as DNS, 'a pod elsewhere in the cluster', alb, "
        "'another host of the VPC', 'another pod of flash-ticket', api, 'clients of alb', database, gateway, pay, "
        "rabbitmq, redis."
    )


def test_the_same_endpoint_twice_is_an_input_error(layers: BothLayers) -> None:
    assert refusal(layers, "redis", "redis", "6379") == (
        "dev: redis: both ends are the same endpoint. Name two different ones, or a service."
    )


@pytest.mark.parametrize(
    "port", ["", "http", "0", "65536", "80-79", "-1", "sctp/x", "icmp/8", "9" * 5000, "²", "4000/"]
)
def test_an_invalid_port_is_an_input_error(layers: BothLayers, port: str) -> None:
    assert refusal(layers, "gateway", "api", port).startswith("PORT: ")


@given(st.text(), st.text(), st.text())
def test_any_question_gives_verdicts_or_a_one_line_error(source: str, destination: str, port: str) -> None:
    layers = compile_firewall(shop_matrix(), environment_of("dev")).layers()
    answers: list[object] = []
    for question in ((source, destination, port), ("api", destination, port), ("gateway", "api", port)):
        try:
            answers += layers.verdicts(*question)[:1]
        except InputError as error:
            answers.append(str(error))

    assert len(answers) == 3
    assert all(isinstance(answer, Verdict) or "\n" not in str(answer) for answer in answers)


@given(shops())
def test_listed_connections_agree_with_the_verdicts(drawn: tuple[Matrix, Environment]) -> None:
    """For declared flows, listing and verdicts agree for every port."""
    layers = compile_firewall(*drawn).layers()
    listed: Any = layers.connections().as_map()
    for flow in drawn[0].flows:
        for port in flow.ports:
            said = layers.verdicts(flow.source, flow.target, f"{port.protocol}/{port.numbers}")
            assert all(verdict.passes for verdict in said)
            assert any(each.covers(port) for each in listed[flow.source, flow.target])


PORTS = (tcp(53), udp(53), tcp(80), tcp(443), tcp(3000), tcp(8005))


ANY_SHOP = st.one_of(shops_beside_others(), wide_shops())


@settings(max_examples=25)
@given(ANY_SHOP, st.sampled_from(PORTS))
def test_an_answer_passes_exactly_where_the_listing_and_the_proof_say_open(
    drawn: tuple[Matrix, Environment], port: PortRange
) -> None:
    layers = compile_firewall(*drawn).layers()
    listed = {(each.source, each.destination): each.ports for each in layers.connections()}
    certain, perhaps = layers.passing, layers.perhaps_passing
    for pair in with_own_pods(layers):
        if Role.SERVICE not in {end.role for end in pair}:
            continue
        said = answered(layers, pair, port)
        for answer, found in ((Answer.PASSES, certain), (Answer.UNKNOWN, perhaps)):
            assert (said is answer) == found.get(pair, NO_PORTS).holds(port.protocol, port.first)
        ports = listed.get((pair[0].name, pair[1].name), NO_PORTS)
        assert (said is not Answer.STOPPED) == ports.holds(port.protocol, port.first)


def with_own_pods(layers: BothLayers) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Yield all pairs of two endpoints, and each service with itself: its pods among themselves."""
    yield from permutations(layers.endpoints, 2)
    yield from ((each, each) for each in layers.endpoints if each.role is Role.SERVICE)


def answered(layers: BothLayers, pair: tuple[Endpoint, Endpoint], port: PortRange) -> Answer:
    """Return the answer that explain gives about both layers."""
    return Answer.of(verdict.answer for layer in Layer if (verdict := layers.answer(layer, *pair, port)))


@settings(max_examples=25)
@given(ANY_SHOP)
def test_the_proof_counts_every_connection_as_it_is_explained_and_listed(drawn: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*drawn)
    layers, proof = firewall.layers(), firewall.proof()
    in_play = PortSet.of(each for ports in declared_connections(layers).values() for each in ports)
    counted: Counter[str] = Counter()
    for pair in permutations(layers.endpoints, 2):
        if Role.SERVICE not in {end.role for end in pair}:
            continue
        pods, vpc, unknown = layers.opened(Layer.POD, *pair), layers.opened(Layer.VPC, *pair), layers.unknown(*pair)
        ours = layers.groups_of_ours.opened(*pair) if has_say(Layer.VPC, *pair) else ALL_PORTS
        counted["both"] += count(in_play - pods - vpc - unknown)
        counted["one"] += count(in_play & ((pods - vpc - unknown) | (vpc - pods)))
        counted["unknown"] += count(in_play & (unknown - pods))
        counted["others"] += count(in_play & (vpc - pods - ours))

    assert (proof.stopped[1], proof.stopped[2]) == (counted["one"], counted["both"])
    assert (proof.others.opened, proof.others.unknown) == (counted["others"], counted["unknown"])


def count(ports: PortSet) -> int:
    return sum(each.last - each.first + 1 for each in ports)


@settings(max_examples=25)
@given(wide_shops(), st.sampled_from(PORTS), st.data())
def test_a_difference_has_exactly_the_ports_whose_answers_change(
    drawn: tuple[Matrix, Environment], port: PortRange, data: st.DataObject
) -> None:
    matrix, environment = drawn
    flow = data.draw(st.sampled_from(matrix.flows))
    fewer = replace(matrix, flows=tuple(each for each in matrix.flows if each is not flow))
    before, after = (compile_firewall(each, environment).layers() for each in (fewer, matrix))
    changed = {(each.source, each.destination): each for each in difference(before, after).through_both}
    for one, other in with_own_pods(after):
        on_its_node = KUBELET in {one.name, other.name} and not (one.has_own_group or other.has_own_group)
        is_known = {one.name, other.name} <= before.named.keys()
        if Role.SERVICE in {one.role, other.role} and is_known and not on_its_node:
            change = changed.get((one.name, other.name))
            former = before.named[one.name], before.named[other.name]
            was, now = (
                answered(layers, pair, port) is Answer.PASSES
                for layers, pair in ((before, former), (after, (one, other)))
            )
            assert change or was == now
            assert not change or (was, now) == tuple(
                ports.holds(port.protocol, port.first) for ports in (change.before, change.after)
            )


@settings(max_examples=15)
@given(wide_shops())
def test_no_layer_stops_what_is_declared_so_no_denial_is_blamed_on_what_is_compiled(
    drawn: tuple[Matrix, Environment],
) -> None:
    """``denied`` asks for the same answer before it says that a compiled layer stops a declared connection."""
    layers = compile_firewall(*drawn).layers()
    for pair, ports in declared_connections(layers).items():
        for port in ports if all(end.workload or end.ranges for end in pair) else ():
            assert answered(layers, pair, port) is not Answer.STOPPED, (pair[0].name, pair[1].name)


def turned(one: Endpoint, other: Endpoint) -> tuple[tuple[Endpoint, Endpoint], tuple[Endpoint, Endpoint]]:
    return (one, other), (other, one)


def best(layers: BothLayers, layer: Layer, pairs: Iterable[tuple[Endpoint, Endpoint]], port: PortRange) -> Answer:
    """Return the answer about some of several pairs: it passes if it passes for one."""
    found = {said.answer for pair in pairs if (said := layers.answer(layer, *pair, port))}
    return next((each for each in (Answer.PASSES, Answer.UNKNOWN) if each in found), Answer.STOPPED)


@settings(max_examples=20)
@given(ANY_SHOP, st.sampled_from(PORTS))
def test_each_layer_lets_hosts_pass_exactly_if_it_lets_one_of_their_addresses_pass(
    drawn: tuple[Matrix, Environment], port: PortRange
) -> None:
    layers = compile_firewall(*drawn).layers()
    question = Question(layers)
    ends = [end.endpoint for address in addresses(drawn[1], blocks_of(drawn[1])) for end in question.ends(address)]
    for service in drawn[0].services:
        inside = layers.named[service.name]
        for host in (each for each in layers.endpoints if each.ranges and not each.workload):
            for layer in (each for each in Layer if has_say(each, inside, host)):
                exact = [end for end in ends if is_part(end, host, layer)]
                for turn in (0, 1):
                    found = best(layers, layer, (turned(inside, end)[turn] for end in exact), port)
                    assert found is best(layers, layer, [turned(inside, host)[turn]], port), (host.name, service.name)


def is_part(one: Endpoint, host: Endpoint, layer: Layer) -> bool:
    """Return whether an address is one of a host's: for the VPC layer with the same groups."""
    if {one.name, host.name} & {KUBELET, NODE_DNS, VPC_HOST}:
        alike = one.name == host.name
    else:
        alike = layer is Layer.POD or one.groups == host.groups
    return alike and all(any(block.covers(each) for block in host.ranges) for each in one.ranges)


@settings(max_examples=8)
@given(ANY_SHOP, st.sampled_from(PORTS))
def test_each_layer_lets_pods_pass_exactly_if_it_lets_one_of_their_addresses_pass(
    drawn: tuple[Matrix, Environment], port: PortRange
) -> None:
    matrix, environment = drawn
    environment = replace(environment, cluster=replace(environment.cluster, services=()))
    layers = compile_firewall(matrix, environment).layers()
    service, within = matrix.services[0], [AddressRange.of_network(each) for each in environment.pod_networks]
    every = addresses(environment, blocks_of(environment))
    known = [each for each in every if any(at.covers(AddressRange.of(each)) for at in within)]
    theirs = {str(each) for network in environment.only_theirs for each in (network[0], network[-1])}
    pod = Held(Holder.POD, matrix.namespace_of(service), f"{service.name}-1", service.pods)
    question = Question(layers, KnownAddresses(dict.fromkeys(known, pod)))
    assert not any(end.endpoint.workload for address in theirs for end in question.ends(address))
    pods = [end.endpoint for address in known if address not in theirs for end in question.ends(address)]
    classes = [layers.named[name] for name in (service.name, before_restart(service.name)) if name in layers.named]
    for other in (each for each in layers.endpoints if each not in classes):
        for layer in (each for each in Layer if has_say(each, classes[0], other)):
            for turn in (0, 1):
                found = best(layers, layer, (turned(each, other)[turn] for each in pods), port)
                assert found is best(layers, layer, (turned(each, other)[turn] for each in classes), port), other.name


def test_a_place_that_takes_in_the_internet_is_explained_as_it_is_listed() -> None:
    content = binding_content("dev")
    content["places"]["redis"] = {"cidrs": ["0.0.0.0/0"]}
    layers = compile_firewall(shop_matrix(), environment_of("dev", content)).layers()

    answers = [verdict.answer for verdict in layers.verdicts("pay", "database", "6379")]
    assert answers == [Answer.PASSES, Answer.UNKNOWN]  # others can allow it in the group of the database
    assert str(layers.connections().as_map()["pay", "database"]) == "TCP 3306,5432,6379"


def test_an_answer_about_some_addresses_says_so() -> None:
    content = binding_content("dev")
    content["places"]["redis"] = {"cidrs": ["10.10.20.0/25"]}
    content["places"]["database"] = {"cidrs": ["10.10.20.0/24"]}
    layers = compile_firewall(shop_matrix(), environment_of("dev", content)).layers()

    verdicts = layers.verdicts("pay", "database", "6379")
    assert [(verdict.passes, verdict.extent) for verdict in verdicts] == [(True, Extent.PART)] * 2
    assert {verdict.extent for verdict in layers.verdicts("pay", "database", "5432")} == {Extent.WHOLE}


@given(shops())
def test_the_names_of_endpoints_are_unique(drawn: tuple[Matrix, Environment]) -> None:
    layers = compile_firewall(*drawn).layers()

    assert len(layers.named) == len(layers.endpoints)
    services = {service.name for service in drawn[0].services}
    leaving = {before_restart(name) for name in services} if drawn[1].cluster.leaving else set()
    assert services | leaving == {endpoint.name for endpoint in layers.endpoints if endpoint.role is Role.SERVICE}


@given(shops())
def test_a_layer_opens_nothing_where_it_has_no_say(drawn: tuple[Matrix, Environment]) -> None:
    layers = compile_firewall(*drawn).layers()

    for layer in Layer:
        assert all(has_say(layer, *pair) for pair in layers.openings(layer))
