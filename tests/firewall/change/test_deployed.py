"""A deployment is read from both APIs as what the compilers produced, apart from additions of others."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList
from flash_ticket.firewall.change.deployed import Deployed, is_ours
from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.compile.quota import ForeignAttachment
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol, tcp
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.described import Described, deployed, nothing_deployed
from tests.support.declared.stacks import CASES


def shop() -> CompiledFirewall:
    return compile_firewall(shop_matrix(), environment_of("dev"))


def read_rules(**described: Any) -> tuple[GroupRule, ...]:  # noqa: ANN401 - parts of a description
    """Return the rules that are read from one described rule of the group of the service api."""
    base = {"GroupId": "sg-own-api", "IsEgress": False, "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    peer = {} if {"CidrIpv6", "PrefixListId", "ReferencedGroupInfo"} & set(described) else {"CidrIpv4": "10.0.0.0/8"}
    return deployed(shop(), rules=({**base, **peer, **described},)).firewall(environment_of("dev")).rules


def opened(**described: Any) -> list[str]:  # noqa: ANN401 - parts of a description
    return [str(rule.ports) for rule in read_rules(**described)]


def security_group_policy(name: str, spec: Described, **labels: str) -> Described:
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.mark.parametrize("case", CASES)
def test_a_golden_firewall_is_read_back_as_compiled(case: str) -> None:
    firewall = compile_firewall(*CASES[case]())

    assert deployed(firewall).firewall(firewall.environment) == firewall.vpc


@given(shops())
def test_any_firewall_is_read_back_as_compiled(drawn: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*drawn)

    assert deployed(firewall).firewall(firewall.environment) == firewall.vpc


@given(shops())
def test_a_deployed_firewall_has_the_planned_proof_and_reachability(drawn: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*drawn)

    before = deployed(firewall).layers(firewall.matrix, firewall.environment)

    assert list(before.connections()) == list(firewall.layers().connections())


@given(shops())
def test_the_order_of_the_apis_answers_does_not_matter(drawn: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*drawn)
    stands = deployed(firewall)
    turned = replace(stands, policies=stands.policies[::-1], rules=stands.rules[::-1], groups=stands.groups[::-1])

    assert list(turned.layers(*drawn).connections()) == list(stands.layers(*drawn).connections())


def test_before_the_first_deployment_nothing_is_deployed() -> None:
    first = nothing_deployed()

    assert first.is_first
    assert first.layers(shop_matrix(), environment_of("dev")).matrix == shop_matrix()
    assert first.firewall(environment_of("dev")).rules == ()
    assert not deployed(shop()).is_first


def test_after_a_deployment_of_one_layer_the_next_is_not_the_first() -> None:
    assert not deployed(shop(), rules=()).is_first
    assert not deployed(shop(), policies=()).is_first


def test_a_service_that_is_no_longer_declared_is_still_an_endpoint() -> None:
    declared = shop_matrix()
    smaller = replace(
        declared,
        services=tuple(service for service in declared.services if service.name != "pay"),
        flows=tuple(flow for flow in declared.flows if "pay" not in {flow.source, flow.target}),
    )

    seen = deployed(shop()).layers(smaller, environment_of("dev")).matrix

    assert [service.name for service in seen.services] == ["api", "gateway", "pay"]
    assert seen.services[-1].pods == (("app", "flash-pay"),)
    assert seen.flows == smaller.flows


def test_a_service_that_became_an_external_is_an_endpoint_besides_its_new_place() -> None:
    """Its name now belongs to an external; the pods that still exist need another name."""
    declared = shop_matrix()
    moved = replace(
        declared,
        services=tuple(service for service in declared.services if service.name != "pay"),
        externals=(*declared.externals, External("pay", (tcp(3100),), None, ())),
        flows=tuple(flow for flow in declared.flows if flow.source != "pay"),
    )
    environment = environment_of("dev")
    redis = environment.place("redis")
    rebound = replace(environment, places=(*environment.places, ("pay", replace(redis, groups=()))))

    planned = compile_firewall(moved, rebound)
    changed = impact(deployed(shop()), planned.layers()).difference

    assert changed
    lines = [str(change) for change in changed.through_both]
    assert "removed  api => pay in the cluster : TCP 3100" in lines
    assert "added    api => pay : TCP 3100" in lines


def test_an_object_is_ours_only_by_its_label() -> None:
    label = "app.kubernetes.io/managed-by"

    assert is_ours({"metadata": {"labels": {label: MANAGED_BY}}})
    assert not is_ours({"metadata": {"labels": {label: "Helm"}}})
    assert not is_ours({"metadata": {"labels": {}}})
    assert not is_ours({"metadata": {}})


@pytest.mark.parametrize(
    ("protocol", "first", "last", "ports"),
    [
        ("tcp", 80, 80, ["TCP 80"]),
        ("tcp", 8000, 8010, ["TCP 8000-8010"]),
        ("udp", 53, 53, ["UDP 53"]),
        ("6", 80, 80, ["TCP 80"]),
        ("17", 53, 53, ["UDP 53"]),
        ("132", 5000, 5001, ["SCTP 5000-5001"]),
        ("sctp", 5000, 5001, ["SCTP 5000-5001"]),
        ("tcp", 0, 65535, ["TCP 1-65535"]),
        ("tcp", 0, 0, []),
        ("tcp", -1, -1, ["TCP 1-65535"]),
        ("-1", -1, -1, ["TCP 1-65535", "UDP 1-65535", "SCTP 1-65535"]),
        ("icmp", 8, -1, []),
        ("icmp", -1, -1, []),
        ("icmpv6", -1, -1, []),
        ("58", -1, -1, []),
        ("50", -1, -1, []),
    ],
)
def test_each_protocol_opens_the_ports_that_it_has(protocol: str, first: int, last: int, ports: list[str]) -> None:
    assert opened(IpProtocol=protocol, FromPort=first, ToPort=last) == ports


def test_a_rule_for_all_traffic_may_come_without_ports() -> None:
    described = {
        "GroupId": "sg-own-api",
        "IsEgress": True,
        "IpProtocol": "-1",
        "CidrIpv4": "0.0.0.0/0",
    }

    rules = deployed(shop(), rules=(described,)).firewall(environment_of("dev")).rules

    assert [rule.ports for rule in rules] == [PortRange(protocol, 1, MAX_PORT) for protocol in Protocol]
    assert {rule.direction for rule in rules} == {Direction.EGRESS}


def test_a_peer_may_be_an_ipv6_block() -> None:
    assert [rule.peer for rule in read_rules(CidrIpv6="2001:db8::/32")] == [ip_network("2001:db8::/32")]


def test_a_group_outside_the_binding_is_read() -> None:
    unknown = Group("sg-gone", "sg-gone")

    (as_peer,) = read_rules(ReferencedGroupInfo={"GroupId": "sg-gone"})
    (as_holder,) = read_rules(GroupId="sg-gone")

    assert as_peer.peer == as_holder.holder == unknown


def test_a_prefix_list_outside_the_binding_has_only_its_id() -> None:
    (rule,) = read_rules(PrefixListId="pl-gone")

    assert rule.peer == PrefixList("pl-gone", "pl-gone", 4, 1, ())


def test_a_rule_without_a_description_is_read() -> None:
    assert [rule.holder for rule in read_rules()] == [OwnGroup("api")]


def test_a_group_without_its_tag_is_labelled_by_its_id() -> None:
    bare = {"GroupId": "sg-own-api", "GroupName": "x"}

    firewall = deployed(shop(), groups=(bare,), rules=()).firewall(environment_of("dev"))

    assert firewall.groups == (OwnGroup("sg-own-api"),)


def test_an_attachment_of_a_foreign_group_attaches_no_group_of_ours() -> None:
    foreign = security_group_policy(
        "api", {"podSelector": {"matchLabels": {"app": "flash-api"}}, "securityGroups": {"groupIds": ["sg-theirs"]}}
    )

    assert deployed(shop(), attachments=(foreign,)).firewall(environment_of("dev")).attachments == ()


@pytest.mark.parametrize("spec", [{}, {"podSelector": {}}, {"securityGroups": {}}, {"serviceAccountSelector": {}}])
def test_an_incomplete_attachment_is_read(spec: Described) -> None:
    odd = security_group_policy("odd", spec)
    stands = deployed(shop(), attachments=(odd,), foreign_attachments=(odd, {"metadata": {"name": "bare"}}))

    assert stands.firewall(environment_of("dev")).attachments == ()
    assert all(crowd.groups == () for crowd in stands.crowding)


def test_groups_that_others_attach_to_pods_are_counted_separately() -> None:
    theirs = security_group_policy(
        "mesh", {"podSelector": {"matchLabels": {"mesh": "on"}}, "securityGroups": {"groupIds": ["sg-1", "sg-2"]}}
    )

    crowding = deployed(shop(), foreign_attachments=(theirs,)).crowding

    assert crowding == (ForeignAttachment("mesh", (("mesh", "on"),), ("sg-1", "sg-2")),)


def test_policies_of_others_are_not_part_of_our_layers() -> None:
    open_to_all: Described = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "theirs", "namespace": "flash-ticket"},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    with_it: Deployed = deployed(shop(), foreign_policies=(open_to_all,))

    before = with_it.layers(shop_matrix(), environment_of("dev"))

    assert list(before.connections()) == list(shop().layers().connections())
