"""What each enforcer makes of an ipBlock that covers pods or Services, and of named ports."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.cluster import AnalysedCluster, cluster_from
from flash_ticket.firewall.analyse.enforcement import Enforcement, Way
from flash_ticket.firewall.analyse.reachability import Party, Reachability
from flash_ticket.firewall.analyse.selection import HostNetwork
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.connections import words
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet, Protocol, tcp
from tests.support.declared.at_random.clusters import INTERESTING_PORTS, RandomCluster, clusters
from tests.support.naive.naive_enforcement import Call, Enforcer, Running, passes
from tests.support.naive.naive_evaluator import Address

OF = {
    Enforcer.AWS_AGENT: Enforcement.BEFORE_SERVICES,
    Enforcer.KUBE_ROUTER: Enforcement.AFTER_SERVICES,
    Enforcer.CILIUM: Enforcement.IDENTITIES,
    Enforcer.CILIUM_PODS: Enforcement.POD_ADDRESSES,
}
ADDRESSES = ("10.0.0.5", "10.0.0.6", "10.1.0.1", "10.200.0.1", "192.168.1.7", "172.16.0.1", "2001:db8:1::1", "fd00::5")
HOSTS = ("10.0.0.9", "10.129.0.1", "198.51.100.1", "2001:db8:2::1")


def addressed(cluster: AnalysedCluster, at: dict[str, tuple[str, str]]) -> AnalysedCluster:
    """Return a cluster whose pods have an address and a Service's address each, by their names."""
    workloads = tuple(
        replace(each, addresses=(AddressRange.of(own),), cluster_ips=(AddressRange.of(of_service),))
        for each in cluster.workloads
        for own, of_service in [at[each.pod]]
    )
    return replace(cluster, workloads=workloads)


@st.composite
def running(draw: st.DrawFn) -> tuple[RandomCluster, dict[str, Running]]:
    """Draw a cluster whose pods run, by the names of the pods."""
    cluster = draw(clusters())
    chosen = draw(st.permutations(ADDRESSES))
    services = draw(st.permutations(ADDRESSES))
    return cluster, {
        name.partition("/")[2].removesuffix("[Pod]"): Running(pod, chosen[number], services[number])
        for number, (name, pod) in enumerate(cluster.pods.items())
    }


def analysed(cluster: RandomCluster, pods: dict[str, Running], enforcement: Enforcement) -> Reachability:
    at = {name: (pod.address, pod.cluster_ip) for name, pod in pods.items()}
    return Reachability(addressed(cluster_from(cluster.manifests), at), HostNetwork.PODS, enforcement)


@settings(max_examples=100, deadline=None)
@given(running(), st.sampled_from(Enforcer))
def test_the_analysis_agrees_with_the_naive_evaluator_on_each_enforcer(
    drawn: tuple[RandomCluster, dict[str, Running]], enforcer: Enforcer
) -> None:
    cluster, pods = drawn
    reachability = analysed(cluster, pods, OF[enforcer])
    ends: list[tuple[Party, Running | Address]] = [
        (workload, pods[workload.pod]) for workload in reachability.cluster.workloads
    ]
    ends += [(AddressRange.of(host), Address(host)) for host in HOSTS]
    for (source, one), (destination, other) in itertools.permutations(ends, 2):
        if isinstance(one, Address) and isinstance(other, Address):
            continue
        for way in (Way.OWN, Way.SERVICE) if isinstance(other, Running) else (Way.OWN,):
            allowed = reachability.allowed(source, destination, way)
            for protocol, port in itertools.product(Protocol, INTERESTING_PORTS):
                call = Call(one, other, way is Way.SERVICE, protocol, port)
                expected = passes(enforcer, cluster.policies, tuple(pods.values()), call)
                assert allowed.holds(protocol, port) == expected, (one, other, way, protocol, port)


@settings(max_examples=100, deadline=None)
@given(running(), st.sampled_from(Enforcement))
def test_the_listing_contains_what_is_allowed_by_some_address_of_each_pair(
    drawn: tuple[RandomCluster, dict[str, Running]], enforcement: Enforcement
) -> None:
    cluster, pods = drawn
    reachability = analysed(cluster, pods, enforcement)
    listed = reachability.connections().as_map()
    for one, other in itertools.permutations(reachability.parties, 2):
        source, destination = reachability.parties[one], reachability.parties[other]
        expected = reachability.allowed(source, destination)
        assert listed.get((one, other), NO_PORTS) == expected, (words(one), words(other))
        ways = [reachability.allowed(source, destination, way) for way in (Way.OWN, Way.SERVICE)]
        assert ways[0] | ways[1] == expected


