"""A second opinion on NetworkPolicies: one question at a time, following the documentation sentence by sentence.

It has no sets, no index and no classes, and shares no code with the analyzer. The comments paraphrase the Kubernetes
documentation ("Network Policies") and the API reference (NetworkPolicy v1 networking.k8s.io).
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str]
    container_ports: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Address:
    text: str


@dataclass(frozen=True)
class Question:
    """May the source open a connection to this port of the destination?"""

    source: Pod | Address
    destination: Pod | Address
    protocol: str
    port: int


def passes(policies: Sequence[Manifest], asked: Question) -> bool:
    # A connection needs both the egress policies of the source and the ingress policies of the destination to allow it.
    return side_passes(policies, "Egress", asked) and side_passes(policies, "Ingress", asked)


def side_passes(policies: Sequence[Manifest], direction: str, asked: Question) -> bool:
    ingress = direction == "Ingress"
    pod, peer = (asked.destination, asked.source) if ingress else (asked.source, asked.destination)
    if isinstance(pod, Address):
        return True  # policies select pods
    isolating = [policy for policy in policies if isolates(policy, pod, direction)]
    if not isolating:
        return True  # by default a pod is non-isolated: all connections are allowed
    # The effects of policies combine additively: any rule of any of them is enough.
    for policy in isolating:
        rules = policy["spec"].get("ingress" if ingress else "egress") or []
        for rule in rules:
            named = rule.get("from" if ingress else "to") or []
            # An empty or missing list matches all sources (destinations).
            if named and not any(_is_meant(each, policy, peer) for each in named):
                continue
            # An empty or missing list of ports matches all ports.
            ports = rule.get("ports") or []
            if not ports or any(_is_port(each, asked) for each in ports):
                return True
    return False


def isolates(policy: Manifest, pod: Pod, direction: str) -> bool:
    if policy["metadata"].get("namespace", "default") != pod.namespace:
        return False
    types = policy["spec"].get("policyTypes")
    if not types:
        # Ingress is always set; Egress is set if the policy has any egress rules.
        types = ["Ingress", "Egress"] if policy["spec"].get("egress") else ["Ingress"]
    return direction in types and matches(policy["spec"].get("podSelector") or {}, pod.labels)


def matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions") or []:
        key, operator = expression["key"], expression["operator"]
        if operator == "In" and not (key in labels and labels[key] in expression["values"]):
            return False
        if operator == "NotIn" and key in labels and labels[key] in expression["values"]:
            return False
        if operator == "Exists" and key not in labels:
            return False
        if operator == "DoesNotExist" and key in labels:
            return False
    return True


def _is_meant(peer: Manifest, policy: Manifest, endpoint: Pod | Address) -> bool:
    if isinstance(endpoint, Address):
        return "ipBlock" in peer and in_block(peer["ipBlock"], endpoint.text)
    if "ipBlock" in peer:
        return False  # these should be cluster-external IPs
    return means_pod(peer, policy, endpoint)


def means_pod(peer: Manifest, policy: Manifest, pod: Pod) -> bool:
    if "namespaceSelector" in peer:
        if not matches(peer["namespaceSelector"], pod.namespace_labels):
            return False
    elif pod.namespace != policy["metadata"].get("namespace", "default"):
        return False  # a podSelector alone: pods in the policy's own namespace
    return matches(peer.get("podSelector") or {}, pod.labels)


_address = cache(ipaddress.ip_address)  # parsing the same few addresses again and again would take most of the time
_network = cache(ipaddress.ip_network)


def in_block(block: Manifest, text: str) -> bool:
    address = _address(text)
    if address not in _network(block["cidr"]):
        return False
    return all(address not in _network(each) for each in block.get("except") or [])


def _is_port(entry: Manifest, asked: Question) -> bool:
    if entry.get("protocol", "TCP") != asked.protocol:
        return False
    wanted = entry.get("port")
    if wanted is None:
        return True  # matches all port names and numbers
    if not isinstance(wanted, str):
        return bool(wanted <= asked.port <= entry.get("endPort", wanted))
    if isinstance(asked.destination, Address):
        return False
    return (wanted, asked.protocol, asked.port) in [
        (each.get("name"), each.get("protocol", "TCP"), each["containerPort"])
        for each in asked.destination.container_ports
    ]
