"""Reachability through security groups, and the rules that decide.

Amazon VPC User Guide, "Security group rules": rules only allow. All groups of an interface add up. A rule with a group
matches the interfaces that have it. Groups are stateful, so a reply needs no rule.

The program knows every rule of its own groups. In a group of others it knows only the rules that it adds, so there only
the other end can deny a connection.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, OwnGroup, RulePeer
from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.terms.addresses import AddressRange, Family, Partition
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Direction, Extent, Layer, Outcome, RuleReference, Side, Verdict

VpcParty = Endpoint | Holder | PrefixList
"""What the VPC layer distinguishes: an endpoint with a group of ours, another group, or a list of unknown entries."""

GroupPermissions = dict[tuple[VpcParty, Direction], Permissions[VpcParty]]

_PortsByPair = dict[tuple[Endpoint, Endpoint], PortSet]


class GroupReachability:
    """The VPC layer's answers for one environment.

    Endpoints with the same groups and addresses form one class, because no rule can distinguish them.
    """

    def __init__(self, rules: Iterable[GroupRule], endpoints: Iterable[Endpoint]) -> None:
        """Prepare the answers for rules and endpoints.

        Args:
            rules: The rules to deploy, or the deployed ones.
            endpoints: Every possible source and destination.
        """
        self._rules: dict[tuple[Holder, Direction], list[GroupRule]] = defaultdict(list)
        for rule in rules:
            self._rules[rule.holder, rule.direction].append(rule)
        classes: dict[object, list[Endpoint]] = defaultdict(list)
        for endpoint in endpoints:
            classes[endpoint.groups, endpoint.ranges].append(endpoint)
        self._members = {members[0]: tuple(members) for members in classes.values()}
        self._class_of = {endpoint: members[0] for members in classes.values() for endpoint in members}
        self._by_address: dict[RulePeer, Sequence[Endpoint]] = {}
        self._partitions: dict[Family, Partition] = {}

    def permissions(self) -> GroupPermissions:
        """Return what the rules in each group allow; as far as known, a missing end is closed."""
        found: GroupPermissions = {}
        for (holder, direction), rules in self._rules.items():
            for inside in self._parties(holder):
                permissions = found.setdefault((inside, direction), Permissions())
                for rule in rules:
                    if isinstance(rule.peer, OwnGroup | Group):
                        permissions.open(self._parties(rule.peer), (), (rule.ports,))
                    elif blocks := _blocks(rule.peer):
                        permissions.open((), blocks, (rule.ports,))
                    elif isinstance(rule.peer, PrefixList):
                        permissions.open((rule.peer,), (), (rule.ports,))
        return found

    def blocks(self) -> Iterator[tuple[tuple[Endpoint, ...], tuple[Endpoint, ...], PortSet]]:
        """Yield sources, the destinations that our rules allow for some part of each, and the ports; no pair twice.

        An endpoint on both sides of a block is not connected to itself.
        """
        for (source, destination), ports in self._openings.items():
            yield self._members[source], self._members[destination], ports

    def opened(self, source: Endpoint, destination: Endpoint) -> PortSet:
        """Return the ports that our rules allow from some address or interface of one endpoint to some of another."""
        pair = (self._class_of.get(source, source), self._class_of.get(destination, destination))
        return self._openings.get(pair, NO_PORTS)

    def verdict(self, source: Endpoint, destination: Endpoint, port: PortRange) -> Verdict:
        """Return whether connections on a port (or on all ports of a range) pass, and what decides on each side."""
        return Verdict(
            Layer.VPC,
            source.name,
            destination.name,
            port,
            self._side(source, destination, Direction.EGRESS, port),
            self._side(destination, source, Direction.INGRESS, port),
        )

    def open_part(self, source: Endpoint, destination: Endpoint, port: PortRange) -> Verdict | None:
        """Return the verdict on a part of two endpoints between which connections may pass; None if there is none.

        In a group of others, rules of theirs may allow what no rule of ours does, if the other end allows it.
        """
        pieces = [(one, other) for one in self._pieces(source) for other in self._pieces(destination)]
        found = [each for one, other in pieces if (each := self._may_pass(one, other, port))]
        if not found:
            return None
        return replace(found[0], extent=Extent.WHOLE if len(found) == len(pieces) else Extent.PART)

    def _may_pass(self, source: Endpoint, destination: Endpoint, port: PortRange) -> Verdict | None:
        found = self.verdict(source, destination, port)
        sides = ((found.egress, source), (found.ingress, destination))
        ours = [side for side, end in sides if end.has_own_group]
        allowed = [side.outcome is Outcome.ALLOWED for side in ours or (found.egress, found.ingress)]
        if not (all(allowed) if ours else any(allowed)):
            return None
        egress, ingress = (
            side if side.passes else replace(side, outcome=Outcome.OTHERS, rules=()) for side, _ in sides
        )
        return replace(found, egress=egress, ingress=ingress)

    def _pieces(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """Yield an endpoint in pieces that no rule divides further: a group of a place, and a range of addresses."""
        for groups in endpoint.interfaces or (endpoint.groups,):
            for each in endpoint.ranges:
                for piece in self._partition(each.family).pieces:
                    if piece.overlaps(each):
                        first, last = max(piece.first, each.first), min(piece.last, each.last)
                        yield replace(endpoint, groups=groups, ranges=(AddressRange(each.family, first, last),))
            if not endpoint.ranges:
                yield replace(endpoint, groups=groups)

    def _partition(self, family: Family) -> Partition:
        if family not in self._partitions:
            peers = {rule.peer for rules in self._rules.values() for rule in rules}
            blocks = (block for peer in peers if not isinstance(peer, OwnGroup | Group) for block in _blocks(peer))
            self._partitions[family] = Partition(family, blocks)
        return self._partitions[family]

    @cached_property
    def _openings(self) -> _PortsByPair:
        """The open ports between classes; pairs without any rule are missing."""
        egress, ingress = self._matched(Direction.EGRESS), self._matched(Direction.INGRESS)
        found: _PortsByPair = {}
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
    def _joined(source: Endpoint, destination: Endpoint, out: PortSet, into: PortSet) -> PortSet:
        match source.has_own_group, destination.has_own_group:
            case True, True:
                return out & into
            case True, False:
                return out
            case False, True:
                return into
            case _:
                return out | into  # the other end may have rules of others

    @cached_property
    def _members_of(self) -> dict[Holder, list[Endpoint]]:
        found: dict[Holder, list[Endpoint]] = defaultdict(list)
        for endpoint in self._members:
            for group in endpoint.groups:
                found[group].append(endpoint)
        return found

    def _parties(self, group: Holder) -> Sequence[VpcParty]:
        """Return the endpoints with this group if it is ours, or else the group itself."""
        own = [each for first in self._members_of[group] if first.has_own_group for each in self._members[first]]
        return own or [group]

    def _matched(self, direction: Direction) -> _PortsByPair:
        """Return the ports that rules of one direction open, by the endpoint with the rule and its peer."""
        found: dict[tuple[Endpoint, Endpoint], set[PortRange]] = defaultdict(set)
        for (holder, way), rules in self._rules.items():
            for rule in rules if way is direction else ():
                for peer in self._peers(rule.peer):
                    for inside in self._members_of[holder]:
                        found[inside, peer].add(rule.ports)
        return {pair: PortSet.of(ports) for pair, ports in found.items()}

    def _peers(self, peer: RulePeer) -> Sequence[Endpoint]:
        if isinstance(peer, OwnGroup | Group):
            return self._members_of[peer]
        if peer not in self._by_address:
            blocks = _blocks(peer)
            self._by_address[peer] = [
                endpoint
                for endpoint in self._members
                if not endpoint.has_own_group and any(_overlap(endpoint.ranges, block) for block in blocks)
            ]
        return self._by_address[peer]

    def _within_vpc(self, inside: Endpoint, peer: Endpoint, direction: Direction) -> PortSet:
        """Return the ports that rules by address open to a peer with a group of ours, anywhere in the VPC."""
        if not peer.has_own_group:
            return NO_PORTS
        return self._vpc_wide[direction].get(inside, NO_PORTS)

    @cached_property
    def _vpc_wide(self) -> dict[Direction, dict[Endpoint, PortSet]]:
        own = next((endpoint for endpoint in self._members if endpoint.has_own_group and endpoint.workload), None)
        found: dict[Direction, dict[Endpoint, PortSet]] = {direction: {} for direction in Direction}
        for (holder, direction), rules in self._rules.items():
            for rule in rules if own else ():
                if isinstance(rule.peer, OwnGroup | Group):
                    continue
                if own and any(_overlap(own.ranges, block) for block in _blocks(rule.peer)):
                    for inside in self._members_of[holder]:
                        found[direction][inside] = found[direction].get(inside, NO_PORTS) | PortSet((rule.ports,))
        return found

    def _pairs_by_address(self) -> Iterator[tuple[Endpoint, Endpoint]]:
        """Yield the pairs of endpoints with groups of ours that rules by address could connect."""
        for source in self._vpc_wide[Direction.EGRESS]:
            for destination in self._vpc_wide[Direction.INGRESS]:
                if source is not destination and source.has_own_group and destination.has_own_group:
                    yield source, destination

    def _rules_of(self, endpoint: Endpoint, direction: Direction) -> Iterator[GroupRule]:
        for group in endpoint.groups:
            yield from self._rules.get((group, direction), ())

    def _side(self, inside: Endpoint, peer: Endpoint, direction: Direction, port: PortRange) -> Side:
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
    def _alternatives(inside: Endpoint, rules: list[GroupRule]) -> list[list[GroupRule]]:
        """Return the rules of each possible interface."""
        return [[rule for rule in rules if rule.holder in groups] for groups in inside.interfaces]


def _open(rules: Iterable[GroupRule], part: Endpoint) -> PortSet:
    return PortSet.of(rule.ports for rule in rules if _means(rule.peer, part))


def _parts(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Yield the parts that rules must match: each kind of interface, or each range of hosts without groups."""
    if (endpoint.workload and not endpoint.groups) or not (endpoint.groups or endpoint.ranges):
        yield endpoint
        return
    for groups in endpoint.interfaces:
        yield replace(endpoint, groups=groups)
    for each in () if endpoint.groups else endpoint.ranges:
        yield replace(endpoint, ranges=(each,))


def _means(peer: RulePeer, endpoint: Endpoint) -> bool:
    """Return whether a rule's peer matches every interface and address of an endpoint."""
    if isinstance(peer, OwnGroup | Group):
        return peer in endpoint.groups
    if not endpoint.ranges:
        return isinstance(peer, PrefixList) and peer == endpoint.listed
    blocks = _blocks(peer)
    return all(any(block.covers(each) for block in blocks) for each in endpoint.ranges)


def _blocks(peer: RulePeer) -> tuple[AddressRange, ...]:
    networks = peer.networks if isinstance(peer, PrefixList) else (peer,)
    return tuple(AddressRange.of(str(network)) for network in networks)


def _overlap(ranges: tuple[AddressRange, ...], block: AddressRange) -> bool:
    return any(each.overlaps(block) for each in ranges)
