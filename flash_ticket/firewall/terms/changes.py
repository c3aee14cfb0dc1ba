"""What a change opens and closes: two analyses of the same layer, compared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.terms.addresses import AddressRange, Family, Partition
from flash_ticket.firewall.terms.connections import PartyName, words
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet

ConnectionMap = Mapping[tuple[PartyName, PartyName], PortSet]
"""The ports that each pair may use, source first. The address ranges at one end do not overlap."""


class ChangeKind(StrEnum):
    """What happened to the ports between two parties."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A pair of parties whose ports differ before and after.

    Attributes:
        source: The party that opens connections.
        destination: The party that accepts them.
        before: The ports before; may be empty.
        after: The ports after; may be empty, never equal to ``before``.
    """

    source: PartyName
    destination: PartyName
    before: PortSet
    after: PortSet

    @property
    def kind(self) -> ChangeKind:
        """Whether the pair becomes connected, stops being connected, or changes its ports."""
        if not self.before:
            return ChangeKind.ADDED
        return ChangeKind.CHANGED if self.after else ChangeKind.REMOVED

    @property
    def opened(self) -> PortSet:
        """The ports that are allowed only after the change."""
        return self.after - self.before

    @property
    def closed(self) -> PortSet:
        """The ports that are allowed only before the change."""
        return self.before - self.after

    def __str__(self) -> str:
        """Return one line: ``changed  a => b : TCP 80 -> TCP 443``."""
        ports = {
            ChangeKind.ADDED: str(self.after),
            ChangeKind.REMOVED: str(self.before),
            ChangeKind.CHANGED: f"{self.before} -> {self.after}",
        }
        return f"{self.kind:<8} {words(self.source)} => {words(self.destination)} : {ports[self.kind]}"


def changes_between(before: ConnectionMap, after: ConnectionMap) -> tuple[Change, ...]:
    """Return every pair whose ports differ, sorted by source then destination.

    If the two sides cut their address ranges differently, the comparison cuts both at every end. Adjacent ranges with
    the same change are joined into one.
    """
    old, new = _on_common_ranges(before, after)
    changes = [
        Change(*pair, old.get(pair, NO_PORTS), new.get(pair, NO_PORTS))
        for pair in {**old, **new}
        if old.get(pair) != new.get(pair)
    ]
    joined = _joined(changes, "destination") if _has_ranges(changes, "source") else changes
    joined = _joined(joined, "source") if _has_ranges(joined, "destination") else joined
    return tuple(sorted(joined, key=lambda change: (words(change.source), words(change.destination))))


def _on_common_ranges(before: ConnectionMap, after: ConnectionMap) -> tuple[ConnectionMap, ConnectionMap]:
    ranges = [{pair[end] for each in (before, after) for pair in each} for end in (0, 1)]
    cuts = [
        {family: Partition(family, (each for each in found if isinstance(each, AddressRange))) for family in Family}
        for found in ranges
    ]

    def refined(connections: ConnectionMap) -> ConnectionMap:
        return {
            (source, destination): ports
            for pair, ports in connections.items()
            for source in _pieces(pair[0], cuts[0])
            for destination in _pieces(pair[1], cuts[1])
        }

    if not any(isinstance(party, AddressRange) for found in ranges for party in found):
        return before, after
    return refined(before), refined(after)


def _pieces(party: PartyName, cuts: Mapping[Family, Partition]) -> Iterator[PartyName]:
    if isinstance(party, AddressRange):
        partition = cuts[party.family]
        yield from (partition.pieces[place] for place in partition.within(party))
    else:
        yield party


def _has_ranges(changes: Iterable[Change], end: str) -> bool:
    return any(isinstance(getattr(change, end), AddressRange) for change in changes)


def _joined(changes: Iterable[Change], fixed: str) -> list[Change]:
    """Join adjacent ranges with the same change towards one party; ``fixed`` names the end of that party."""
    moving = "source" if fixed == "destination" else "destination"
    alike: dict[tuple[PartyName, PortSet, PortSet], list[AddressRange]] = {}
    result: list[Change] = []
    for change in changes:
        party = getattr(change, moving)
        if isinstance(party, AddressRange):
            alike.setdefault((getattr(change, fixed), change.before, change.after), []).append(party)
        else:
            result.append(change)
    for (other, before, after), ranges in alike.items():
        for each in _touching_joined(ranges):
            source, destination = (each, other) if moving == "source" else (other, each)
            result.append(Change(source, destination, before, after))
    return result


def _touching_joined(ranges: Iterable[AddressRange]) -> list[AddressRange]:
    joined: list[AddressRange] = []
    for each in sorted(ranges):
        last = joined[-1] if joined else None
        if last and last.family == each.family and last.last + 1 == each.first:
            joined[-1] = AddressRange(last.family, last.first, each.last)
        else:
            joined.append(each)
    return joined
