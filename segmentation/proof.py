"""The proof: both layers let through exactly what is declared, each end of each as finely as it can tell things apart.

It reads the compiled policies and rules, never the matrix's own idea of them, so that a bug in a compiler cannot prove
itself right. Each layer by itself, and each end of a connection by itself, must open what is declared and no more: what
only the other stops today would be open tomorrow. A layer cannot tell everything apart, though: the pod layer knows
hosts by address alone, and the VPC layer knows interfaces by their groups. What neither can tell from something
declared passes both, and is said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from segmentation.address_range import AddressRange
from segmentation.declared_permissions import for_groups, for_pods
from segmentation.direction import Direction
from segmentation.environment import Environment, PrefixList
from segmentation.field import DEFAULT_DENY
from segmentation.group_reachability import Carrier
from segmentation.layers import Layers, Pair, has_say
from segmentation.matrix import Matrix
from segmentation.permission import Permissions
from segmentation.port import DNS_PORTS
from segmentation.port_set import NO_PORTS, PortSet
from segmentation.position import DNS, KUBELET, NODE_DNS, Position, Role, any_overlap
from segmentation.security_group import VpcFirewall
from segmentation.verdict import Layer, Outcome, Side


class Fault(StrEnum):
    """What is wrong with a connection."""

    CUT = "declared, but stopped"
    OPEN = "not declared, but open"


@dataclass(frozen=True, slots=True)
class Violation:
    """Connections that one end of a layer does not treat as declared, all for one reason.

    Attributes:
        sources: Names; more than one where the layer cannot tell them apart.
        destinations: Likewise, or all that the same rules concern.
        ports: The ports concerned.
        side: What decides at the end that is wrong, of the first of the connections and ports.
        remedy: What to change.
    """

    fault: Fault
    layer: Layer
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: PortSet
    side: Side
    remedy: str

    @property
    def source(self) -> str:
        """The sources in a few words."""
        return _few(self.sources)

    @property
    def destination(self) -> str:
        """The destinations in a few words."""
        return _few(self.destinations)

    @property
    def sides(self) -> tuple[Side, ...]:
        """What decides."""
        return (self.side,)


@dataclass(frozen=True, slots=True)
class Blur:
    """Something undeclared that passes both layers because neither can tell it from something declared."""

    source: str
    destination: str
    ports: PortSet


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at and what came of it.

    Attributes:
        violations: Sorted; empty when the proof holds.
        blurs: Sorted.
        declared: How many connections (pair and port) are declared and pass both layers.
        stopped: How many undeclared ones of the ports in play are stopped, by the number of layers that stop them.
    """

    violations: tuple[Violation, ...]
    blurs: tuple[Blur, ...]
    declared: int
    stopped: Mapping[int, int]

    @property
    def holds(self) -> bool:
        """Whether both layers let through exactly what is declared."""
        return not self.violations


def prove(
    matrix: Matrix, environment: Environment, manifests: Iterable[Mapping[str, Any]], firewall: VpcFirewall
) -> Proof:
    """Hold compiled policies and rules against the matrix.

    Args:
        matrix: What is declared.
        environment: Where it is.
        manifests: The NetworkPolicies as they would be sent to the API server.
        firewall: The groups and rules as they would be sent to AWS.

    Raises:
        InputError: A manifest is not a valid NetworkPolicy.
    """
    return _Prover(Layers(matrix, environment, tuple(manifests), firewall)).proof()


_SHOWN = 3
_MOST_PAIRS = 100_000
_Peer = Carrier | AddressRange
_Known = TypeVar("_Known", Position, Carrier)
_End = tuple[Carrier, Direction]


