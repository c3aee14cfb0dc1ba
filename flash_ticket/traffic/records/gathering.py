"""Lines that differ only in their time, summed up into records in bounded memory."""

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from flash_ticket.traffic.records.record import Reading, Record, Scope

MOST_KINDS = 20_000
"""How many kinds of lines are held at once; with one more, all are yielded and forgotten."""

KindT = TypeVar("KindT", bound=Hashable)


@dataclass(slots=True)
class _Tally:
    record: Record
    count: int
    first: float
    last: float


class Gathering(Generic[KindT]):
    """The lines of one reading, counted by kind; each line describes an instant.

    Lines outside the period of the scope are not counted. Lines before and after a moment of the scope are counted
    separately; a line exactly at the moment counts as after it.
    """

    __slots__ = ("_moments", "_most", "_reading", "_since", "_tallies", "_until")

    def __init__(self, scope: Scope, reading: Reading, most: int = MOST_KINDS) -> None:
        self._since = float("-inf") if scope.since is None else scope.since
        self._until = float("inf") if scope.until is None else scope.until
        self._moments = scope.moments
        self._reading = reading
        self._most = most
        self._tallies: dict[KindT | tuple[int, KindT], _Tally] = {}

    def covers(self, time: float) -> bool:
        """Return whether a line of this time counts."""
        return self._since <= time < self._until

    def add(self, kind: KindT, time: float, count: int = 1) -> bool:
        """Count a line of a known kind, or ignore one outside the period; return False for a new kind: `begin` it."""
        if not self._since <= time < self._until:
            return True
        tally = self._tallies.get((bisect_right(self._moments, time), kind) if self._moments else kind)
        if tally is None:
            return False
        tally.count += count
        if time > tally.last:
            tally.last = time
        elif time < tally.first:
            tally.first = time
        return True

    def begin(self, kind: KindT, time: float, record: Record, count: int = 1) -> None:
        """Count the first line of a kind.

        Args:
            kind: What distinguishes it from other lines.
            time: Seconds since 1970.
            record: What such lines contain; its count and its times are ignored.
            count: How many flows the line stands for.
        """
        key = (bisect_right(self._moments, time), kind) if self._moments else kind
        self._tallies[key] = _Tally(record, count, time, time)

    @property
    def is_full(self) -> bool:
        """Whether it is time to `release` the records."""
        return len(self._tallies) > self._most

    def release(self) -> Iterator[Record]:
        """Yield the records, count their lines, and forget them."""
        tallies, self._tallies = self._tallies, {}
        for tally in tallies.values():
            self._reading.recorded += tally.count
            yield tally.record._replace(count=tally.count, first=tally.first, last=tally.last)
