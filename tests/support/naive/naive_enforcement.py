"""A second opinion on what an enforcer makes of a NetworkPolicy where the API leaves it open, one question at a time.

It shares no code with the analyzer. The comments are what packets did on a real node.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.support.naive.naive_evaluator import Address, Manifest, Pod, isolates, means_pod


class Enforcer(Enum):
    AWS_AGENT = "aws-network-policy-agent"
    KUBE_ROUTER = "kube-router"
    CILIUM = "cilium"
    CILIUM_PODS = "cilium with policy-cidr-match-mode pods"


@dataclass(frozen=True)
class Running:
    """A pod that runs, with its own address and that of the Service in front of it."""

    pod: Pod
    address: str
    cluster_ip: str


@dataclass(frozen=True)
class Call:
    source: Running | Address
    destination: Running | Address
    by_service: bool
    protocol: str
    port: int


def passes(enforcer: Enforcer, policies: Sequence[Manifest], pods: Sequence[Running], call: Call) -> bool:
    return leaves(enforcer, policies, call) and enters(enforcer, policies, pods, call)


def leaves(enforcer: Enforcer, policies: Sequence[Manifest], call: Call) -> bool:
    if isinstance(call.source, Address):
        return True
    isolating = [policy for policy in policies if isolates(policy, call.source.pod, "Egress")]
    if not isolating:
        return True
    called = call.destination.text if isinstance(call.destination, Address) else call.destination.address
    if enforcer is Enforcer.AWS_AGENT and call.by_service and isinstance(call.destination, Running):
        called = call.destination.cluster_ip  # the agent judges egress before the translation
    for policy, rule in _rules(isolating, "egress"):
        for peer in rule.get("to") or [None]:
            if _is_peer(enforcer, peer, policy, call.destination, called):
                # EKS drops named ports where the peer is a block, or everything.
                named = call.destination.pod if isinstance(call.destination, Running) else None
                if enforcer is Enforcer.AWS_AGENT and (peer is None or "ipBlock" in peer):
                    named = None
                if _is_open(rule, call, [named] if named else []):
                    return True
    return False


def enters(enforcer: Enforcer, policies: Sequence[Manifest], pods: Sequence[Running], call: Call) -> bool:
    if isinstance(call.destination, Address):
        return True
    isolating = [policy for policy in policies if isolates(policy, call.destination.pod, "Ingress")]
    if not isolating:
        return True
    caller = call.source.text if isinstance(call.source, Address) else call.source.address
    for policy, rule in _rules(isolating, "ingress"):
        for peer in rule.get("from") or [None]:
            if _is_peer(enforcer, peer, policy, call.source, caller):
                named = [call.destination.pod]
                if enforcer is Enforcer.AWS_AGENT:
                    # EKS writes one list of ports for all selected pods, and drops names where the peer is a block.
                    named = [each.pod for each in pods if isolates(policy, each.pod, "Ingress")]
                    named = [] if peer and "ipBlock" in peer else named
                if _is_open(rule, call, named):
                    return True
    return False


def _rules(policies: Sequence[Manifest], section: str) -> Iterator[tuple[Manifest, Mapping[str, Any]]]:
    for policy in policies:
        for rule in policy["spec"].get(section) or []:
            yield policy, rule


def _is_peer(enforcer: Enforcer, peer: Manifest | None, policy: Manifest, end: Running | Address, address: str) -> bool:
    if peer is None:
        return True
    if "ipBlock" in peer:
        if isinstance(end, Running) and enforcer is Enforcer.CILIUM:
            return False  # Cilium knows a pod by its identity
        return _covers(peer["ipBlock"], address)
    return isinstance(end, Running) and means_pod(peer, policy, end.pod)


def _covers(block: Manifest, address: str) -> bool:
    asked = ipaddress.ip_address(address)
    if asked not in ipaddress.ip_network(block["cidr"]):
        return False
    return all(asked not in ipaddress.ip_network(each) for each in block.get("except") or [])


def _is_open(rule: Manifest, call: Call, named_on: Sequence[Pod]) -> bool:
    ports = rule.get("ports") or []
    return not ports or any(_is_port(entry, call, named_on) for entry in ports)


def _is_port(entry: Manifest, call: Call, named_on: Sequence[Pod]) -> bool:
    if entry.get("protocol", "TCP") != call.protocol:
        return False
    wanted = entry.get("port")
    if not isinstance(wanted, str):
        return wanted is None or bool(wanted <= call.port <= entry.get("endPort", wanted))
    return any(
        (port.get("name"), port.get("protocol", "TCP"), port["containerPort"]) == (wanted, call.protocol, call.port)
        for pod in named_on
        for port in pod.container_ports
    )
