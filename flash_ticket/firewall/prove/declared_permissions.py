"""The declared connections, and exactly what each end must allow for them, in the terms of a layer.

A layer treats endpoints the same if it cannot distinguish them. The pod layer knows hosts only by their address. The
VPC layer knows interfaces by their groups, and hosts without a group of ours by their address.

The compiled firewall says which groups hold coarse rules, because AWS's quota is too small for exact ones. This module
does not trust these rules: it knows from the declaration alone what such an end may open at most. It may treat all pods
of the firewall alike where it names some of them, and it may open the ports between those that it names for one peer.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from flash_ticket.firewall.compile.vpc_layer import OwnGroup, group_of_all_pods
from flash_ticket.firewall.prove.both_layers import BothLayers, Pair, has_say
from flash_ticket.firewall.prove.endpoint import (
    DNS,
    KUBELET,
    NODE_DNS,
    Endpoint,
    Role,
    any_overlap,
    before_restart,
    clients_of,
    without_shared_group,
)
from flash_ticket.firewall.prove.group_reachability import GroupPermissions, VpcParty
from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.prove.policy_permissions import PodPermissions
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import DNS_PORTS, MAX_PORT, NO_PORTS, PortRange, PortSet, Protocol
from flash_ticket.firewall.terms.verdict import Direction, Layer

Declared = Mapping[Pair, PortSet]


def declared_connections(layers: BothLayers) -> dict[Pair, PortSet]:
    """Return every connection that must pass: the flows, DNS, probes and the load balancers' clients."""
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
            # A kubelet reaches pods that share the group of its node without crossing a network interface.
            if KUBELET in named and service.ports and pods.has_own_group:
                declared[named[KUBELET], pods] = PortSet.of(service.ports)
    for name, front in layers.environment.fronts.items():
        declared[named[clients_of(name)], named[name]] = PortSet.of(front.listeners)
    return declared


def _ends(named: Mapping[str, Endpoint], name: str) -> Iterator[Endpoint]:
    """Yield the endpoints for a name of the matrix: one, or more for a service whose pods have to restart."""
    for each in (name, before_restart(name), without_shared_group(name)):
        if each in named:
            yield named[each]


