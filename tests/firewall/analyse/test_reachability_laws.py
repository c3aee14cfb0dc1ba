"""Laws that hold for every cluster and any policies."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.reachability import Party, Reachability
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.connections import words
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, Protocol
from flash_ticket.report.connections import lines
from tests.support.declared.at_random.clusters import (
    INTERESTING_ADDRESSES,
    INTERESTING_PORTS,
    PROTOCOLS,
    RandomCluster,
    clusters,
    rules,
)
from tests.support.naive.naive_evaluator import Address, Question, passes

Manifest = dict[str, Any]


def listing(manifests: list[Manifest]) -> str:
    return "".join(lines(Reachability(cluster_from(manifests)).connections()))


def endpoints(cluster: RandomCluster, reachability: Reachability) -> dict[str, tuple[Party, Any]]:
    """Return every pod and every interesting address, each for the analyzer and for the naive evaluator."""
    pods: dict[str, tuple[Party, Any]] = {name: (reachability.parties[name], pod) for name, pod in cluster.pods.items()}
    return pods | {text: (AddressRange.of(text), Address(text)) for text in INTERESTING_ADDRESSES}


@settings(max_examples=150, deadline=None)
@given(clusters())
def test_the_analysis_agrees_with_the_naive_evaluator_for_every_pair(cluster: RandomCluster) -> None:
    reachability = Reachability(cluster_from(cluster.manifests))
    known = endpoints(cluster, reachability)
    for source, (analyzed_source, naive_source) in known.items():
        for destination, (analyzed_destination, naive_destination) in known.items():
            if source == destination or (source not in cluster.pods and destination not in cluster.pods):
                continue
            allowed = reachability.allowed(analyzed_source, analyzed_destination)
            for protocol in PROTOCOLS:
                for port in INTERESTING_PORTS:
                    expected = passes(cluster.policies, Question(naive_source, naive_destination, protocol, port))
                    assert allowed.holds(Protocol(protocol), port) == expected, (source, destination, protocol, port)


@settings(max_examples=200, deadline=None)
@given(clusters(most_pods=7, most_policies=6))
def test_the_listing_contains_exactly_what_is_allowed_for_each_pair(cluster: RandomCluster) -> None:
    reachability = Reachability(cluster_from(cluster.manifests))
    connections = reachability.connections()
    listed = connections.as_map()
    ends: list[tuple[Any, Party]] = [
        (party, party if isinstance(party, AddressRange) else reachability.parties[party])
        for party in connections.parties
    ]
    sources = {source for source, _ in listed}
    destinations = {destination for _, destination in listed}
    for source_party, source in ends:
        for destination_party, destination in ends:
            inside = [isinstance(party, str) for party in (source_party, destination_party)]
            if source_party == destination_party or not any(inside):
                continue
            if not inside[0] and source_party not in sources:  # an address range that is only a destination
                continue
            if not inside[1] and destination_party not in destinations:
                continue
            expected = reachability.allowed(source, destination)
            assert listed.get((source_party, destination_party), NO_PORTS) == expected


@settings(max_examples=100, deadline=None)
@given(clusters(), st.data())
def test_a_verdict_passes_exactly_when_the_port_is_allowed(cluster: RandomCluster, data: st.DataObject) -> None:
    reachability = Reachability(cluster_from(cluster.manifests))
    known = [end for end, _ in endpoints(cluster, reachability).values()]
    source, destination = data.draw(st.sampled_from(known)), data.draw(st.sampled_from(known))
    port = data.draw(st.sampled_from(INTERESTING_PORTS))
    protocol = Protocol(data.draw(st.sampled_from(PROTOCOLS)))

    verdict = reachability.verdict(source, destination, PortRange(protocol, port, port))

    assert verdict.passes == reachability.allowed(source, destination).holds(protocol, port)


@settings(max_examples=100, deadline=None)
@given(clusters(), st.data())
def test_adding_an_allow_rule_never_removes_a_connection(cluster: RandomCluster, data: st.DataObject) -> None:
    before = Reachability(cluster_from(cluster.manifests))
    for policy in cluster.policies:
        for section, peers in (("ingress", "from"), ("egress", "to")):
            if policy["spec"].get(section):
                policy["spec"][section] = [*policy["spec"][section], data.draw(rules[peers])]
    after = Reachability(cluster_from(cluster.manifests))
    for name, source in before.parties.items():
        for other, destination in before.parties.items():
            more = after.allowed(after.parties[name], after.parties[other])
            assert more.covers(before.allowed(source, destination))


@settings(max_examples=100, deadline=None)
@given(clusters(most_pods=6, most_policies=5), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_change_the_output(cluster: RandomCluster, random: Any) -> None:  # noqa: ANN401  # hypothesis types it so
    shuffled = list(cluster.manifests)
    random.shuffle(shuffled)
    assert listing(shuffled) == listing(cluster.manifests)


@settings(max_examples=75, deadline=None)
@given(clusters())
def test_a_reply_needs_no_rule(cluster: RandomCluster) -> None:
    """Closing the callee's egress and the caller's ingress does not stop a connection between them."""
    manifests = [
        {**manifest, "metadata": {**manifest["metadata"], "labels": {**manifest["metadata"]["labels"], "id": name}}}
        if (name := manifest["metadata"]["name"]).startswith("pod-")
        else manifest
        for manifest in cluster.manifests
    ]
    before = Reachability(cluster_from(manifests))
    parties = list(before.parties)
    caller, callee = before.parties[parties[0]], before.parties[parties[-1]]
    closed = [_closed(callee.namespace, callee.pod, "Egress"), _closed(caller.namespace, caller.pod, "Ingress")]
    after = Reachability(cluster_from([*manifests, *closed]))
    if caller is not callee:
        assert after.allowed(after.parties[str(caller)], after.parties[str(callee)]) == before.allowed(caller, callee)


def _closed(namespace: str, pod: str, direction: str) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"closed-{direction.lower()}", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": {"id": pod}}, "policyTypes": [direction]},
    }


@settings(max_examples=100, deadline=None)
@given(clusters())
def test_each_pair_of_different_parties_is_listed_at_most_once(
    cluster: RandomCluster,
) -> None:
    connections = Reachability(cluster_from(cluster.manifests)).connections()
    pairs = [(words(each.source), words(each.destination)) for each in connections]
    assert pairs == sorted(set(pairs))
    assert all(source != destination for source, destination in pairs)
