"""The declared connections, and exactly what each end must allow for them, in the terms of a layer.

A layer treats endpoints the same if it cannot distinguish them. The pod layer knows hosts only by their address. The
VPC layer knows interfaces by their groups, and hosts without a group of ours by their address.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.prove.both_layers import BothLayers, Pair, has_say
from flash_ticket.firewall.prove.endpoint import DNS, KUBELET, NODE_DNS, Endpoint, before_restart, clients_of
from flash_ticket.firewall.prove.group_reachability import GroupPermissions, VpcParty
from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.prove.policy_permissions import PodPermissions
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Direction, Layer

Declared = Mapping[Pair, PortSet]


def declared_connections(layers: BothLayers) -> dict[Pair, PortSet]:
    """Return every connection that must pass: the flows, DNS, probes and the load balancer's clients."""
    named, matrix = layers.named, layers.matrix
    declared = {
        (source, target): PortSet.of(flow.ports)
        for flow in matrix.flows
        for source in _ends(named, flow.source)
        for target in _ends(named, flow.target)
    }
    for service in matrix.services:
        for pods in _ends(named, service.name):
            declared[pods, named[DNS]] = PortSet.of(DNS_PORTS)
            if NODE_DNS in named:
                declared[pods, named[NODE_DNS]] = PortSet.of(DNS_PORTS)
        if KUBELET in named and service.ports:
            # A kubelet reaches pods that share the group of its node without crossing a network interface.
            on_pods = layers.environment.cluster.attachment is Attachment.PODS
            probed = service.name if on_pods else before_restart(service.name)
            declared[named[KUBELET], named[probed]] = PortSet.of(service.ports)
    front = layers.environment.load_balancer
    declared[named[clients_of(front.external)], named[front.external]] = PortSet.of(front.listeners)
    return declared


def _ends(named: Mapping[str, Endpoint], name: str) -> Iterator[Endpoint]:
    """Yield the endpoints for a name of the matrix: one, or two for a service while the attachment changes."""
    for each in (name, before_restart(name)):
        if each in named:
            yield named[each]


def for_pods(declared: Declared, pods: Iterable[Endpoint], namespace: str) -> PodPermissions:
    """Return what policies must allow at each end in the namespace.

    Args:
        declared: Every connection that must pass.
        pods: Every endpoint that consists of pods.
        namespace: The firewalled namespace.
    """
    found: PodPermissions = {
        (pod, direction): Permissions()
        for pod in pods
        if pod.workload and pod.workload.namespace == namespace
        for direction in Direction
    }
    alike = _alike(declared, pods)
    for (source, destination), ports in declared.items():
        if not has_say(Layer.POD, source, destination):
            continue
        ends = ((Direction.EGRESS, source, destination), (Direction.INGRESS, destination, source))
        for direction, inside, peer in ends:
            addresses = () if peer.workload else peer.ranges
            for each in alike[inside]:
                if (each, direction) in found:
                    found[each, direction].open(alike[peer], addresses, ports)
    return found


def _alike(declared: Declared, pods: Iterable[Endpoint]) -> Mapping[Endpoint, list[Endpoint]]:
    """Return, for each declared end, the pods of its namespace that have at least its labels."""
    by_label: dict[tuple[str, tuple[str, str] | None], list[Endpoint]] = defaultdict(list)
    for end in dict.fromkeys(chain.from_iterable(declared)):
        if end.workload:
            by_label[end.workload.namespace, next(iter(sorted(end.workload.labels.items())), None)].append(end)
    found: dict[Endpoint, list[Endpoint]] = defaultdict(list)
    for pod in pods:
        if pod.workload:
            labels = pod.workload.labels.items()
            for end in chain.from_iterable(by_label.get((pod.workload.namespace, key), ()) for key in (None, *labels)):
                if end.workload and end.workload.labels.items() <= labels:
                    found[end].append(pod)
    return found


def for_groups(declared: Declared) -> GroupPermissions:
    """Return what rules must allow at each end that has a group."""
    found: GroupPermissions = defaultdict(Permissions)
    for (source, destination), ports in declared.items():
        if not has_say(Layer.VPC, source, destination):
            continue
        ends = ((Direction.EGRESS, source, destination), (Direction.INGRESS, destination, source))
        for direction, inside, peer in ends:
            addresses = () if peer.groups else peer.ranges
            for each in _parties(inside) if inside.groups else ():
                found[each, direction].open(_parties(peer), addresses, ports)
    return found


def _parties(endpoint: Endpoint) -> Iterator[VpcParty]:
    if endpoint.has_own_group:
        yield endpoint
    else:
        yield from endpoint.groups
        if endpoint.listed and not endpoint.ranges:
            yield endpoint.listed
