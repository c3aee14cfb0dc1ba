"""Reachability through security groups, and the rules that decide.

Amazon VPC User Guide, "Security group rules": rules only allow. All groups of an interface add up. A rule with a group
matches the interfaces that have it. Groups are stateful, so a reply needs no rule.

The program knows every rule of its own groups. In a group of others it knows the rules that it adds, and if an account
was read, those of others. Without an account, what only such rules could allow is neither open nor stopped.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, OwnGroup, RulePeer
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.prove.endpoint import Endpoint, any_overlap
from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.prove.rules_of_others import NO_RULES_OF_OTHERS, RulesOfOthers
from flash_ticket.firewall.terms.addresses import AddressRange, Family, Partition
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import (
    OF_OTHERS,
    Answer,
    Direction,
    Extent,
    Layer,
    Outcome,
    RuleReference,
    Side,
    Verdict,
)

VpcParty = Endpoint | Holder | PrefixList
"""What the VPC layer distinguishes: an endpoint with a group of ours, another group, or a list of unknown entries."""

GroupPermissions = dict[tuple[VpcParty, Direction], Permissions[VpcParty]]

_PortsByPair = dict[tuple[Endpoint, Endpoint], PortSet]


class GroupReachability:
    """The VPC layer's answers for one environment.

    Endpoints with the same groups and addresses form one class, because no rule can distinguish them. A place with
    several groups has an interface kind for each of them; every other class has one kind.

    Attributes:
        unknown_groups: The groups whose rules of others only the account knows.
    """

    def __init__(
        self,
        rules: Iterable[GroupRule],
        endpoints: Iterable[Endpoint],
        others: RulesOfOthers = NO_RULES_OF_OTHERS,
        vpc: Collection[AddressRange] = (),
    ) -> None:
        """Prepare the answers for rules and endpoints.

        Args:
            rules: The rules to deploy, or the deployed ones.
            endpoints: Every possible source and destination.
            others: The rules of others in groups of theirs; a group that is missing holds none.
            vpc: The networks of the VPC. A host there without known groups can have any group that no endpoint has.
        """
        self._vpc = tuple(vpc)
        self._rules: dict[tuple[Holder, Direction], list[GroupRule]] = defaultdict(list)
        for rule in (*rules, *(rule for found in others.values() for rule in found or ())):
            self._rules[rule.holder, rule.direction].append(rule)
        self.unknown_groups = frozenset(group for group, found in others.items() if found is None)
        classes: dict[object, list[Endpoint]] = defaultdict(list)
        for endpoint in endpoints:
            classes[endpoint.interfaces, endpoint.ranges].append(endpoint)
        self._members = {members[0]: tuple(members) for members in classes.values()}
        self._class_of = {endpoint: members[0] for members in classes.values() for endpoint in members}
        self._kinds = {first: _kinds(first) for first in self._members}
        self._class_of_kind = {kind: first for first, kinds in self._kinds.items() for kind in kinds}
        self._by_address: dict[RulePeer, Sequence[Endpoint]] = {}
        self._partitions: dict[Family, Partition] = {}

    def with_nothing_unknown(self) -> "GroupReachability":
        """Return this layer as if others had no rules in the groups whose rules only the account knows."""
        _ = self._openings  # the same in both layers: the copy has what is computed before it is made
        found = copy(self)
        found.unknown_groups = frozenset()
        return found

    def permissions(self) -> GroupPermissions:
        """Return what the rules in each group allow; a missing end is closed."""
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
        """Yield sources, the destinations that the rules allow for some part of each, and the ports; no pair twice.

        An endpoint on both sides of a block is connected to itself if it stands for several interfaces.
        """
        for (source, destination), ports in self._openings.items():
            yield self._members[source], self._members[destination], ports

    def opened(self, source: Endpoint, destination: Endpoint) -> PortSet:
        """Return the ports that the rules allow from some address or interface of one endpoint to some of another."""
        pair = (self._class_of.get(source, source), self._class_of.get(destination, destination))
        return self._openings.get(pair, NO_PORTS)

    def unknown_blocks(self) -> Iterator[tuple[tuple[Endpoint, ...], tuple[Endpoint, ...], PortSet]]:
        """Yield the content of ``unknown`` for every pair, as ``blocks`` does."""
        dubious = [endpoint for endpoint in self._members if self._is_unknown(endpoint)]
        for source in self._members if dubious else ():
            for destination in self._members if self._is_unknown(source) else dubious:
                if ports := self._unknown_between(source, destination):
                    yield self._members[source], self._members[destination], ports

    def unknown(self, source: Endpoint, destination: Endpoint) -> PortSet:
        """Return the ports that rules of others may allow: only the account knows."""
        return self._unknown_between(self._class_of.get(source, source), self._class_of.get(destination, destination))

    def deciding_of_others(self, source: Endpoint, destination: Endpoint, ports: PortSet) -> Iterator[GroupRule]:
        """Yield the rules of others that open some of the ports between some part of two endpoints."""
        for inside, peer, direction in (
            (source, destination, Direction.EGRESS),
            (destination, source, Direction.INGRESS),
        ):
            for rule in self._rules_of(self._class_of.get(inside, inside), direction):
                if rule.id_of_others and PortSet((rule.ports,)) & ports and self._concerns(rule.peer, peer):
                    yield rule

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

        A part where they certainly pass comes before one where only the account knows.
        """
        found = [self.verdict(one, other, port) for one in self._pieces(source) for other in self._pieces(destination)]
        for answer in (Answer.PASSES, Answer.UNKNOWN):
            first = next((each for each in found if each.answer is answer), None)
            if first:
                is_whole = all(each.answer is answer for each in found)
                return replace(first, extent=Extent.WHOLE if is_whole else Extent.PART)
        return None

    def _pieces(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """Yield an endpoint in pieces that no rule divides further: a group of a place, and a range of addresses."""
        for groups in _alternatives(endpoint):
            for each in endpoint.ranges:
                for piece in self._partition(each.family).pieces:
                    if piece.overlaps(each):
                        first, last = max(piece.first, each.first), min(piece.last, each.last)
                        found = replace(endpoint, groups=groups, ranges=(AddressRange(each.family, first, last),))
                        yield found
                        for stranger in self._strangers if self._may_be_stranger(found) else ():
                            yield replace(found, groups=frozenset({stranger}))
            if not endpoint.ranges:
                yield replace(endpoint, groups=groups)

    def _partition(self, family: Family) -> Partition:
        if family not in self._partitions:
            peers = {rule.peer for rules in self._rules.values() for rule in rules}
            blocks = (block for peer in peers if not isinstance(peer, OwnGroup | Group) for block in _blocks(peer))
            self._partitions[family] = Partition(family, (*blocks, *self._vpc))
        return self._partitions[family]

    @cached_property
    def _openings(self) -> _PortsByPair:
        """The open ports between classes; pairs without any rule are missing."""
        egress, ingress = self._by_direction[Direction.EGRESS], self._by_direction[Direction.INGRESS]
        found: _PortsByPair = {}
        classes = self._class_of_kind
        pairs = {*egress, *((source, inside) for inside, source in ingress), *self._pairs_by_address()}
        for source, destination in pairs:
            out = self._allowed(source, destination, Direction.EGRESS)
            if ports := out & self._allowed(destination, source, Direction.INGRESS):
                pair = classes[source], classes[destination]
                found[pair] = found.get(pair, NO_PORTS) | ports
        return found

    @cached_property
    def _by_direction(self) -> dict[Direction, _PortsByPair]:
        return {direction: self._matched(direction) for direction in Direction}

    def _allowed(self, inside: Endpoint, peer: Endpoint, direction: Direction) -> PortSet:
        """Return the ports that one end allows to some part of its peer; all if nothing governs it."""
        if not inside.groups:
            return ALL_PORTS
        return self._by_direction[direction].get((inside, peer), NO_PORTS) | self._within_vpc(inside, peer, direction)

    def _unknown_between(self, source: Endpoint, destination: Endpoint) -> PortSet:
        if _is_nowhere(source) or _is_nowhere(destination):
            return NO_PORTS
        found = NO_PORTS
        for one in self._kinds.get(source, (source,)):
            for other in self._kinds.get(destination, (destination,)):
                dubious = self._is_unknown(one), self._is_unknown(other)
                if any(dubious):
                    out = ALL_PORTS if dubious[0] else self._allowed(one, other, Direction.EGRESS)
                    into = ALL_PORTS if dubious[1] else self._allowed(other, one, Direction.INGRESS)
                    found |= out & into
        return found - self._openings.get((source, destination), NO_PORTS) if found else found

    def _is_unknown(self, endpoint: Endpoint) -> bool:
        """Return whether only the account knows all rules of a group of an endpoint."""
        return not endpoint.groups.isdisjoint(self.unknown_groups)

    @cached_property
    def _strangers(self) -> frozenset[Group]:
        """The groups that rules of others name and no endpoint has: see ``_may_be_stranger``."""
        peers = {rule.peer for rules in self._rules.values() for rule in rules if rule.id_of_others}
        return frozenset(each for each in peers if isinstance(each, Group) and not self._members_of.get(each))

    @cached_property
    def _members_of(self) -> dict[Holder, list[Endpoint]]:
        found: dict[Holder, list[Endpoint]] = defaultdict(list)
        for kind in self._class_of_kind:
            for group in kind.groups:
                found[group].append(kind)
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
            return self._hosts if peer in self._strangers else self._members_of[peer]
        if peer not in self._by_address:
            blocks = _blocks(peer)
            self._by_address[peer] = [
                kind
                for kind in self._class_of_kind
                if not kind.has_own_group and any(_overlap(kind.ranges, block) for block in blocks)
            ]
        return self._by_address[peer]

    @cached_property
    def _hosts(self) -> Sequence[Endpoint]:
        return [first for first in self._members if self._may_be_stranger(first)]

    def _may_be_stranger(self, endpoint: Endpoint) -> bool:
        """Return whether some interface of hosts may have a group that no endpoint has.

        That is so for every address of the VPC whose groups nobody declares, also if it belongs to a place.
        """
        return not (endpoint.workload or endpoint.groups) and any_overlap(endpoint.ranges, self._vpc)

    def _concerns(self, peer: RulePeer, endpoint: Endpoint) -> bool:
        """Return whether the peer of a rule matches some part of an endpoint."""
        found = self._class_of.get(endpoint, endpoint)
        if found.has_own_group and not isinstance(peer, OwnGroup | Group):
            return any(_overlap(found.ranges, block) for block in _blocks(peer))
        return not set(self._kinds.get(found, (found,))).isdisjoint(self._peers(peer))

    def _within_vpc(self, inside: Endpoint, peer: Endpoint, direction: Direction) -> PortSet:
        """Return the ports that rules by address open to a peer with a group of ours, which can be anywhere there."""
        if not peer.has_own_group:
            return NO_PORTS
        return self._by_own_address.get((peer.ranges, direction), {}).get(inside, NO_PORTS)

    @cached_property
    def _by_own_address(self) -> dict[tuple[tuple[AddressRange, ...], Direction], dict[Endpoint, PortSet]]:
        """The ports that rules by address open, by the addresses of a peer with a group of ours."""
        own = {endpoint.ranges for endpoint in self._members if endpoint.has_own_group}
        found: dict[tuple[tuple[AddressRange, ...], Direction], dict[Endpoint, PortSet]] = defaultdict(dict)
        for (holder, direction), rules in self._rules.items():
            for rule in rules:
                if isinstance(rule.peer, OwnGroup | Group):
                    continue
                blocks = _blocks(rule.peer)
                for ranges in own:
                    if any(_overlap(ranges, block) for block in blocks):
                        opened = found[ranges, direction]
                        for inside in self._members_of[holder]:
                            opened[inside] = opened.get(inside, NO_PORTS) | PortSet((rule.ports,))
        return found

    def _pairs_by_address(self) -> Iterator[tuple[Endpoint, Endpoint]]:
        """Yield the pairs of endpoints with groups of ours that rules by address could connect."""
        ends: dict[Direction, dict[Endpoint, None]] = {direction: {} for direction in Direction}
        for (_, direction), opened in self._by_own_address.items():
            ends[direction] |= dict.fromkeys(each for each in opened if each.has_own_group)
        for source in ends[Direction.EGRESS]:
            for destination in ends[Direction.INGRESS]:
                yield source, destination

    def _rules_of(self, endpoint: Endpoint, direction: Direction) -> Iterator[GroupRule]:
        for group in endpoint.groups:
            yield from self._rules.get((group, direction), ())

    def _side(self, inside: Endpoint, peer: Endpoint, direction: Direction, port: PortRange) -> Side:
        if inside.groups <= self._strangers:
            return Side(direction, inside.name, peer.name, Outcome.UNGOVERNED)
        wanted = PortSet((port,))
        every = list(self._rules_of(inside, direction))
        of_parts = [[rule for rule in every if _means(rule.peer, part)] for part in _parts(peer)]
        naming = [rule for rules in of_parts for rule in rules]
        shut = [
            groups
            for groups in _alternatives(inside)
            if not all(
                PortSet.of(rule.ports for rule in rules if rule.holder in groups).covers(wanted) for rules in of_parts
            )
        ]
        if not shut:
            outcome, deciding = Outcome.ALLOWED, [rule for rule in naming if PortSet((rule.ports,)) & wanted]
        elif not _is_nowhere(peer) and not any(groups.isdisjoint(self.unknown_groups) for groups in shut):
            outcome, deciding = Outcome.UNKNOWN, []
        else:
            outcome, deciding = (Outcome.NO_RULE_FOR_PORT if naming else Outcome.NO_RULE_FOR_PEER), naming
        references = {
            RuleReference(rule.holder.label, rule.name, OF_OTHERS if rule.id_of_others else "") for rule in deciding
        }
        governors = tuple(sorted(group.label for group in inside.groups))
        return Side(direction, inside.name, peer.name, outcome, governors, tuple(sorted(references)))


def _is_nowhere(endpoint: Endpoint) -> bool:
    """Return whether nothing can be an endpoint, because places take all of its addresses."""
    return not (endpoint.workload or endpoint.groups or endpoint.ranges)


def _alternatives(inside: Endpoint) -> tuple[frozenset[Holder], ...]:
    """Return the groups of each kind of interface; without groups there is one kind."""
    return inside.interfaces or (inside.groups,)


def _kinds(endpoint: Endpoint) -> tuple[Endpoint, ...]:
    """Return an endpoint for each kind of interface."""
    alternatives = _alternatives(endpoint)
    if len(alternatives) == 1:
        return (endpoint,)
    return tuple(replace(endpoint, groups=groups) for groups in alternatives)


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


def _blocks(peer: Network | PrefixList) -> tuple[AddressRange, ...]:
    networks = peer.networks if isinstance(peer, PrefixList) else (peer,)
    return tuple(map(AddressRange.of_network, networks))


def _overlap(ranges: tuple[AddressRange, ...], block: AddressRange) -> bool:
    return any(each.overlaps(block) for each in ranges)
