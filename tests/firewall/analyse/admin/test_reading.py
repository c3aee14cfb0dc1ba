"""Each kind and version is read as the API writes it; what cannot be judged is one error that names the field."""

from copy import deepcopy
from typing import Any

import pytest

from flash_ticket.firewall.analyse.admin.admin_policy import Action, AdminPolicy, Tier
from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.policy import AddressPeer
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.refusal import refusal

Manifest = dict[str, Any]

V1, V2 = "policy.networking.k8s.io/v1alpha1", "policy.networking.k8s.io/v1alpha2"
EVERYWHERE: Manifest = {"namespaces": {}}


def administrator(kind: str = "AdminNetworkPolicy", name: str = "one", version: str = V1, **spec: Any) -> Manifest:  # noqa: ANN401 - a policy's spec
    own = {} if kind == "BaselineAdminNetworkPolicy" else {"priority": 7}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"subject": EVERYWHERE, **own, **spec},
    }


def of_cluster(**spec: Any) -> Manifest:  # noqa: ANN401 - a policy's spec
    return administrator("ClusterNetworkPolicy", version=V2, **{"tier": "Admin", **spec})


def read(body: Manifest) -> AdminPolicy:
    (policy,) = cluster_from([body]).admin_policies
    return policy


def to(peer: Manifest, action: str = "Deny", **rule: Any) -> list[Manifest]:  # noqa: ANN401 - the fields of a rule
    return [{"action": action, "to": [peer], **rule}]


def test_the_three_kinds_have_their_tiers_and_their_words_for_actions() -> None:
    found = cluster_from(
        [
            of_cluster(tier="Baseline", egress=[*to(EVERYWHERE, "Accept"), *to(EVERYWHERE, "Pass")]),
            administrator("BaselineAdminNetworkPolicy", "default", egress=to(EVERYWHERE, "Allow")),
            administrator(egress=[*to(EVERYWHERE, "Allow"), *to(EVERYWHERE, "Pass"), *to(EVERYWHERE)]),
        ]
    ).admin_policies

    assert [(each.kind, each.tier) for each in found] == [
        ("AdminNetworkPolicy", Tier.ADMIN),
        ("BaselineAdminNetworkPolicy", Tier.BASELINE),
        ("ClusterNetworkPolicy", Tier.BASELINE),
    ]
    actions = [[rule.action for rule in each.rules[Direction.EGRESS]] for each in found]
    assert actions == [[Action.ALLOW, Action.PASS, Action.DENY], [Action.ALLOW], [Action.ALLOW, Action.PASS]]


def test_v1beta1_is_written_like_v1alpha2() -> None:
    body = of_cluster(egress=to(EVERYWHERE, "Accept", protocols=[{"tcp": {"destinationPort": {"number": 80}}}]))
    beta = read({**body, "apiVersion": "policy.networking.k8s.io/v1beta1"})

    assert (beta.tier, beta.rules) == (read(body).tier, read(body).rules)


def test_a_lower_priority_comes_first_and_a_direction_without_rules_is_not_affected() -> None:
    found = cluster_from([administrator(name="a"), {**administrator(name="b"), "spec": {**SPEC, "priority": 0}}])

    assert [each.name for each in found.admin_policies] == ["b", "a"]
    assert all(each.rules == {} for each in found.admin_policies)


SPEC = administrator()["spec"]


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ([{"portNumber": {"port": 80}}], "TCP 80"),
        ([{"portRange": {"protocol": "UDP", "start": 53, "end": 54}}], "UDP 53-54"),
        ([{"portNumber": {"protocol": "SCTP", "port": 9}}, {"portNumber": {"port": 80}}], "SCTP 9,TCP 80"),
    ],
)
def test_ports_of_v1alpha1(ports: list[Manifest], words: str) -> None:
    ((rule,),) = read(administrator(egress=to(EVERYWHERE, ports=ports))).rules.values()

    assert sorted(str(rule.ports.numbered).split(",")) == sorted(words.split(","))


@pytest.mark.parametrize(
    ("protocols", "words"),
    [
        ([{"tcp": {"destinationPort": {"number": 80}}}], "TCP 80"),
        ([{"udp": {"destinationPort": {"range": {"start": 53, "end": 54}}}}], "UDP 53-54"),
        ([{"sctp": {"destinationPort": {"number": 9}}}], "SCTP 9"),
    ],
)
def test_protocols_of_v1alpha2(protocols: list[Manifest], words: str) -> None:
    ((rule,),) = read(of_cluster(egress=to(EVERYWHERE, protocols=protocols))).rules.values()

    assert str(rule.ports.numbered) == words


