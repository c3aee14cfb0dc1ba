"""Fewer rules for one security group and direction, where its exact rules would exceed AWS's quota.

Two kinds of steps save rules, and each opens more at this end than is declared:

- callers: on some ports, the groups of services become the group that every pod of the namespace carries;
- ports: two neighbouring ranges of one peer become one range, with the ports between them.

The step that opens least for each rule that it saves comes first. Steps that later ones make needless are taken back,
so that the rules are exact again if any one step is. The result depends only on the arguments.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from flash_ticket.firewall.bind.environment import PrefixList
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.terms.ports import PortRange

FAMILIES = (4, 6)

PeerT = TypeVar("PeerT", bound=Hashable)


def room(limit: int) -> int:
    """Return how many of the rules that AWS allows a group stay free, if coarser rules can do that.

    A change creates its new rules before it deletes the old ones, so a full group would refuse the next one.
    """
    return limit // 15


def weight_of(peer: object, family: int) -> int:
    """Return as how many rules a rule with this peer counts (VPC user guide, "Amazon VPC quotas")."""
    if isinstance(peer, PrefixList):
        return peer.weight if peer.family == family else 0
    return int(not isinstance(peer, Network) or peer.version == family)


class Entry(NamedTuple, Generic[PeerT]):
    """What one rule allows: these ports, from or to this peer."""

    peer: PeerT
    ports: PortRange


class Joined(NamedTuple, Generic[PeerT]):
    """One rule with what it stands for: itself alone if it is exact."""

    entry: Entry[PeerT]
    stands_for: tuple[Entry[PeerT], ...]


_Weight = Mapping[int, int]
"""A number of rules for each family of addresses."""


class _Needs(Enum):
    """What the rules have to fit into, the most demanding first."""

    WAY = auto()
    """AWS's quota with room for the next change, and together with the deployed rules the quota."""
    ROOM = auto()
    """The quota, with room for the rules that the next change creates."""
    QUOTA = auto()
    """The quota alone."""


class _Step(NamedTuple, Generic[PeerT]):
    """One step. Callers become one on ``ports`` if ``peer`` is None; else a peer's ports become one across a gap."""

    peer: PeerT | None
    ports: PortRange


