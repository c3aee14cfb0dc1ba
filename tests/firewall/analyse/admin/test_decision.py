"""Laws of the order in which administrators, NetworkPolicies and the baseline decide, and what is undefined."""

import re
from typing import Any

import pytest
from hypothesis import given, settings

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.reachability import Party, Reachability
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet, Protocol
from tests.support.declared.at_random.admin_policies import AdministeredCluster, administered_clusters
from tests.support.declared.at_random.clusters import PROTOCOLS
from tests.support.naive.naive_administrators import passes
from tests.support.naive.naive_evaluator import Address, Question

Manifest = dict[str, Any]

ADDRESSES = ("0.0.0.1", "10.0.0.5", "10.1.0.0", "192.168.1.7", "2001:db8::1")
PORTS = (79, 80, 84, 90, 443)


def endpoints(drawn: AdministeredCluster, reachability: Reachability) -> dict[str, tuple[Party, Any]]:
    pods = {name: (reachability.parties[name], pod) for name, pod in drawn.cluster.pods.items()}
    return pods | {text: (AddressRange.of(text), Address(text)) for text in ADDRESSES}


@settings(max_examples=60, deadline=None)
@given(administered_clusters())
def test_the_analysis_agrees_with_the_naive_evaluator_for_every_pair(drawn: AdministeredCluster) -> None:
    reachability = Reachability(cluster_from(drawn.manifests))
    known = endpoints(drawn, reachability)
    for source, (analyzed_source, naive_source) in known.items():
        for destination, (analyzed_destination, naive_destination) in known.items():
            if source == destination or not {source, destination} & set(drawn.cluster.pods):
                continue
            allowed = reachability.allowed(analyzed_source, analyzed_destination)
            for protocol in PROTOCOLS:
                for port in PORTS:
                    asked = Question(naive_source, naive_destination, protocol, port)
                    expected = passes(drawn.admin_policies, drawn.cluster.policies, asked)
                    assert allowed.holds(Protocol(protocol), port) == expected, (source, destination, protocol, port)


@settings(max_examples=50, deadline=None)
@given(administered_clusters())
def test_the_listing_and_the_verdicts_say_exactly_what_is_allowed_for_each_pair(drawn: AdministeredCluster) -> None:
    reachability = Reachability(cluster_from(drawn.manifests))
    connections = reachability.connections()
    listed = connections.as_map()
    sources, destinations = ({pair[end] for pair in listed} for end in (0, 1))
    ends = {
        party: party if isinstance(party, AddressRange) else reachability.parties[party]
        for party in connections.parties
    }
    for one, source in ends.items():
        for other, destination in ends.items():
            # The ranges are cut for each direction on its own.
            cut_otherwise = [isinstance(one, AddressRange) and one not in sources]
            cut_otherwise.append(isinstance(other, AddressRange) and other not in destinations)
            if one == other or any(cut_otherwise) or all(isinstance(each, AddressRange) for each in (one, other)):
                continue
            allowed = reachability.allowed(source, destination)
            assert listed.get((one, other), NO_PORTS) == allowed
            for port in (PortRange(Protocol.TCP, 80, 80), PortRange(Protocol.UDP, 79, 90)):
                verdict = reachability.verdict(source, destination, port)
                assert verdict.passes == allowed.covers(PortSet((port,)))
                assert all(re.search("denied by|governs?", str(each)) for each in verdict.deciding if not each.passes)


def pod(name: str, **more: Any) -> Manifest:  # noqa: ANN401 - the fields of a pod's spec
    metadata = {"name": name, "namespace": "shop", "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [], **more}}


def admin(name: str, priority: int, action: str, peer: Manifest | None = None, **rule: Any) -> Manifest:  # noqa: ANN401 - the fields of a rule
    spec = {
        "priority": priority,
        "subject": {"namespaces": {}},
        "egress": [{"action": action, "to": [peer or {"namespaces": {}}], **rule}],
    }
    version = "policy.networking.k8s.io/v1alpha1"
    return {"apiVersion": version, "kind": "AdminNetworkPolicy", "metadata": {"name": name}, "spec": spec}


TCP_80: Manifest = {"ports": [{"portNumber": {"port": 80}}]}
TCP_443: Manifest = {"ports": [{"portNumber": {"port": 443}}]}


@pytest.mark.parametrize("actions", [("Allow", "Deny"), ("Deny", "Pass"), ("Pass", "Allow")], ids=" and ".join)
def test_policies_of_equal_priority_that_contradict_each_other_are_named(actions: tuple[str, str]) -> None:
    manifests = [pod("a"), pod("b"), admin("one", 5, actions[0], **TCP_80), admin("two", 5, actions[1])]

    with pytest.raises(InputError) as refused:
        Reachability(cluster_from(manifests)).connections()

    line = str(refused.value)
    assert "AdminNetworkPolicy one: it and AdminNetworkPolicy two have the priority 5" in line
    assert f"they {actions[0].lower()} and {actions[1].lower()} the same connections (TCP 80)" in line
    assert line.endswith("Give them different priorities.")


@pytest.mark.parametrize(
    ("second", "first"),
    [
        (admin("two", 5, "Deny", **TCP_443), ()),
        (admin("two", 5, "Allow", **TCP_80), ()),
        (admin("two", 5, "Deny", {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}}), ()),
        (admin("two", 5, "Deny"), (admin("first", 1, "Deny", **TCP_80),)),
    ],
    ids=["other ports", "the same action", "other pods", "decided before"],
)
def test_policies_of_equal_priority_that_agree_are_judged(second: Manifest, first: tuple[Manifest, ...]) -> None:
    manifests = [pod("a"), pod("b"), admin("one", 5, "Allow", **TCP_80), second, *first]

    assert Reachability(cluster_from(manifests)).connections().as_map()


def test_pods_on_the_network_of_their_node_are_neither_subject_nor_peer() -> None:
    manifests = [pod("a"), pod("host", hostNetwork=True), admin("closed", 1, "Deny")]
    reachability = Reachability(cluster_from(manifests))

    assert set(reachability.connections().as_map()) >= {
        ("shop/a[Pod]", "shop/host[Pod]"),
        ("shop/host[Pod]", "shop/a[Pod]"),
    }


def test_networks_of_all_addresses_match_pods_and_networks_that_pods_may_have_are_noted() -> None:
    everywhere, somewhere, of_v6 = (
        Reachability(cluster_from([pod("a"), pod("b"), admin("closed", 1, "Deny", {"networks": [cidr]})]))
        for cidr in ("0.0.0.0/0", "10.0.0.0/8", "::/0")
    )

    assert ("shop/a[Pod]", "shop/b[Pod]") not in everywhere.connections().as_map()
    assert ("shop/a[Pod]", "shop/b[Pod]") in somewhere.connections().as_map()
    assert everywhere.notes == ()
    for unclear in (somewhere, of_v6):
        assert [note.about for note in unclear.notes] == ["AdminNetworkPolicy closed"]
