"""Random clusters get the same answers from cyclonus, the evaluator of another project, which runs offline.

It differs from the Kubernetes API in two ways, which these tests avoid. Its ``NotIn`` requires that the label exists
(in the API, a missing label is not in the values), so every pod and namespace here has every label. And its ipBlocks
select pods by their addresses too, which Kubernetes leaves open, so pods have addresses outside all blocks.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.reachability import Party, Reachability
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import Protocol
from tests.support.declared.at_random.clusters import INTERESTING_PORTS, PROTOCOLS, RandomCluster, clusters
from tests.support.naive.cyclonus_oracle import Cyclonus
from tests.support.naive.naive_evaluator import Pod

LABELS = ("app", "tier")
NO_BLOCK = "203.0.113.9"
OUTSIDE = ("10.0.0.5", "10.1.0.0", "192.168.1.7", "2001:db8::1", "fd00::5")


@pytest.fixture(scope="module")
def cyclonus() -> Iterator[Cyclonus]:
    running = Cyclonus()
    yield running
    running.stop()


def with_every_label(cluster: RandomCluster) -> list[dict[str, Any]]:
    """Return the manifests without what cyclonus reads differently, with policy types as the API server sets them."""
    result = json.loads(json.dumps(cluster.manifests))
    for manifest in result:
        if manifest["kind"] == "NetworkPolicy":
            spec = manifest["spec"]
            spec.setdefault("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
            for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
                for peer in [*(rule.get("from") or []), *(rule.get("to") or [])]:
                    if peer.get("ipBlock", {}).get("cidr", "").endswith("/0"):
                        peer["ipBlock"] = {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/16"]}
        else:
            labels = manifest["metadata"]["labels"]
            labels.update({key: labels.get(key, "none") for key in LABELS})
    declared = {manifest["metadata"]["name"] for manifest in result if manifest["kind"] == "Namespace"}
    for namespace in sorted({pod.namespace for pod in cluster.pods.values()} - declared):
        labels = dict.fromkeys(LABELS, "none")
        result.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
    return list(result)


def as_peer(end: Party, reachability: Reachability) -> dict[str, Any]:
    if isinstance(end, AddressRange):
        return {"IP": str(end).partition("-")[0]}
    namespace_labels = dict(reachability.cluster.namespaces[end.namespace])
    internal = {"PodLabels": dict(end.labels), "NamespaceLabels": namespace_labels, "Namespace": end.namespace}
    return {"Internal": internal, "IP": NO_BLOCK}


def name_of(pod: Pod | None, protocol: str, port: int) -> str:
    for each in pod.container_ports if pod else ():
        if (each["protocol"], each["containerPort"]) == (protocol, port):
            return str(each["name"])
    return ""


@pytest.mark.engine
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clusters(most_pods=4, most_policies=5))
def test_cyclonus_gives_the_same_answers(cyclonus: Cyclonus, cluster: RandomCluster) -> None:
    manifests = with_every_label(cluster)
    reachability = Reachability(cluster_from(manifests))
    ends: list[tuple[Party, Pod | None]] = [
        (reachability.parties[name], pod)
        for name, pod in cluster.pods.items()
        # cyclonus accepts one name for a port, so a port with two names on one pod cannot be checked
        if len({(each["protocol"], each["containerPort"]) for each in pod.container_ports}) == len(pod.container_ports)
    ]
    ends.extend((AddressRange.of(text), None) for text in OUTSIDE)
    peers = [as_peer(party, reachability) for party, _ in ends]
    traffic: list[dict[str, Any]] = []
    expected: list[bool] = []
    for (source, source_pod), source_peer in zip(ends, peers, strict=True):
        for (destination, destination_pod), destination_peer in zip(ends, peers, strict=True):
            if source is destination or not (source_pod or destination_pod):
                continue
            allowed = reachability.allowed(source, destination)
            for protocol in PROTOCOLS:
                for port in INTERESTING_PORTS:
                    expected.append(allowed.holds(Protocol(protocol), port))
                    traffic.append(
                        {
                            "Source": source_peer,
                            "Destination": destination_peer,
                            "ResolvedPort": port,
                            "ResolvedPortName": name_of(destination_pod, protocol, port),
                            "Protocol": protocol,
                        }
                    )
    policies = [manifest for manifest in manifests if manifest["kind"] == "NetworkPolicy"]
    answers = cyclonus.answers(Policies=policies, Traffic=traffic)
    differing = [asked for asked, one, other in zip(traffic, expected, answers, strict=True) if one != other]
    assert not differing
