"""Which pods are open beyond what the manifests hold: to pods that somebody can still create.

A workload can be open to the entire cluster, or to the pods that a selector of a policy would match. Each is tried as a
pod that does not exist, with the least labels that the selector wants, so policies of administrators count, too. A
selector of pods that matches a workload of the manifests means this workload, and is not listed as exposure.

netpol-analyzer calls this exposure analysis, and ``entire-cluster`` is its word.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flash_ticket.firewall.analyse.cluster import NAME_LABEL, AnalysedCluster
from flash_ticket.firewall.analyse.label_selector import EVERYTHING, Operator, Selector
from flash_ticket.firewall.analyse.policy import PodPeer
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.terms.connections import Block, Connections
from flash_ticket.firewall.terms.ports import NO_PORTS
from flash_ticket.firewall.terms.verdict import Direction

ENTIRE_CLUSTER = "entire-cluster"

# No namespace can have such a name, because of the spaces.
_ELSEWHERE = "a namespace that does not exist"
_ANY_VALUE = "any-value"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What workloads may exchange with pods that the manifests do not hold.

    Attributes:
        connections: All connections, with these pods as ends.
        strangers: The names of these pods.
        unprotected: The workloads that nothing restricts in a direction, sorted.
    """

    connections: Connections
    strangers: frozenset[str]
    unprotected: tuple[tuple[str, Direction], ...]


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A pod that could be created: its name in connections, the pod, and the labels of its namespace."""

    name: str
    pod: Workload
    namespace_labels: dict[str, str]


def exposure(reachability: Reachability) -> Exposure:
    """Return the connections of a cluster with those of pods that it does not hold."""
    strangers = _strangers(reachability.cluster)
    labels = {each.pod.namespace: each.namespace_labels for each in strangers}
    namespaces = {**labels, **reachability.cluster.namespaces}
    cluster = replace(reachability.cluster, namespaces=namespaces)
    extended = Reachability(cluster, enforcement=reachability.enforcement)
    known = reachability.connections()
    blocks = list(known.blocks)
    for name, workload in reachability.parties.items():
        for direction in Direction:
            blocks += _blocks(extended, name, workload, direction, strangers)
    found = Connections((*known.parties, *(each.name for each in strangers)), blocks)
    used = {end for block in blocks for end in (*block.sources, *block.destinations)}
    names = frozenset(each.name for each in strangers if each.name in used)
    found = Connections((each for each in found.parties if each in names or each in set(known.parties)), blocks)
    unprotected = (
        (name, direction)
        for name, workload in reachability.parties.items()
        for direction in Direction
        if not reachability.is_restricted(workload, direction)
    )
    return Exposure(found, names, tuple(sorted(unprotected)))


def _blocks(
    reachability: Reachability, name: str, workload: Workload, direction: Direction, strangers: list[_Stranger]
) -> Iterator[Block]:
    """Yield what a workload may exchange with strangers in a direction, beyond the entire cluster."""
    everywhere = NO_PORTS
    for stranger in strangers:
        pair = (workload, stranger.pod) if direction is Direction.EGRESS else (stranger.pod, workload)
        ports = reachability.allowed(*pair)
        if not everywhere.covers(ports):
            if stranger.name == ENTIRE_CLUSTER:
                everywhere = ports
            ends = (name, stranger.name) if direction is Direction.EGRESS else (stranger.name, name)
            yield Block((ends[0],), (ends[1],), ports)


def _strangers(cluster: AnalysedCluster) -> list[_Stranger]:
    """Return the pods that could be created: first any pod, then one for each selector of a policy."""
    found = {
        ENTIRE_CLUSTER: _Stranger(ENTIRE_CLUSTER, Workload(_ELSEWHERE, "pod", "Pod", {}), {NAME_LABEL: _ELSEWHERE})
    }
    for of_policy, peer in sorted(_peers(cluster), key=repr):
        if peer.pods != EVERYTHING and _is_known(cluster, of_policy, peer):
            continue
        if peer.namespaces is None:
            namespace, labels, where = of_policy, {NAME_LABEL: of_policy}, of_policy
        else:
            labels = _least(peer.namespaces)
            namespace = labels.setdefault(NAME_LABEL, f"a namespace with {peer.namespaces}")
            where = _where(peer.namespaces, namespace)
        pods = "[all pods]" if peer.pods == EVERYTHING else f"[pod with {{{peer.pods}}}]"
        name = f"{where}/{pods}"
        if name != "[all namespaces]/[all pods]":
            known = dict(cluster.namespaces.get(namespace, labels))
            found[name] = _Stranger(name, Workload(namespace, name, "Pod", _least(peer.pods)), known)
    return list(found.values())


def _peers(cluster: AnalysedCluster) -> Iterator[tuple[str, PodPeer]]:
    """Yield each selector of pods with the namespace of its policy; policies of administrators have none."""
    seen = set()
    for policy in cluster.policies:
        for rules in policy.rules.values():
            seen |= {
                (policy.namespace, each) for rule in rules for each in rule.peers or () if isinstance(each, PodPeer)
            }
    for admin in cluster.admin_policies:
        seen |= {("", each) for each in admin.pod_peers() if each.namespaces is not None}
    yield from seen


def _is_known(cluster: AnalysedCluster, of_policy: str, peer: PodPeer) -> bool:
    """Return whether a workload of the manifests is one of the selected pods."""
    return any(
        peer.pods.matches(each.labels)
        and (
            each.namespace == of_policy
            if peer.namespaces is None
            else peer.namespaces.matches(cluster.namespaces.get(each.namespace) or {NAME_LABEL: each.namespace})
        )
        for each in cluster.workloads
    )


def _where(namespaces: Selector, name: str) -> str:
    if namespaces == EVERYTHING:
        return "[all namespaces]"
    return name if namespaces == Selector.of({NAME_LABEL: name}) else f"[namespace with {{{namespaces}}}]"


def _least(selector: Selector) -> dict[str, str]:
    """Return the fewest labels that a selector wants."""
    wanted = (each for each in selector.requirements if each.operator in (Operator.IN, Operator.EXISTS))
    return {each.key: next(iter(each.values), _ANY_VALUE) for each in wanted}
