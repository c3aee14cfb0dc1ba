"""Who reaches whom through security groups, and which rule decides.

Amazon VPC User Guide, "Security group rules": rules only allow; all groups of an interface add up; a rule naming a
group means the interfaces that carry it; groups are stateful, so that a reply needs no rule.

Of a group that this program makes every rule is known. In a group of somebody else only the rules that this program
adds are: there a connection counts as stopped by the other end alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import Holder, OwnGroup, Peer, Rule
from flash_ticket.firewall.prove.endpoint import Position
from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Direction, Layer, Outcome, RuleReference, Side, Verdict

Carrier = Position | Holder | PrefixList
"""What the VPC layer knows as itself: what carries groups of ours, another group, a list whose entries are unknown."""

GroupPermissions = dict[tuple[Carrier, Direction], Permissions[Carrier]]

_Ports = dict[tuple[Position, Position], PortSet]


class GroupReachability:
    """The VPC layer's answers for one environment.

    Positions that carry the same groups at the same addresses are one class: no rule can tell them apart.
    """

    def __init__(self, rules: Iterable[Rule], positions: Iterable[Position]) -> None:
        """Take in rules and the positions that connections may have.

        Args:
            rules: Rules as they would be deployed.
            positions: Everything that can be asked about.
        """
        self._rules: dict[tuple[Holder, Direction], list[Rule]] = defaultdict(list)
        for rule in rules:
            self._rules[rule.holder, rule.direction].append(rule)
        classes: dict[object, list[Position]] = defaultdict(list)
        for position in positions:
            classes[position.groups, position.ranges].append(position)
        self._members = {members[0]: tuple(members) for members in classes.values()}
        self._class_of = {position: members[0] for members in classes.values() for position in members}
        self._by_address: dict[Peer, Sequence[Position]] = {}

    def permissions(self) -> GroupPermissions:
        """Return what the rules in each group let through; what is not there is closed as far as it is known."""
        found: GroupPermissions = {}
        for (holder, direction), rules in self._rules.items():
            for inside in self._carriers(holder):
                permissions = found.setdefault((inside, direction), Permissions())
                for rule in rules:
                    if isinstance(rule.peer, OwnGroup | Group):
                        permissions.open(self._carriers(rule.peer), (), (rule.ports,))
                    elif blocks := _blocks(rule.peer):
                        permissions.open((), blocks, (rule.ports,))
                    elif isinstance(rule.peer, PrefixList):
                        permissions.open((rule.peer,), (), (rule.ports,))
        return found

    def blocks(self) -> Iterator[tuple[tuple[Position, ...], tuple[Position, ...], PortSet]]:
        """Yield positions, those that some of each may reach by our rules, and the ports; no pair twice.

        A position is not connected with itself by this.
        """
        for (source, destination), ports in self._openings.items():
            yield self._members[source], self._members[destination], ports

    def opened(self, source: Position, destination: Position) -> PortSet:
        """Return what some address or interface of one position may open at some of another, by our rules."""
        pair = (self._class_of.get(source, source), self._class_of.get(destination, destination))
        return self._openings.get(pair, NO_PORTS)

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

    @cached_property
    def _openings(self) -> _Ports:
        """What opens between classes; a pair about which no rule says anything is not there."""
        egress, ingress = self._matched(Direction.EGRESS), self._matched(Direction.INGRESS)
        found: _Ports = {}
        pairs = {*egress, *((source, inside) for inside, source in ingress), *self._pairs_by_address()}
        for source, destination in pairs:
            out = egress.get((source, destination), NO_PORTS) | self._within_vpc(source, destination, Direction.EGRESS)
            into = ingress.get((destination, source), NO_PORTS) | self._within_vpc(
                destination, source, Direction.INGRESS
            )
            ports = self._joined(source, destination, out, into)
            if ports:
                found[source, destination] = ports
        return found

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
        for position in self._members:
            for group in position.groups:
                wearers[group].append(position)
        return wearers

    def _carriers(self, group: Holder) -> Sequence[Carrier]:
        """Return what a group stands for: what carries groups of ours, or else everything that carries this one."""
        own = [each for first in self._wearers[group] if first.wears_own_group for each in self._members[first]]
        return own or [group]

    def _matched(self, direction: Direction) -> _Ports:
        """Return the ports that rules of one direction open, by who is inside and the peer."""
        found: dict[tuple[Position, Position], set[PortRange]] = defaultdict(set)
        for (holder, way), rules in self._rules.items():
            for rule in rules if way is direction else ():
                for peer in self._peers(rule.peer):
                    for inside in self._wearers[holder]:
                        found[inside, peer].add(rule.ports)
        return {pair: PortSet.of(ports) for pair, ports in found.items()}

    def _peers(self, peer: Peer) -> Sequence[Position]:
        if isinstance(peer, OwnGroup | Group):
            return self._wearers[peer]
        if peer not in self._by_address:
            blocks = _blocks(peer)
            self._by_address[peer] = [
                position
                for position in self._members
                if not position.wears_own_group and any(_overlap(position.ranges, block) for block in blocks)
            ]
        return self._by_address[peer]

    def _within_vpc(self, inside: Position, peer: Position, direction: Direction) -> PortSet:
        """Return what rules by address open towards a peer in a group of ours, wherever in the VPC it is."""
        if not peer.wears_own_group:
            return NO_PORTS
        return self._vpc_wide[direction].get(inside, NO_PORTS)

    @cached_property
    def _vpc_wide(self) -> dict[Direction, dict[Position, PortSet]]:
        own = next((position for position in self._members if position.wears_own_group and position.workload), None)
        found: dict[Direction, dict[Position, PortSet]] = {direction: {} for direction in Direction}
        for (holder, direction), rules in self._rules.items():
            for rule in rules if own else ():
                if isinstance(rule.peer, OwnGroup | Group):
                    continue
                if own and any(_overlap(own.ranges, block) for block in _blocks(rule.peer)):
                    for inside in self._wearers[holder]:
                        found[direction][inside] = found[direction].get(inside, NO_PORTS) | PortSet((rule.ports,))
        return found

    def _pairs_by_address(self) -> Iterator[tuple[Position, Position]]:
        """Yield the pairs of positions in our groups that rules by address alone could connect."""
        for source in self._vpc_wide[Direction.EGRESS]:
            for destination in self._vpc_wide[Direction.INGRESS]:
                if source is not destination and source.wears_own_group and destination.wears_own_group:
                    yield source, destination

    def _rules_of(self, position: Position, direction: Direction) -> Iterator[Rule]:
        for group in position.groups:
            yield from self._rules.get((group, direction), ())

    def _side(self, inside: Position, peer: Position, direction: Direction, port: PortRange) -> Side:
        if not inside.groups:
            return Side(direction, inside.name, peer.name, Outcome.UNGOVERNED)
        parts, wanted = list(_parts(peer)), PortSet((port,))
        every = [rule for group in inside.groups for rule in self._rules.get((group, direction), ())]
        naming = [rule for rule in every if any(_means(rule.peer, part) for part in parts)]
        if all(_open(rules, part).covers(wanted) for rules in self._alternatives(inside, every) for part in parts):
            outcome, deciding = Outcome.ALLOWED, [rule for rule in naming if PortSet((rule.ports,)) & wanted]
        else:
            outcome, deciding = (Outcome.NO_RULE_FOR_PORT if naming else Outcome.NO_RULE_FOR_PEER), naming
        references = sorted(RuleReference(rule.holder.label, rule.name) for rule in deciding)
        governors = tuple(sorted(group.label for group in inside.groups))
        return Side(direction, inside.name, peer.name, outcome, governors, tuple(references))

    @staticmethod
    def _alternatives(inside: Position, rules: list[Rule]) -> list[list[Rule]]:
        """Return the rules that each interface inside has: pods those of all their groups, a place those of any."""
        if inside.workload:
            return [rules]
        return [[rule for rule in rules if rule.holder == group] for group in inside.groups]


def _open(rules: Iterable[Rule], part: Position) -> PortSet:
    return PortSet.of(rule.ports for rule in rules if _means(rule.peer, part))


def _parts(position: Position) -> Iterator[Position]:
    """Yield what a rule has to mean one by one: pods whole, a place by each of its groups, hosts by their ranges."""
    if position.workload or not (position.groups or position.ranges):
        yield position
        return
    for group in position.groups:
        yield replace(position, groups=frozenset({group}))
    for each in () if position.groups else position.ranges:
        yield replace(position, ranges=(each,))


def _means(peer: Peer, position: Position) -> bool:
    """Tell whether a rule's peer stands for every interface and address of a position."""
    if isinstance(peer, OwnGroup | Group):
        return peer in position.groups
    if not position.ranges:
        return isinstance(peer, PrefixList) and peer == position.listed
    blocks = _blocks(peer)
    return all(any(block.covers(each) for block in blocks) for each in position.ranges)


def _blocks(peer: Peer) -> tuple[AddressRange, ...]:
    networks = peer.networks if isinstance(peer, PrefixList) else (peer,)
    return tuple(AddressRange.of(str(network)) for network in networks)


def _overlap(ranges: tuple[AddressRange, ...], block: AddressRange) -> bool:
    return any(each.overlaps(block) for each in ranges)
