"""The proof holds for the compilers' output, and fails for output with an error."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment, FurtherGroups, Place, PrefixList, RuleOfOthers
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, PodAttachment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.proof import GroupsOfOthers
from flash_ticket.firewall.prove.violation import Fault, Violation
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortRange, Protocol, tcp
from flash_ticket.firewall.terms.verdict import Direction, Layer
from tests.support.declared.accounts import environment_of
from tests.support.declared.at_random.kinds import shops_of_all_kinds
from tests.support.declared.stacks import CASES, as_eks_makes_groups, traffic_content
from tests.support.mutants.mutations import Compiled, compiled


@given(shops_of_all_kinds())
def test_the_proof_holds_for_every_compiled_declaration(shop: tuple[Matrix, Environment]) -> None:
    assert compiled(*shop).proof().violations == ()


@given(shops_of_all_kinds())
def test_every_connection_in_play_is_counted_once(shop: tuple[Matrix, Environment]) -> None:
    proof = compiled(*shop).proof()

    assert proof.stopped[1] >= 0
    assert proof.stopped[2] >= 0
    assert 0 <= proof.others.opened <= proof.stopped[1]
    assert proof.others.unknown >= 0


def without_policy(name: str) -> Callable[[Compiled], Compiled]:
    def change(right: Compiled) -> Compiled:
        return replace(right, manifests=tuple(each for each in right.manifests if each["metadata"]["name"] != name))

    return change


def with_policy(namespace: str, **spec: Any) -> Callable[[Compiled], Compiled]:  # noqa: ANN401  # any field
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "more", "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }
    return lambda right: replace(right, manifests=(*right.manifests, body))


def with_rule(rule: GroupRule) -> Callable[[Compiled], Compiled]:
    return lambda right: replace(right, firewall=replace(right.firewall, rules=(*right.firewall.rules, rule)))


def with_attachments(change: Callable[[PodAttachment], PodAttachment]) -> Callable[[Compiled], Compiled]:
    def changed(right: Compiled) -> Compiled:
        attachments = tuple(change(each) for each in right.firewall.attachments)
        return replace(right, firewall=replace(right.firewall, attachments=attachments))

    return changed


def wrong(case: str, change: Callable[[Compiled], Compiled]) -> list[str]:
    return [said(each) for each in change(compiled(*CASES[case]())).proof().violations]


def said(each: Violation) -> str:
    fault = "cut" if each.fault is Fault.CUT else "open"
    return f"{fault} {each.layer.value}: {each.source} => {each.destination} : {each.ports}"


@pytest.mark.parametrize(
    "lost", ["pods.flash-ticket-egress-udp-53-to-flash-ticket-dev-nodes", "nodes-ingress-tcp-53-from-pods.flash-ticket"]
)
def test_dns_is_cut_if_one_of_the_groups_that_its_pods_can_have_is_not_reached(lost: str) -> None:
    matrix, environment = CASES["dev"]()
    right = compiled(matrix, replace(environment, cluster=replace(environment.cluster, dns_groups=())))
    rules = tuple(each for each in right.firewall.rules if not each.name.endswith(lost))
    broken = replace(right, firewall=replace(right.firewall, rules=rules))

    assert right.proof().holds
    assert len(rules) == len(right.firewall.rules) - 1
    violations = broken.proof().violations
    assert {(found.fault, found.layer) for found in violations} == {(Fault.CUT, Layer.VPC)}
    assert {name for found in violations for name in found.sources} == {"api", "gateway", "pay"}
    assert all("DNS" in found.destinations for found in violations)
    layers = BothLayers(matrix, broken.environment, broken.manifests, broken.firewall)
    asked = PortRange(Protocol.UDP if "udp" in lost else Protocol.TCP, 53, 53)
    for service in ("api", "gateway", "pay"):
        verdict = layers.verdict(Layer.VPC, layers.named[service], layers.named["DNS"], asked)
        assert verdict
        assert not verdict.passes


def test_without_default_deny_an_unselected_pod_is_open_in_both_directions() -> None:
    found = compiled(*CASES["dev"]())
    violations = without_policy("00-default-deny")(found).proof().violations

    assert {(each.layer, each.fault, each.side.direction) for each in violations} == {
        (Layer.POD, Fault.OPEN, Direction.INGRESS),
        (Layer.POD, Fault.OPEN, Direction.EGRESS),
    }
    for each in violations:
        assert "another pod of flash-ticket" in (*each.sources, *each.destinations)
        assert each.remedy == "Add 00-default-deny, which denies what no other policy allows"


def test_a_policy_in_another_namespace_is_a_violation() -> None:
    found = wrong("dev-prometheus", with_policy("monitoring", policyTypes=["Egress"]))

    assert [each for each in found if each.startswith("cut pod: prometheus => ")]


def test_a_rule_for_unknown_pods_is_a_violation() -> None:
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "debug"}}}], "ports": [{"port": 4000}]}
    found = wrong("dev", with_policy("flash-ticket", policyTypes=["Ingress"], ingress=[rule]))

    assert any(each.startswith("open pod: a pod of flash-ticket with app=debug => ") for each in found)


def test_a_rule_for_an_undeclared_namespace_is_a_violation() -> None:
    rule = {"to": [{"namespaceSelector": {"matchLabels": {"team": "data"}}}], "ports": [{"port": 80}]}
    found = wrong("dev", with_policy("flash-ticket", policyTypes=["Egress"], egress=[rule]))

    assert any("=> a pod of team=data" in each for each in found)


def test_a_named_port_counts_as_any_port() -> None:
    rule = {"from": [{"ipBlock": {"cidr": "10.10.0.0/24"}}], "ports": [{"port": "http"}]}
    found = wrong("dev", with_policy("flash-ticket", policyTypes=["Ingress"], ingress=[rule]))

    assert any(each.startswith("open pod: alb, another host of the VPC => ") for each in found), found


def test_replicas_of_one_service_may_not_talk_among_themselves() -> None:
    own = {"podSelector": {"matchLabels": {"app": "flash-api"}}}
    spec = {"podSelector": own["podSelector"], "policyTypes": ["Ingress"], "ingress": [{"from": [own]}]}

    assert wrong("dev", with_policy("flash-ticket", **spec)) == ["open pod: api => api : All Connections"]


def test_an_ipv6_rule_is_checked_in_an_ipv4_firewall() -> None:
    rule = GroupRule(OwnGroup("api"), Direction.INGRESS, ip_network("::/0"), tcp(22), ())

    assert wrong("dev", with_rule(rule)) == ["open vpc: the internet => api : TCP 22"]


def test_a_prefix_list_with_unknown_entries_counts_as_open() -> None:
    rule = GroupRule(OwnGroup("api"), Direction.INGRESS, PrefixList("pl-9", "office", 4, 5, ()), tcp(22), ())

    assert wrong("dev", with_rule(rule)) == ["open vpc: any address in office => api : TCP 22"]


def test_a_rule_with_an_unknown_group_has_no_effect() -> None:
    rule = GroupRule(OwnGroup("pay"), Direction.EGRESS, OwnGroup("api"), tcp(4000), ())

    assert wrong("dev", with_rule(rule)) == ["open vpc: pay => api : TCP 4000"]
    strange = GroupRule(OwnGroup("nobody"), Direction.EGRESS, OwnGroup("api"), tcp(4000), ())
    assert wrong("dev", with_rule(strange)) == []  # a rule in a group that does not exist has no effect


def test_pods_without_their_group_are_cut_off() -> None:
    nothing = with_attachments(lambda each: replace(each, pods=(("app", "mistyped"),)))

    assert "cut vpc: api, pay => redis : TCP 6379" in wrong("dev", nothing)


def test_two_services_with_the_same_group_are_a_violation() -> None:
    def shared(right: Compiled) -> Compiled:
        more = PodAttachment("more", (("app", "flash-gateway"),), (OwnGroup("pay"),))
        return replace(right, firewall=replace(right.firewall, attachments=(*right.firewall.attachments, more)))

    assert "open vpc: gateway => redis : TCP 6379" in wrong("dev", shared)


def test_a_service_named_kubelet_is_proven_like_any_other() -> None:
    content = traffic_content()
    content["services"]["kubelet"] = {"pods": {"app": "kubelet"}, "ports": [9]}
    matrix = parse_matrix(content, "traffic.yaml")
    right = compiled(matrix, environment_of("dev", matrix=matrix))
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "flash-api"}}}]}
    spec = {"podSelector": {"matchLabels": {"app": "kubelet"}}, "policyTypes": ["Ingress"], "ingress": [rule]}
    found = with_policy("flash-ticket", **spec)(right).proof()

    assert right.proof().holds
    assert [said(each) for each in found.violations] == ["open pod: api => kubelet : All Connections"]


@pytest.mark.parametrize("namespace", ["elsewhere", "another-namespace"])
def test_a_namespace_may_have_any_name(namespace: str) -> None:
    matrix = parse_matrix({**traffic_content(), "namespace": namespace}, "traffic.yaml")

    assert compiled(matrix, environment_of("dev", matrix=matrix)).proof().violations == ()


def test_a_place_with_all_addresses_opens_only_its_own_ports() -> None:
    matrix, environment = CASES["dev"]()
    everywhere = Place((ip_network("0.0.0.0/0"),), None, ())
    places = tuple(sorted({**dict(environment.places), "redis": everywhere}.items()))
    right = compiled(matrix, replace(environment, places=places))
    manifests = deepcopy(right.manifests)
    for each in manifests:
        if each["metadata"]["name"] == "04-allow-egress-gateway":
            each["spec"]["egress"].append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 6379}]})

    assert right.proof().holds
    violations = replace(right, manifests=manifests).proof().violations
    assert {each.layer for each in violations} == {Layer.POD}
    assert {"gateway"} == {source for each in violations for source in each.sources}
    assert "redis" in {name for each in violations for name in each.destinations}


def test_undeclared_ports_that_neither_layer_can_distinguish_are_reported() -> None:
    """Two places at the same addresses without groups: what may reach one may reach the other on its ports."""
    matrix, environment = CASES["dev"]()
    data = Place((ip_network("10.10.20.0/24"),), None, ())
    places = tuple(sorted({**dict(environment.places), "redis": data, "rabbitmq": data}.items()))
    proof = compiled(matrix, replace(environment, places=places)).proof()

    assert proof.holds
    found = {f"{blur.source} => {blur.destination} : {blur.ports}" for blur in proof.blurs}
    assert {"api => rabbitmq : TCP 6379", "pay => redis : TCP 5672"} <= found


def test_with_attachment_nodes_the_proof_reports_pairs_that_only_the_pod_layer_separates() -> None:
    found = {
        f"{rest.source} => {rest.destination} : {rest.ports}" for rest in compiled(*CASES["dev-nodes"]()).proof().rests
    }

    assert "gateway => redis : TCP 6379" in found
    assert not any(rest.startswith("api => redis") for rest in found)


@pytest.mark.parametrize("attachment", ["dev", "dev-node-local-dns"])
def test_rules_of_others_open_nothing_at_pods_with_groups_of_ours(attachment: str) -> None:
    """The own group of a pod decides: others cannot add rules to it without being named."""
    alone, beside = compiled(*CASES[attachment]()).proof(), compiled(*as_eks_makes_groups(attachment)).proof()

    assert (beside.declared, beside.stopped, beside.others) == (alone.declared, alone.stopped, GroupsOfOthers())


def test_with_attachment_nodes_rules_of_others_leave_undeclared_connections_to_the_pod_layer() -> None:
    others = compiled(*as_eks_makes_groups("dev-nodes")).proof().others

    assert {str(each).partition(" :")[0] for each in others.openings} == {
        "sgr-anywhere in flash-ticket-dev-nodes: egress to 0.0.0.0/0",
        "sgr-self in flash-ticket-dev-nodes: ingress from flash-ticket-dev-nodes",
    }
    assert others.opened > 0
    assert others.unknown == 0


def test_a_further_group_on_interfaces_of_nodes_leaves_more_to_the_pod_layer() -> None:
    matrix, environment = as_eks_makes_groups("dev-nodes")
    rule = RuleOfOthers("sgr-9", Direction.INGRESS, (tcp(3100),), network=ip_network("0.0.0.0/0"), beside="bastion")
    nodes = replace(environment.cluster.nodes[0], beside=FurtherGroups(("sg-bastion",), (rule,)))
    further = replace(environment, cluster=replace(environment.cluster, nodes=(nodes,)))
    before, after = (compiled(matrix, each).proof() for each in (environment, further))

    assert after.others.opened > before.others.opened
    assert {each.rule for each in after.others.openings} - {each.rule for each in before.others.openings} == {
        "sgr-9 of bastion"
    }


def test_a_further_group_on_the_load_balancer_that_groups_of_nodes_let_in_leaves_more_to_the_pod_layer() -> None:
    matrix, environment = as_eks_makes_groups("dev-nodes")
    anywhere = RuleOfOthers(
        "sgr-8", Direction.EGRESS, ALL_PORTS.ranges, network=ip_network("0.0.0.0/0"), beside="backend"
    )
    let_in = RuleOfOthers("sgr-9", Direction.INGRESS, (tcp(3100),), group="sg-backend")
    nodes = environment.cluster.nodes[0]
    nodes = replace(nodes, rules_of_others=(*(nodes.rules_of_others or ()), let_in))
    front = replace(environment.load_balancers[0], beside=FurtherGroups(("sg-backend",), (anywhere,)))
    further = replace(environment, cluster=replace(environment.cluster, nodes=(nodes,)), load_balancers=(front,))

    opened = compiled(matrix, further).proof().others.openings

    assert {"sgr-8 of backend in alb", "sgr-9 in flash-ticket-dev-nodes"} <= {
        f"{each.rule} in {each.group}" for each in opened
    }


def test_what_a_rule_of_others_lets_through_both_layers_is_a_violation_that_names_it() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "203.0.113.7/32"}}], "ports": [{"port": 443}]}
    spec = {"podSelector": {"matchLabels": {"app": "flash-api"}}, "policyTypes": ["Egress"], "egress": [rule]}
    found = with_policy("flash-ticket", **spec)(compiled(*as_eks_makes_groups("dev-nodes"))).proof()

    (violation,) = [each for each in found.violations if each.layer is Layer.VPC]
    assert said(violation) == "open vpc: api => clients of alb : TCP 443"
    assert "flash-ticket-dev-nodes sgr-anywhere (a rule of others)" in str(violation.side)
    assert violation.remedy == "Narrow this rule of others: it opens what the pod layer does not stop either"


def test_a_violation_has_all_its_ports() -> None:
    ports = PortRange(Protocol.TCP, 4000, 4010)
    rule = GroupRule(OwnGroup("api"), Direction.INGRESS, OwnGroup("gateway"), ports, ())

    assert wrong("dev", with_rule(rule)) == ["open vpc: gateway => api : TCP 4001-4010"]