def for_pods(declared: Declared, pods: Iterable[Endpoint], namespaces: Collection[str]) -> PodPermissions:
    """Return what policies must allow at each end in the firewalled namespaces.

    Args:
        declared: Every connection that must pass.
        pods: Every endpoint that consists of pods.
        namespaces: The firewalled namespaces.
    """
    found: PodPermissions = {
        (pod, direction): Permissions()
        for pod in pods
        if pod.workload and pod.workload.namespace in namespaces
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


def for_groups(declared: Declared, home: str) -> GroupPermissions:
    """Return what rules must allow at each end that has a group.

    Nodes may send to the pods that share a group on every port, because the pods' own groups decide.

    Args:
        declared: Every connection that must pass.
        home: The namespace that the firewall is named after.
    """
    found: GroupPermissions = defaultdict(Permissions)
    probes = {
        (source, port.protocol) for (source, _), ports in declared.items() if source.name == KUBELET for port in ports
    }
    every = group_of_all_pods(home)
    sharing = dict.fromkeys(end for end in chain.from_iterable(declared) if end.workload and every in end.groups)
    for kubelet, protocol in probes if sharing else ():
        for each in _parties(kubelet):
            found[each, Direction.EGRESS].open(sharing, (), (PortRange(protocol, 1, MAX_PORT),))
    for (source, destination), ports in declared.items():
        if not has_say(Layer.VPC, source, destination):
            continue
        ends = ((Direction.EGRESS, source, destination), (Direction.INGRESS, destination, source))
        for direction, inside, peer in ends:
            addresses = () if peer.groups else peer.anywhere or peer.ranges
            for each in _parties(inside) if inside.groups else ():
                found[each, direction].open(_parties(peer), addresses, ports)
    return found


def beyond_names(layers: BothLayers, declared: Declared) -> Iterator[tuple[Pair, PortSet]]:
    """Yield the pairs and ports that the VPC layer opens because groups know no names, and that the pod layer stops."""
    passing, groups = layers.passing, layers.groups_of_ours
    for (source, target), ports in declared.items():
        for other in layers.endpoints if target.anywhere else ():
            pair = source, other
            if other is source or not has_say(Layer.POD, *pair) or not any_overlap(other.ranges, target.anywhere):
                continue
            known = passing.get(pair, NO_PORTS) | declared.get(pair, NO_PORTS)
            if opened := (groups.opened(*pair) & ports) - known:
                yield pair, opened


def _parties(endpoint: Endpoint) -> Iterator[VpcParty]:
    if endpoint.has_own_group:
        yield endpoint
    else:
        yield from endpoint.groups
        if endpoint.listed and not endpoint.ranges:
            yield endpoint.listed


_End = tuple[VpcParty, Direction]


@dataclass(frozen=True)
class CoarseEnds:
    """What the coarse ends of a firewall open.

    Attributes:
        layers: The compiled output.
        wanted: What exact rules allow at each end.
    """

    layers: BothLayers
    wanted: GroupPermissions

    def allowed(self, end: _End) -> Permissions[VpcParty]:
        """Return what an end may open at most: what is declared, and more if its group holds coarse rules."""
        exact = self.wanted.get(end, Permissions())
        if end not in self._ends:
            return exact
        found: Permissions[VpcParty] = Permissions()
        of_pods: set[PortRange] = set()
        for peer, ports in exact.peers.items():
            found.open((peer,), (), _joined(ports))
            of_pods |= ports if peer in self._pods else set()
        found.open(self._pods, (), _joined(of_pods))
        for block, ports in exact.addresses.items():
            found.open((), (block,), ports if end in self._fronts else _joined(ports))
        return found

    def resting(self) -> Iterator[tuple[Pair, PortSet]]:
        """Yield the pairs and ports that both ends open beyond the declaration, and that the pod layer decides.

        Pairs with a service that has no group of this program are left out.
        """
        passing, groups = self.layers.passing, self.layers.groups_of_ours
        found: dict[Pair, PortSet] = {}
        for end in self._ends:
            actual = self.layers.group_permissions.get(end, Permissions())
            for peer, ports in actual.beyond(self.wanted.get(end, Permissions())):
                for pair in self._pairs(end, peer):
                    opened = (groups.opened(*pair) & ports) - passing.get(pair, NO_PORTS)
                    if opened:
                        found[pair] = found.get(pair, NO_PORTS) | opened
        yield from found.items()

    def _pairs(self, end: _End, peer: VpcParty | AddressRange) -> Iterator[Pair]:
        inside, direction = end
        for here in self._at(inside):
            for there in self._at(peer):
                pair = (here, there) if direction is Direction.EGRESS else (there, here)
                services = [each for each in pair if each.role is Role.SERVICE]
                in_own_groups = bool(services) and all(each.has_own_group for each in services)
                if here is not there and in_own_groups and has_say(Layer.POD, *pair):
                    yield pair

    def _at(self, party: VpcParty | AddressRange) -> Iterable[Endpoint]:
        if isinstance(party, Endpoint):
            return (party,)
        if isinstance(party, AddressRange):
            return [each for each in self.layers.endpoints if not each.groups and any_overlap(each.ranges, (party,))]
        return [each for each in self.layers.endpoints if party in each.groups or party == each.listed]

    @cached_property
    def _ends(self) -> Mapping[_End, None]:
        """The ends whose group holds coarse rules."""
        by_group: dict[object, list[Endpoint]] = defaultdict(list)
        for endpoint in self.layers.endpoints:
            for group in endpoint.groups:
                by_group[group].append(endpoint)
        found: dict[_End, None] = {}
        for coarse in self.layers.firewall.coarse:
            own = isinstance(coarse.holder, OwnGroup)
            parties: list[VpcParty] = [*by_group[coarse.holder]] if own else [coarse.holder]
            found |= dict.fromkeys((party, coarse.direction) for party in parties)
        return found

    @cached_property
    def _pods(self) -> frozenset[VpcParty]:
        """The endpoints that carry the group of all pods."""
        every = group_of_all_pods(self.layers.matrix.namespace)
        return frozenset(each for each in self.layers.endpoints if every in each.groups)

    @cached_property
    def _fronts(self) -> frozenset[_End]:
        """The ends that clients of load balancers reach: the pod layer cannot decide about them."""
        return frozenset((self.layers.named[name], Direction.INGRESS) for name in self.layers.environment.fronts)


def _joined(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Return one range for each protocol."""
    by_protocol: dict[Protocol, list[PortRange]] = defaultdict(list)
    for each in ports:
        by_protocol[each.protocol].append(each)
    return tuple(
        PortRange(protocol, min(each.first for each in found), max(each.last for each in found))
        for protocol, found in by_protocol.items()
    )
