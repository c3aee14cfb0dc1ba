"""Who reaches whom through security groups, and which rule decides.

Amazon VPC User Guide, "Security group rules": rules only allow; all groups of an interface add up; a rule naming a
group means the interfaces that carry it; groups are stateful, so that a reply needs no rule.

Of a group that this program makes every rule is known. In a group of somebody else only the rules that this program
adds are: there a connection counts as stopped by the other end alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property

from segmentation.address_range import AddressRange
from segmentation.direction import Direction
from segmentation.environment import Group, PrefixList
from segmentation.port import PortRange
from segmentation.port_set import ALL_PORTS, NO_PORTS, PortSet
from segmentation.position import Position
from segmentation.security_group import Holder, OwnGroup, Peer, Rule
from segmentation.verdict import Layer, Outcome, RuleReference, Side, Verdict

_Sides = dict[tuple[Position, Position], PortSet]


class GroupReachability:
    """The VPC layer's answers for one environment."""

    def __init__(self, rules: Iterable[Rule], positions: Iterable[Position]) -> None:
        """Take in rules and the positions that connections may have.

        Args:
            rules: Rules as they would be deployed.
            positions: Everything that can be asked about.
        """
        self._positions = tuple(positions)
        self._rules: dict[tuple[Holder, Direction], list[Rule]] = defaultdict(list)
        for rule in rules:
            self._rules[rule.holder, rule.direction].append(rule)

    def openings(self) -> dict[tuple[Position, Position], PortSet]:
        """Return what some address or interface of one position may open at some of another, by our rules.

        A pair about which no rule says anything is not there.
        """
        egress, ingress = self._matched(Direction.EGRESS), self._matched(Direction.INGRESS)
        found: _Sides = {}
        for source, destination in {*egress, *((source, inside) for inside, source in ingress), *self._by_address()}:
            out = egress.get((source, destination), NO_PORTS) | self._within_vpc(source, destination, Direction.EGRESS)
            into = ingress.get((destination, source), NO_PORTS) | self._within_vpc(
                destination, source, Direction.INGRESS
            )
            ports = self._joined(source, destination, out, into)
            if ports:
                found[source, destination] = ports
        return found

    def allowed(self, source: Position, destination: Position) -> PortSet:
        """Return what every address and interface of one position may open at every one of another, by our rules."""
        out, into = ALL_PORTS, ALL_PORTS
        if source.groups:
            out = self._side_ports(source, destination, Direction.EGRESS)
        if destination.groups:
            into = self._side_ports(destination, source, Direction.INGRESS)
        return out & into

    def verdict(self, source: Position, destination: Position, port: PortRange) -> Verdict:
        """Return whether connections on a port (or on all ports of a range) pass, and what decides on each side."""
        return Verdict(
            Layer.VPC,
            source.name,
            destination.name,
            port,
            self._side(source, destination, Direction.EGRESS, port),
            self._side(destination, source, Direction.INGRESS, port),
        )

    @staticmethod
    def _joined(source: Position, destination: Position, out: PortSet, into: PortSet) -> PortSet:
        match source.wears_own_group, destination.wears_own_group:
            case True, True:
                return out & into
            case True, False:
                return out
            case False, True:
                return into
            case _:
                return out | into  # what one end opens here, others may have opened at the other

    @cached_property
    def _wearers(self) -> dict[Holder, list[Position]]:
        wearers: dict[Holder, list[Position]] = defaultdict(list)
        for position in self._positions:
            for group in position.groups:
                wearers[group].append(position)
        return wearers

    def _matched(self, direction: Direction) -> _Sides:
        """Return the ports that rules of one direction open, by who is inside and the peer."""
        found: _Sides = defaultdict(lambda: NO_PORTS)
        for (holder, way), rules in self._rules.items():
            if way is not direction:
                continue
            for rule in rules:
                ports = PortSet((rule.ports,))
                for peer in self._peers(rule.peer):
                    for inside in self._wearers[holder]:
                        if inside is not peer:
                            found[inside, peer] |= ports
        return found

    def _peers(self, peer: Peer) -> Iterable[Position]:
        if isinstance(peer, OwnGroup | Group):
            return self._wearers[peer]
        blocks = _blocks(peer)
        return [
            position
            for position in self._positions
            if not position.wears_own_group and any(_overlap(position.ranges, block) for block in blocks)
        ]

    def _within_vpc(self, inside: Position, peer: Position, direction: Direction) -> PortSet:
        """Return what rules by address open towards a peer in a group of ours, wherever in the VPC it is."""
        if not peer.wears_own_group:
            return NO_PORTS
        return self._vpc_wide[direction].get(inside, NO_PORTS)

    @cached_property
    def _vpc_wide(self) -> dict[Direction, dict[Position, PortSet]]:
        own = next((position for position in self._positions if position.wears_own_group and position.workload), None)
        found: dict[Direction, dict[Position, PortSet]] = {direction: {} for direction in Direction}
        for (holder, direction), rules in self._rules.items():
            for rule in rules if own else ():
                if isinstance(rule.peer, OwnGroup | Group):
                    continue
                if own and any(_overlap(own.ranges, block) for block in _blocks(rule.peer)):
                    for inside in self._wearers[holder]:
                        found[direction][inside] = found[direction].get(inside, NO_PORTS) | PortSet((rule.ports,))
        return found

    def _by_address(self) -> Iterator[tuple[Position, Position]]:
        """Yield the pairs of positions in our groups that rules by address alone could connect."""
        for source in self._vpc_wide[Direction.EGRESS]:
            for destination in self._vpc_wide[Direction.INGRESS]:
                if source is not destination and source.wears_own_group and destination.wears_own_group:
                    yield source, destination

    def _rules_of(self, position: Position, direction: Direction) -> Iterator[Rule]:
        for group in position.groups:
            yield from self._rules.get((group, direction), ())

    def _side_ports(self, inside: Position, peer: Position, direction: Direction) -> PortSet:
        """Return what every interface inside may use with every interface or address of the peer."""
        common = ALL_PORTS
        for group in inside.groups:
            rules = self._rules.get((group, direction), ())
            for part in _parts(peer):
                common &= PortSet.of(rule.ports for rule in rules if _means(rule.peer, part))
        return common

    def _side(self, inside: Position, peer: Position, direction: Direction, port: PortRange) -> Side:
        if not inside.groups:
            return Side(direction, inside.name, peer.name, Outcome.UNGOVERNED)
        naming = [
            rule for rule in self._rules_of(inside, direction) if any(_means(rule.peer, part) for part in _parts(peer))
        ]
        wanted = PortSet((port,))
        on_port = [rule for rule in naming if PortSet((rule.ports,)) & wanted]
        if PortSet.of(rule.ports for rule in on_port).covers(wanted):
            outcome, deciding = Outcome.ALLOWED, on_port
        else:
            outcome, deciding = (Outcome.NO_RULE_FOR_PORT if naming else Outcome.NO_RULE_FOR_PEER), naming
        references = sorted(RuleReference(rule.holder.label, rule.name) for rule in deciding)
        governors = tuple(sorted(group.label for group in inside.groups))
        return Side(direction, inside.name, peer.name, outcome, governors, tuple(references))


def _parts(position: Position) -> Iterator[Position]:
    """Yield what a rule has to mean one by one: interfaces by the group they carry, hosts by their range."""
    for group in position.groups:
        yield replace(position, groups=frozenset({group}))
    for each in () if position.groups else position.ranges:
        yield replace(position, ranges=(each,))


def _means(peer: Peer, position: Position) -> bool:
    """Tell whether a rule's peer stands for every interface and address of a position."""
    if isinstance(peer, OwnGroup | Group):
        return peer in position.groups
    blocks = _blocks(peer)
    return bool(position.ranges) and all(any(block.covers(each) for block in blocks) for each in position.ranges)


def _blocks(peer: Peer) -> tuple[AddressRange, ...]:
    networks = peer.networks if isinstance(peer, PrefixList) else (peer,)
    return tuple(AddressRange.of(str(network)) for network in networks)


def _overlap(ranges: tuple[AddressRange, ...], block: AddressRange) -> bool:
    return any(each.overlaps(block) for each in ranges)