@dataclass(frozen=True)
class Crowd(Generic[PeerT]):
    """The rules of one group in one direction.

    Attributes:
        exact: The rules that may become coarse, each once.
        fixed: The other rules.
        limits: The number of rules that AWS allows this program there, by family.
        room: How many of these stay free, if possible.
        every: The group of all pods; None if there is none.
        callers: The groups of services whose pods all carry ``every``.
        services: The number of services.
        shared: The peers that pods of several services or others have.
        name: Returns the name of a peer.
        standing: The rules that are deployed there now.
    """

    exact: tuple[Entry[PeerT], ...]
    fixed: frozenset[Entry[PeerT]]
    limits: _Weight
    room: int
    every: PeerT | None
    callers: Collection[PeerT]
    services: int
    shared: Collection[PeerT]
    name: Callable[[PeerT], str]
    standing: frozenset[Entry[PeerT]] = frozenset()

    def joined(self) -> tuple[Joined[PeerT], ...]:
        """Return the rules: exact if they fit or if coarser ones would not fit either, else as fine as possible."""
        for needs in _Needs:
            if not self._excess(self.exact, needs):
                break
            steps = self._steps(needs)
            if steps is not None:
                return tuple(self._applied(steps))
        return tuple(Joined(entry, (entry,)) for entry in self.exact)

    def _steps(self, needs: _Needs) -> list[_Step[PeerT]] | None:
        """Return the necessary steps; None if all possible ones do not suffice."""
        steps: dict[_Step[PeerT], _Weight] = {}
        while over := self._excess(self._entries(steps), needs):
            more = {step: saved for step, saved in self._next(steps, over) if step not in steps}
            if not more:
                return None
            steps |= more
        for step in [*reversed(steps)][1:]:
            left = self._left(self._entries(steps), needs)
            if step.peer is None or all(steps[step][family] <= left[family] for family in FAMILIES):
                fewer = {other: saved for other, saved in steps.items() if other is not step}
                if not self._excess(self._entries(fewer), needs):
                    steps = fewer
            if not any(left.values()):
                break
        return [*steps]

    def _next(self, steps: Iterable[_Step[PeerT]], over: _Weight) -> Iterator[tuple[_Step[PeerT], _Weight]]:
        """Yield the next steps with what they save: until the rules fit, or up to one that changes the others."""
        left = dict(over)
        for step, saved in self._candidates(self._applied(steps), over):
            yield step, saved
            left = {family: count - saved[family] for family, count in left.items()}
            if step.peer is None or all(count <= 0 for count in left.values()):
                return

    def _candidates(self, rules: Iterable[Joined[PeerT]], over: _Weight) -> list[tuple[_Step[PeerT], _Weight]]:
        by_ports: dict[PortRange, int] = defaultdict(int)
        by_peer: dict[tuple[PeerT, str], list[PortRange]] = defaultdict(list)
        for (peer, ports), _ in rules:
            by_ports[ports] += peer in self.callers
            by_peer[peer, ports.protocol].append(ports)
        found: list[tuple[float, str, _Step[PeerT], _Weight]] = []
        for ports, callers in by_ports.items() if self.every is not None else ():
            if callers > 1:
                opened = (self.services - callers) * _size(ports)
                saved = dict.fromkeys(FAMILIES, callers - 1)
                found.append((opened / (callers - 1), "", _Step(None, ports), saved))
        for (peer, _), ranges in by_peer.items():
            saved = {family: weight_of(peer, family) for family in FAMILIES}
            most = max(saved[family] for family in over)
            breadth = self.services if peer == self.every or peer in self.shared else 1
            for left, right in _neighbours(ranges) if most else ():
                gap = PortRange(left.protocol, min(left.last, right.first), max(left.last, right.first))
                opened = max(right.first - left.last - 1, 0) * breadth
                found.append((opened / most, self.name(peer), _Step(peer, gap), saved))
        found.sort(key=lambda each: (each[0], each[1], each[2].ports))
        return [(step, saved) for _, _, step, saved in found]

    def _entries(self, steps: Iterable[_Step[PeerT]]) -> list[Entry[PeerT]]:
        return [each.entry for each in self._applied(steps)]

    def _applied(self, steps: Iterable[_Step[PeerT]]) -> Iterator[Joined[PeerT]]:
        """Yield the rules after some steps, each with the exact rules that it stands for."""
        of_every = {step.ports for step in steps if step.peer is None}
        gaps: dict[tuple[PeerT, str], dict[int, int]] = defaultdict(dict)
        for step in steps:
            if step.peer is not None:
                gaps[step.peer, step.ports.protocol][step.ports.last] = step.ports.first
        stands: dict[tuple[PeerT, str], list[tuple[PortRange, Entry[PeerT]]]] = defaultdict(list)
        for entry in self.exact:
            peer = entry.peer
            if self.every is not None and peer in self.callers and any(each.covers(entry.ports) for each in of_every):
                peer = self.every
            stands[peer, entry.ports.protocol].append((entry.ports, entry))
        left: list[Joined[PeerT]] = []
        for (peer, protocol), found in stands.items():
            left += _bridged(peer, found, gaps.get((peer, protocol), {}), whole=peer == self.every)
        wide = [each for each in left if each.entry.peer == self.every]
        for each in left:
            if each.entry.peer in self.callers:
                by = next((other for other in wide if other.entry.ports.covers(each.entry.ports)), None)
                if by is not None:
                    wide[wide.index(by)] = Joined(by.entry, (*by.stands_for, *each.stands_for))
                    continue
            if each.entry.peer != self.every:
                yield each
        yield from wide

    def _excess(self, entries: Collection[Entry[PeerT]], needs: _Needs) -> _Weight:
        """Return how many rules are too many, by family; without families that fit."""
        return {family: -count for family, count in self._left(entries, needs).items() if count < 0}

    def _left(self, entries: Collection[Entry[PeerT]], needs: _Needs) -> _Weight:
        """Return how many more rules fit, by family."""
        found: dict[int, int] = {}
        for family in FAMILIES:
            limit = self.limits[family]
            total = self._fixed[family] + sum(weight_of(each.peer, family) for each in entries)
            found[family] = limit - total - (0 if needs is _Needs.QUOTA else self.room)
            if needs is _Needs.WAY and self.standing:
                coming = sum(weight_of(each.peer, family) for each in entries if each not in self.standing)
                found[family] = min(found[family], limit - self._way[family] - coming)
        return found

    @cached_property
    def _fixed(self) -> _Weight:
        return {family: sum(weight_of(each.peer, family) for each in self.fixed) for family in FAMILIES}

    @cached_property
    def _way(self) -> _Weight:
        every = self.fixed | self.standing
        return {family: sum(weight_of(each.peer, family) for each in every) for family in FAMILIES}


def _bridged(
    peer: PeerT, found: list[tuple[PortRange, Entry[PeerT]]], gaps: dict[int, int], *, whole: bool
) -> Iterator[Joined[PeerT]]:
    """Yield a peer's rules of one protocol, joined across gaps; a rule for all pods holds what is within it."""
    by_ports: dict[PortRange, list[Entry[PeerT]]] = defaultdict(list)
    for ports, entry in found:
        by_ports[ports].append(entry)
    current: tuple[PortRange, list[Entry[PeerT]]] | None = None
    for ports in sorted(by_ports):
        if current is not None:
            before = current[0]
            reaches = gaps.get(max(before.last, ports.first)) == min(before.last, ports.first)
            if reaches or (whole and before.covers(ports)):
                joined = PortRange(before.protocol, before.first, max(before.last, ports.last))
                current = joined, [*current[1], *by_ports[ports]]
                continue
            yield Joined(Entry(peer, before), tuple(current[1]))
        current = ports, by_ports[ports]
    if current is not None:
        yield Joined(Entry(peer, current[0]), tuple(current[1]))


def _neighbours(ranges: list[PortRange]) -> Iterator[tuple[PortRange, PortRange]]:
    yield from pairwise(sorted(ranges))


def _size(ports: PortRange) -> int:
    return ports.last - ports.first + 1