@dataclass(frozen=True)
class _Prover:
    layers: Layers

    def proof(self) -> Proof:
        violations = [*self._of_pods(), *self._of_groups()]
        violations.sort(key=lambda each: (each.fault, each.sources, each.destinations, each.layer, str(each.ports)))
        blurs, stopped = self._undeclared()
        return Proof(tuple(violations), blurs, sum(len(list(ports)) for ports in self._declared.values()), stopped)

    @cached_property
    def _declared(self) -> dict[Pair, PortSet]:
        """Every connection that must pass, with those that every cluster needs."""
        named, matrix = self.layers.named, self.layers.matrix
        declared = {(named[flow.source], named[flow.target]): PortSet.of(flow.ports) for flow in matrix.flows}
        for service in matrix.services:
            declared[named[service.name], named[DNS]] = PortSet.of(DNS_PORTS)
            if NODE_DNS in named:
                declared[named[service.name], named[NODE_DNS]] = PortSet.of(DNS_PORTS)
            if KUBELET in named:
                declared[named[KUBELET], named[service.name]] = PortSet.of(service.ports)
        front = self.layers.environment.load_balancer
        declared[named[f"clients of {front.external}"], named[front.external]] = PortSet.of(front.listeners)
        return declared

    def _of_pods(self) -> Iterator[Violation]:
        pods = [position for position in self.layers.positions if position.workload]
        actual = self.layers.pod_permissions
        wanted = for_pods(self._declared, pods, self.layers.matrix.namespace)
        everything = Permissions.everything(pods)
        for end in {**wanted, **actual}:
            # An end that no policy governs is open, and in another namespace it has to be.
            yield from self._compared(Layer.POD, end, wanted.get(end, everything), actual.get(end, everything))

    def _of_groups(self) -> Iterator[Violation]:
        actual, wanted = self.layers.group_permissions, for_groups(self._declared)
        closed: Permissions[Carrier] = Permissions()
        for end in {**wanted, **actual}:
            yield from self._compared(Layer.VPC, end, wanted.get(end, closed), actual.get(end, closed))

    def _compared(
        self, layer: Layer, end: _End, wanted: Permissions[_Known], actual: Permissions[_Known]
    ) -> Iterator[Violation]:
        for fault, differences in ((Fault.CUT, wanted.beyond(actual)), (Fault.OPEN, actual.beyond(wanted))):
            by_ports: dict[PortSet, list[_Peer]] = defaultdict(list)
            for peer, ports in differences:
                by_ports[ports].append(peer)
            for ports, peers in by_ports.items():
                yield self._violation(fault, layer, end, peers, ports)

    def _violation(self, fault: Fault, layer: Layer, end: _End, peers: Sequence[_Peer], ports: PortSet) -> Violation:
        inside, direction = end
        here = self._at(layer, inside)
        there = list(dict.fromkeys(position for peer in peers for position in self._at(layer, peer)))
        here, there = self._concerned(fault, direction, here, there, ports)
        one, other = _standing_for(inside, here), _standing_for(peers[0], there)
        leaving = direction is Direction.EGRESS
        verdict = self.layers.verdict(layer, *((one, other) if leaving else (other, one)), next(iter(ports)))
        if verdict is None:
            raise AssertionError  # a layer has a say at the ends that it governs
        side = verdict.egress if leaving else verdict.ingress
        ends = (_names(here), _names(there)) if leaving else (_names(there), _names(here))
        return Violation(fault, layer, *ends, ports, side, _remedy(fault, side, there))

    def _at(self, layer: Layer, peer: _Peer) -> list[Position]:
        """Return the positions that a layer takes for something it knows."""
        every = self.layers.positions
        if isinstance(peer, Position):
            return [peer]
        if isinstance(peer, AddressRange):
            near = (each for each in every if any_overlap(each.ranges, (peer,)))
            found = [each for each in near if _is_known_by_address(layer, each)]
        elif isinstance(peer, PrefixList):
            found = [each for each in every if each.listed == peer]
        else:
            found = [each for each in every if peer in each.groups]
        return found or [_standing_for(peer, ())]

    def _concerned(
        self, fault: Fault, direction: Direction, here: list[Position], there: list[Position], ports: PortSet
    ) -> tuple[list[Position], list[Position]]:
        """Leave out those between whom there is nothing wrong, where a layer takes several for the same."""
        if len(here) * len(there) in range(2, _MOST_PAIRS):
            pairs = [
                (one, other) for one in here for other in there if self._is_wrong(fault, direction, one, other, ports)
            ]
            if pairs:
                return list(dict.fromkeys(one for one, _ in pairs)), list(dict.fromkeys(other for _, other in pairs))
        return here, there

    def _is_wrong(self, fault: Fault, direction: Direction, here: Position, there: Position, ports: PortSet) -> bool:
        pair = (here, there) if direction is Direction.EGRESS else (there, here)
        declared = self._declared.get(pair, NO_PORTS)
        return bool(ports & declared if fault is Fault.CUT else ports - declared)

    def _undeclared(self) -> tuple[tuple[Blur, ...], dict[int, int]]:
        """Count, for pairs with a service and the ports in play, how many layers stop what is not declared."""
        in_play = PortSet.of(port for ports in self._declared.values() for port in ports)
        blurs, through = [], 0
        for pair, ports in self.layers.passing():
            through += _count(ports & in_play)
            if extra := ports - self._declared.get(pair, NO_PORTS):
                blurs.append(Blur(pair[0].name, pair[1].name, extra))
        by_one = sum(self._open_in(layer, in_play) for layer in Layer) - 2 * through
        services = sum(position.role is Role.SERVICE for position in self.layers.positions)
        pairs = services * (2 * len(self.layers.positions) - services - 1)
        both = pairs * _count(in_play) - through - by_one
        return tuple(sorted(blurs, key=lambda blur: (blur.source, blur.destination))), {1: by_one, 2: both}

    def _open_in(self, layer: Layer, in_play: PortSet) -> int:
        """Count what a layer opens from or to services; where it has no say it opens everything."""
        services = [position for position in self.layers.positions if position.role is Role.SERVICE]
        silent = sum(
            _count(in_play)
            for end in (KUBELET, NODE_DNS)
            if (other := self.layers.named.get(end))
            for service in services
            for pair in ((service, other), (other, service))
            if not has_say(layer, *pair)
        )
        return silent + sum(
            _count(ports & in_play) * _pairs(sources, destinations)
            for sources, destinations, ports in self.layers.blocks(layer)
        )