@pytest.mark.parametrize(
    "body",
    [
        administrator(egress=to(EVERYWHERE, ports=[{"namedPort": "http"}])),
        of_cluster(egress=to(EVERYWHERE, protocols=[{"destinationNamedPort": "http"}])),
    ],
    ids=["v1alpha1", "v1alpha2"],
)
def test_a_named_port_has_the_protocol_that_the_pod_gives_it(body: Manifest) -> None:
    ((rule,),) = read(body).rules.values()

    assert not rule.ports.numbered
    assert [(port.name, port.protocol) for port in rule.ports.named] == [
        ("http", each) for each in ("SCTP", "TCP", "UDP")
    ]


def test_networks_are_addresses() -> None:
    ((rule,),) = read(administrator(egress=to({"networks": ["10.0.0.0/8", "2001:db8::/32"]}))).rules.values()

    assert rule.peers == (AddressPeer((AddressRange.of("10.0.0.0/8"), AddressRange.of("2001:db8::/32"))),)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (administrator(egress=to({"nodes": {}})), "spec.egress[0].to[0].nodes: this rule cannot be judged"),
        (of_cluster(egress=to({"domainNames": ["a.b"]}, "Accept")), "to[0].domainNames: this rule cannot be judged"),
        (administrator(egress=to({"services": {}})), "spec.egress[0].to[0].services: no such field"),
        (administrator(egress=to({})), "spec.egress[0].to[0]: it selects nothing"),
        (administrator(egress=to({"namespaces": {}, "networks": ["::/0"]})), "namespaces and networks together"),
        (administrator(egress=to({"networks": []})), "networks: a peer needs at least one network"),
        (administrator(egress=to({"networks": ["10.0.0.0"]})), "networks[0]: '10.0.0.0' is not a CIDR"),
        (administrator(ingress=[{"action": "Deny", "from": [{"networks": ["::/0"]}]}]), "networks: no such field"),
        (administrator(ingress=[{"action": "Deny"}]), "spec.ingress[0].from: a rule needs at least one peer"),
        (administrator(egress=to(EVERYWHERE, "Accept")), "spec.egress[0].action: unknown action 'Accept'"),
        (of_cluster(egress=to(EVERYWHERE, "Allow")), "spec.egress[0].action: unknown action 'Allow'"),
        (administrator(egress=to(EVERYWHERE, protocols=[])), "spec.egress[0].protocols: no such field"),
        (administrator(egress=to(EVERYWHERE, ports=[])), "ports: the API does not say what an empty list matches"),
        (administrator(egress=to(EVERYWHERE, ports=[{"portNumber": {"port": 0}}])), "portNumber.port: 0 is not a port"),
        (
            administrator(egress=to(EVERYWHERE, ports=[{"portRange": {"start": 9, "end": 8}}])),
            "portRange.end: 8 is below 9",
        ),
        (of_cluster(egress=to(EVERYWHERE, protocols=[{"icmp": {}}])), "protocols[0].icmp: no such field"),
        (of_cluster(egress=to(EVERYWHERE, protocols=[{"tcp": {}}])), "protocols[0].tcp: it selects nothing"),
        (administrator(subject={}), "spec.subject: it selects nothing"),
        (administrator(subject={"nodes": {}}), "spec.subject.nodes: no such field"),
        (administrator(priority=1001), "spec.priority: 1001 is not a priority"),
        (administrator(priority=None), "spec.priority: nothing is not a priority"),
        (of_cluster(tier="Platform"), "spec.tier: unknown tier 'Platform'"),
        (administrator(hosts={}), "spec.hosts: no such field"),
        (administrator("BaselineAdminNetworkPolicy", "mine"), "accepts no other name than 'default'"),
        (administrator(version="policy.networking.k8s.io/v2"), "this program cannot judge AdminNetworkPolicy v2"),
        (administrator("EdgeNetworkPolicy"), "this program cannot judge EdgeNetworkPolicy v1alpha1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_judged_is_one_line_that_names_the_policy_and_the_field(body: Manifest, named: str) -> None:
    line = refusal(lambda: cluster_from([body]))

    assert named in line
    assert f"{body['kind']} {body['metadata']['name']}: " in line


def test_a_policy_that_is_there_twice_is_refused() -> None:
    line = refusal(lambda: cluster_from([administrator(), deepcopy(administrator())]))

    assert "AdminNetworkPolicy one is already in" in line