PODS, SERVICES = "10.0.0.0/16", "172.20.0.0/16"
CALLER, CALLED = ("10.0.0.5", "172.20.0.5"), ("10.0.0.6", "172.20.0.6")


def pod(name: str, *ports: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name.partition("-")[0]}},
        "spec": {"containers": [{"name": "main", "ports": list(ports)}]},
    }


def policy(selected: str, kind: str, rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"only-{kind.lower()}", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": selected}}, "policyTypes": [kind], kind.lower(): [rule]},
    }


def block(cidr: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a rule
    return {"ipBlock": {"cidr": cidr, **more}}


INGRESS = policy("called", "Ingress", {"from": [block(PODS)]})
EGRESS = policy("caller", "Egress", {"to": [block(PODS)]})
TO_SERVICES = policy("caller", "Egress", {"to": [block(SERVICES)]})
BEFORE, AFTER, BY_PODS = Enforcement.BEFORE_SERVICES, Enforcement.AFTER_SERVICES, Enforcement.POD_ADDRESSES


@pytest.mark.parametrize(
    ("manifest", "way", "opens"),
    [
        (INGRESS, Way.OWN, {BEFORE, AFTER, BY_PODS}),
        (INGRESS, Way.SERVICE, {BEFORE, AFTER, BY_PODS}),
        (EGRESS, Way.OWN, {BEFORE, AFTER, BY_PODS}),
        (EGRESS, Way.SERVICE, {AFTER, BY_PODS}),
        (TO_SERVICES, Way.OWN, set()),
        (TO_SERVICES, Way.SERVICE, {BEFORE}),
    ],
)
def test_an_ip_block_over_pods_or_services_opens_what_packets_showed(
    manifest: dict[str, Any], way: Way, opens: set[Enforcement]
) -> None:
    cluster = addressed(cluster_from([pod("caller"), pod("called"), manifest]), {"caller": CALLER, "called": CALLED})
    for enforcement in Enforcement:
        found = Reachability(cluster, enforcement=enforcement)
        caller, called = found.parties["shop/caller[Pod]"], found.parties["shop/called[Pod]"]
        expected = ALL_PORTS if enforcement in opens else NO_PORTS
        assert found.allowed(caller, called, way) == expected


@pytest.mark.parametrize(
    ("enforcement", "opens"),
    [
        (Enforcement.IDENTITIES, False),
        (Enforcement.POD_ADDRESSES, False),
        (Enforcement.NODE_ADDRESSES, True),
        (Enforcement.AFTER_SERVICES, True),
    ],
)
def test_an_ip_block_over_a_node_opens_what_runs_on_its_network_if_cilium_matches_nodes(
    enforcement: Enforcement,
    opens: bool,  # noqa: FBT001 - an expectation
) -> None:
    on_node = pod("caller")
    on_node["spec"]["hostNetwork"] = True
    cluster = addressed(cluster_from([on_node, pod("called"), INGRESS]), {"caller": CALLER, "called": CALLED})
    found = Reachability(cluster, HostNetwork.NODES, enforcement)
    allowed = found.allowed(found.parties["shop/caller[Pod]"], found.parties["shop/called[Pod]"])
    assert allowed == (ALL_PORTS if opens else NO_PORTS)


def test_an_exception_of_an_ip_block_closes_a_pod() -> None:
    rule = {"from": [block(PODS, **{"except": ["10.0.0.4/31"]})]}
    manifests = [pod("caller"), pod("called"), policy("called", "Ingress", rule)]
    cluster = addressed(cluster_from(manifests), {"caller": CALLER, "called": CALLED})
    found = Reachability(cluster, enforcement=BEFORE)
    assert found.allowed(found.parties["shop/caller[Pod]"], found.parties["shop/called[Pod]"]) == NO_PORTS


def named(number: int) -> dict[str, Any]:
    return {"name": "http", "containerPort": number}


def test_on_eks_a_named_port_is_open_on_each_selected_pod_by_every_number_and_not_to_a_block() -> None:
    pods = [pod("called-1", named(4001)), pod("called-2", named(4002)), pod("caller")]
    rule = {"from": [{"podSelector": {}}, block("192.0.2.0/24")], "ports": [{"port": "http"}]}
    cluster = cluster_from([*pods, policy("called", "Ingress", rule)])
    outside = AddressRange.of("192.0.2.7")
    plain, eks = Reachability(cluster), Reachability(cluster, enforcement=BEFORE)
    one, caller = plain.parties["shop/called-1[Pod]"], plain.parties["shop/caller[Pod]"]
    assert plain.allowed(caller, one) == plain.allowed(outside, one) == PortSet.of([tcp(4001)])
    assert eks.allowed(caller, one) == PortSet.of([tcp(4001), tcp(4002)])
    assert eks.allowed(outside, one) == NO_PORTS