def _is_known_by_address(layer: Layer, position: Position) -> bool:
    """Tell whether a layer may take a position for an address; it must have a say there."""
    if layer is Layer.VPC:
        return position.name != NODE_DNS
    return not position.workload and position.name != KUBELET


def _pairs(sources: Sequence[Position], destinations: Sequence[Position]) -> int:
    """Count the pairs with a service at either end, without those of a position with itself."""
    strangers = [sum(each.role is not Role.SERVICE for each in end) for end in (sources, destinations)]
    services = {each for each in sources if each.role is Role.SERVICE} & set(destinations)
    return len(sources) * len(destinations) - strangers[0] * strangers[1] - len(services)


def _standing_for(peer: _Peer, positions: Sequence[Position]) -> Position:
    """Return something that a layer takes for this, under the name of the positions that it may be."""
    if isinstance(peer, Position):
        return peer
    name = _few(_names(positions))
    if isinstance(peer, AddressRange):
        return Position(name or str(peer), Role.UNDECLARED, None, (peer,), frozenset())
    if isinstance(peer, PrefixList):
        return Position(name or f"whatever {peer.label} lists", Role.UNDECLARED, None, (), frozenset(), {}, peer)
    return Position(name or f"whatever carries {peer.label}", Role.UNDECLARED, None, (), frozenset({peer}))


def _names(positions: Iterable[Position]) -> tuple[str, ...]:
    return tuple(sorted({position.name for position in positions}))


def _few(names: Sequence[str]) -> str:
    if len(names) <= _SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: _SHOWN - 1])} and {len(names) - _SHOWN + 1:,} more"


def _remedy(fault: Fault, side: Side, there: Sequence[Position]) -> str:
    if fault is Fault.OPEN:
        if side.outcome is Outcome.UNGOVERNED:
            return f"Add {DEFAULT_DENY}, which denies what no other policy allows"
        return "Remove or narrow this rule, or declare the flow in traffic.yaml"
    if all(position.role is Role.IMPLIED for position in there):
        return "Add a rule for it: every service needs it"
    return "Add a rule for it, or remove the flow from traffic.yaml"


def _count(ports: PortSet) -> int:
    return sum(port.last - port.first + 1 for port in ports)
