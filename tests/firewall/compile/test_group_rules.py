"""The VPC layer allows declared flows, DNS, probes and clients, in rules whose names say what they allow."""

import json
import re
from dataclasses import replace
from ipaddress import ip_network
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment, Group, Place, PrefixList
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, VpcFirewall, group_of_all_pods
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import Protocol
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import (
    environments,
    files_with_one_more_flow,
    rewritten,
    shops,
    traffic_files,
)
from tests.support.declared.golden_file import compare, vpc_text
from tests.support.declared.stacks import CASES, traffic_content
from tests.support.naive.naive_declaration import interface_may_receive, interface_may_send
from tests.support.naive.naive_security_groups import Interface, Packet, enters, leaves

Shop = tuple[Matrix, Environment]


def compiled(case: str) -> VpcFirewall:
    return compile_groups(*CASES[case]())


def names(firewall: VpcFirewall) -> set[str]:
    return {rule.name for rule in firewall.rules}


@pytest.mark.parametrize("case", CASES)
def test_the_groups_and_rules_are_the_reviewed_ones(case: str, update_golden: bool) -> None:  # noqa: FBT001 - a fixture
    compare(f"{case}/security-groups.yaml", vpc_text(compiled(case)), update=update_golden)


@given(traffic_files(), st.data(), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_change_the_output(
    content: dict[str, Any], data: st.DataObject, random: Random
) -> None:
    matrix = parse_matrix(content, "traffic.yaml")
    again = parse_matrix(rewritten(content, random), "traffic.yaml")
    environment = data.draw(environments(matrix))
    first, second = (compile_groups(each, environment) for each in (matrix, again))

    assert first == second
    assert json.dumps(vpc_text(first)) == json.dumps(vpc_text(second))


@settings(max_examples=40)
@given(shops())
def test_exactly_the_declared_flows_dns_probes_and_clients_pass(shop: Shop) -> None:
    matrix, environment = shop
    rules = compile_groups(matrix, environment).rules
    interfaces = interfaces_of(matrix, environment)

    for source, target, (protocol, port) in product(interfaces, interfaces, ports_in_play(matrix)):
        packet = Packet(source, target, protocol, port)
        assert leaves(rules, packet) == interface_may_send(matrix, environment, packet), packet
        assert enters(rules, packet) == interface_may_receive(matrix, environment, packet), packet


def interfaces_of(matrix: Matrix, environment: Environment) -> list[Interface]:
    """Return an interface of each service, the load balancer and each existing group, and hosts without groups."""
    networks = [network for front in environment.load_balancers for network in front.networks_of_clients]
    cluster = environment.cluster
    existing = {cluster.group, *cluster.nodes, *cluster.groups_of_dns, Group("sg-9", "foreign")}
    for _, place in environment.places:
        existing.update(place.groups)
        networks += place.networks
    every = group_of_all_pods(matrix.namespace)
    pods = [Interface((OwnGroup(service.name), every), "10.9.9.9") for service in matrix.services]
    fronts = (OwnGroup(front.external) for front in environment.load_balancers)
    others: list[OwnGroup | Group] = [*fronts, *sorted(existing)]
    found = [*pods, *(Interface((group,), "10.9.9.9") for group in others)]
    found += [Interface((), address) for address in ("8.8.8.8", *{str(network[-1]) for network in networks})]
    return [*found, Interface(tuple(sorted(existing)), str(networks[0][0]) if networks else "10.9.9.9")]


def ports_in_play(matrix: Matrix) -> list[tuple[Protocol, int]]:
    """Return DNS, the listener, the bounds of every declared range, and the ports just outside."""
    numbers = {53, 443}
    for flow in matrix.flows:
        for port in flow.ports:
            numbers |= {port.first - 1, port.first, port.last, port.last + 1}
    kept = sorted(number for number in numbers if 1 <= number <= 65535)[:9]
    return [(protocol, number) for protocol in (Protocol.TCP, Protocol.UDP) for number in kept]


@pytest.mark.parametrize("attachment", Attachment)
@pytest.mark.parametrize("written", [(), ("cluster",), ("nodes",)], ids=["nothing", "the cluster's", "the nodes'"])
def test_dns_passes_to_each_group_that_its_pods_can_have_and_to_no_other(
    written: tuple[str, ...], attachment: Attachment
) -> None:
    matrix, environment = CASES["dev"]()
    cluster = environment.cluster
    groups = {"cluster": cluster.group, "nodes": cluster.nodes[0]}
    dns = tuple(groups[each] for each in written)
    changed = replace(environment, cluster=replace(cluster, attachment=attachment, dns_groups=dns))

    rules = [rule for rule in compile_groups(matrix, changed).rules if rule.ports.first == 53]

    every = group_of_all_pods(matrix.namespace)
    sources = {every} if attachment is Attachment.PODS else {*cluster.nodes}
    asked = set(product(sources, dns or groups.values()))
    assert {(rule.holder, rule.peer) for rule in rules if rule.direction is Direction.EGRESS} == asked
    assert {(rule.peer, rule.holder) for rule in rules if rule.direction is Direction.INGRESS} == asked
    assert len(rules) == 4 * len(asked)


@given(shops())
def test_two_rules_never_have_the_same_name_or_content(shop: Shop) -> None:
    rules = compile_groups(*shop).rules

    assert len({rule.name for rule in rules}) == len(rules)
    assert len({(rule.holder, rule.direction, rule.peer, rule.ports) for rule in rules}) == len(rules)


@given(files_with_one_more_flow(), st.data())
def test_one_more_flow_only_adds_rules(files: tuple[Any, Any], data: st.DataObject) -> None:
    before, after = (parse_matrix(file, "traffic.yaml") for file in files)
    environment = data.draw(environments(before))
    old, new = compile_groups(before, environment), compile_groups(after, environment)

    def by_name(firewall: VpcFirewall) -> dict[str, GroupRule]:
        return {rule.name: replace(rule, flows=()) for rule in firewall.rules}

    assert old.groups == new.groups
    assert old.attachments == new.attachments
    assert by_name(old).items() <= by_name(new).items()


@given(shops())
def test_every_rule_is_in_an_own_or_existing_group(shop: Shop) -> None:
    matrix, environment = shop
    firewall = compile_groups(matrix, environment)
    existing = {environment.cluster.group, *environment.cluster.nodes, *environment.cluster.groups_of_dns}
    existing.update(group for _, place in environment.places for group in place.groups)

    for rule in firewall.rules:
        assert rule.holder in existing or rule.holder in firewall.groups
        if isinstance(rule.peer, OwnGroup):
            assert rule.peer in firewall.groups


@given(shops())
def test_each_load_balancer_and_each_service_with_pod_groups_has_an_own_group(shop: Shop) -> None:
    matrix, environment = shop
    firewall = compile_groups(matrix, environment)
    in_pods = environment.cluster.attachment is Attachment.PODS
    used = Attachment.PODS in environment.cluster.in_use
    every = group_of_all_pods(matrix.namespace)
    services = {every.label, *(service.name for service in matrix.services)} if used else set()

    fronts = {front.external for front in environment.load_balancers}
    assert {group.label for group in firewall.groups} == {*fronts, *services}
    assert {each.service: (each.groups, each.pods) for each in firewall.attachments} == {
        service.name: ((OwnGroup(service.name), every), service.pods) for service in matrix.services if in_pods
    }


@given(shops())
def test_every_rule_names_its_flows(shop: Shop) -> None:
    for rule in compile_groups(*shop).rules:
        assert rule.flows
        assert list(rule.flows) == sorted(rule.flows)


def test_a_rules_name_contains_group_direction_port_and_peer() -> None:
    found = names(compiled("dev"))

    assert {
        "api-egress-tcp-3100-to-pay",
        "pay-ingress-tcp-3100-from-api",
        "alb-ingress-tcp-443-from-203.0.113.0/24",
        "api-egress-tcp-6379-to-flash-ticket-dev-redis",
        "flash-ticket-dev-redis-ingress-tcp-6379-from-api",
    } <= found


def test_pods_with_their_own_groups_have_rules_for_probes_and_dns() -> None:
    found = names(compiled("dev"))

    assert "gateway-ingress-tcp-3000-from-flash-ticket-dev-nodes" in found
    assert "flash-ticket-dev-nodes-egress-tcp-1-65535-to-pods.flash-ticket" in found
    for protocol in ("tcp", "udp"):
        assert f"pods.flash-ticket-egress-{protocol}-53-to-eks-cluster-sg-flash-ticket-dev-1234567" in found
        assert f"eks-cluster-sg-flash-ticket-dev-1234567-ingress-{protocol}-53-from-pods.flash-ticket" in found


def test_with_attachment_nodes_all_services_share_the_nodes_group() -> None:
    firewall = compiled("dev-nodes")

    assert firewall.groups == (OwnGroup("alb"),)
    assert firewall.attachments == ()
    assert "flash-ticket-dev-nodes-ingress-tcp-4000-from-flash-ticket-dev-nodes" in names(firewall)


def test_cloudfronts_list_is_one_rule_per_listener() -> None:
    rules = [rule for rule in compiled("prod").rules if isinstance(rule.peer, PrefixList)]

    assert [rule.name for rule in rules] == [
        "alb-ingress-tcp-443-from-com.amazonaws.global.cloudfront.origin-facing",
    ]
    assert rules[0].direction is Direction.INGRESS


def test_a_customers_prefix_list_is_named_by_its_id() -> None:
    """Another list can have the same name, and the name can change; both would break the rule's name."""
    matrix, environment = CASES["dev"]()
    offices = [PrefixList(f"pl-{number}", "office", 4, 5, ()) for number in (1, 2)]
    found = set()
    for office in offices:
        front = replace(environment.load_balancers[0], clients=office)
        found |= {rule.name for rule in compile_groups(matrix, replace(environment, load_balancers=(front,))).rules}

    assert {"alb-ingress-tcp-443-from-pl-1", "alb-ingress-tcp-443-from-pl-2"} <= found


def test_a_place_by_prefix_list_is_a_rule_with_the_list_itself() -> None:
    """A rule with the list follows the list; rules with its current entries would not."""
    matrix, environment = CASES["dev"]()
    listed = PrefixList("pl-1", "office", 4, 20, (ip_network("192.0.2.0/25"), ip_network("198.51.100.0/24")))
    places = {**dict(environment.places), "redis": Place(listed.networks, listed, ())}
    rules = compile_groups(matrix, replace(environment, places=tuple(sorted(places.items())))).rules

    assert [rule.peer for rule in rules if rule.name == "api-egress-tcp-6379-to-pl-1"] == [listed]
    assert not [rule for rule in rules if rule.peer in listed.networks]


def test_service_names_that_give_two_rules_the_same_name_are_refused() -> None:
    trick = "a-egress-tcp-1-to-b"
    services = {
        name: {"pods": {"app": f"app-{number}"}, "ports": [1]}
        for number, name in enumerate(("a", trick, "c", "b-egress-tcp-1-to-c"))
    }
    content = {
        "namespace": "shop",
        "services": services,
        "externals": {"alb": {}, "rabbitmq": {}, "redis": {}, "database": {}},
        "flows": [{"from": trick, "to": "c"}, {"from": "a", "to": "b-egress-tcp-1-to-c"}],
    }
    _, environment = CASES["dev"]()

    with pytest.raises(InputError) as refused:
        compile_groups(parse_matrix(content, "traffic.yaml"), environment)
    assert str(refused.value) == (
        "traffic.yaml: a rule of the security group a and one of a-egress-tcp-1-to-b would both be named "
        "a-egress-tcp-1-to-b-egress-tcp-1-to-c. Rename a service or external whose name reads like a rule's."
    )


@pytest.mark.parametrize(
    ("key", "change"),
    [
        (
            "cluster.nodes",
            lambda environment, group: replace(environment, cluster=replace(environment.cluster, nodes=(group,))),
        ),
        (
            "cluster.name",
            lambda environment, group: replace(
                environment, cluster=replace(environment.cluster, group=group, dns_groups=())
            ),
        ),
        (
            "places.redis.groups",
            lambda environment, group: replace(
                environment,
                places=tuple(
                    (name, replace(place, groups=(group,)) if name == "redis" else place)
                    for name, place in environment.places
                ),
            ),
        ),
    ],
)
def test_a_group_whose_name_would_make_that_of_a_rule_too_long_for_ec2_is_refused(key: str, change: Any) -> None:  # noqa: ANN401 - a function of each row
    matrix, environment = CASES["dev"]()
    longest = Group("sg-1", "g" * 255)  # the limit of a group's name (EC2 API reference, CreateSecurityGroup)
    with pytest.raises(InputError) as refused:
        compile_groups(matrix, change(environment, longest))

    (line,) = {str(each) for each in refused.value.each}
    assert line.startswith(f"Pulumi.dev.yaml: flash-ticket-firewall:binding.{key}: the name of the security group 'ggg")
    assert "has 255 characters, so a rule about it would have a Name of 2" in line
    assert line.endswith(
        "and EC2 allows 256. Use a group with a shorter name, or shorten the names of services in traffic.yaml."
    )


@given(shops())
def test_ec2_accepts_every_description_whatever_a_flow_says_about_itself(shop: Shop) -> None:
    """EC2 API reference, IpRange: up to 255 characters of a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*."""
    for rule in compile_groups(*shop).rules:
        assert re.fullmatch(r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}", rule.description)


@pytest.mark.parametrize(
    ("because", "said"),
    [
        ("ticket 12", "gateway to api (ticket 12)"),
        ("it's old, and\ndue", "gateway to api (it s old and due)"),
        ("정산", "gateway to api"),
        ("x" * 200, f"gateway to api ({'x' * 100})"),
    ],
)
def test_a_rule_says_why_its_flow_is_there_as_far_as_ec2_lets_it(because: str, said: str) -> None:
    matrix = shop_matrix()
    flows = tuple(replace(each, because=because) if each.source == "gateway" else each for each in matrix.flows)
    firewall = compile_groups(replace(matrix, flows=flows), environment_of("dev"))
    (rule,) = (each for each in firewall.rules if each.name == "gateway-egress-tcp-4000-to-api")

    assert rule.description == said


def test_no_rule_has_a_longer_name_than_ec2_allows_however_long_the_names_of_services_are() -> None:
    content = traffic_content()
    renamed = json.loads(json.dumps(content).replace('"gateway"', f'"{"g" * 63}"').replace('"api"', f'"{"a" * 63}"'))
    renamed["services"]["a" * 63]["ports"] = ["10000-65535"]
    matrix = parse_matrix(renamed, "traffic.yaml")
    firewall = compile_groups(matrix, environment_of("dev", matrix=matrix))

    assert 150 < max(len(rule.name) for rule in firewall.rules) <= 256
    assert max(len(rule.description) for rule in firewall.rules) <= 255
