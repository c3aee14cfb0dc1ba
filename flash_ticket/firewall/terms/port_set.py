"""Sets of ports over all protocols: what a rule lets through, and what two endpoints may use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol


@dataclass(frozen=True, slots=True)
class PortSet:
    """Ports of TCP, UDP and SCTP, in one canonical form so that equal sets compare equal.

    Build one with :meth:`of`; the constructor takes ranges that are already canonical.

    Attributes:
        ranges: Sorted by protocol then number; ranges of one protocol neither overlap nor touch.
    """

    ranges: tuple[PortRange, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)  # asked for often, and dear to compute

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.ranges))

    def __hash__(self) -> int:
        return self._hash

    @staticmethod
    def of(ranges: Iterable[PortRange]) -> "PortSet":
        """Return the set of all ports in the given ranges, which may overlap and come in any order."""
        merged: list[PortRange] = []
        for port_range in sorted(ranges):
            last = merged[-1] if merged else None
            if last and last.protocol == port_range.protocol and port_range.first <= last.last + 1:
                if port_range.last > last.last:
                    merged[-1] = PortRange(last.protocol, last.first, port_range.last)
            else:
                merged.append(port_range)
        return PortSet(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __iter__(self) -> Iterator[PortRange]:
        return iter(self.ranges)

    def __or__(self, other: "PortSet") -> "PortSet":
        return self if self is other else _union(self, other)

    def __and__(self, other: "PortSet") -> "PortSet":
        return self if self is other else _intersection(self, other)

    def __sub__(self, other: "PortSet") -> "PortSet":
        return _difference(self, other)

    def covers(self, other: "PortSet") -> bool:
        """Tell whether every port of the other set is in this one."""
        return other == self & other

    def holds(self, protocol: Protocol, port: int) -> bool:
        """Tell whether one port of one protocol is in the set."""
        return any(each.protocol == protocol and each.first <= port <= each.last for each in self.ranges)

    def __str__(self) -> str:
        """Return netpol-analyzer's words: ``All Connections``, ``No Connections`` or ``TCP 80-90,443,UDP 53``."""
        return _words(self)


ALL_PORTS = PortSet.of(PortRange(protocol, 1, MAX_PORT) for protocol in Protocol)
NO_PORTS = PortSet()


@lru_cache(maxsize=1 << 16)
def _union(one: PortSet, other: PortSet) -> PortSet:
    return PortSet.of((*one.ranges, *other.ranges))


@lru_cache(maxsize=1 << 16)
def _intersection(one: PortSet, other: PortSet) -> PortSet:
    if ALL_PORTS in (one, other):
        return other if one == ALL_PORTS else one
    return PortSet.of(
        PortRange(left.protocol, max(left.first, right.first), min(left.last, right.last))
        for left in one.ranges
        for right in other.ranges
        if left.protocol == right.protocol and left.first <= right.last and right.first <= left.last
    )


def _difference(one: PortSet, other: PortSet) -> PortSet:
    gaps: list[PortRange] = []
    for protocol in Protocol:
        first = 1
        for taken in (each for each in other.ranges if each.protocol == protocol):
            if first < taken.first:
                gaps.append(PortRange(protocol, first, taken.first - 1))
            first = taken.last + 1
        if first <= MAX_PORT:
            gaps.append(PortRange(protocol, first, MAX_PORT))
    return one & PortSet.of(gaps)


@lru_cache(maxsize=1 << 16)
def _words(ports: PortSet) -> str:
    if ports == ALL_PORTS:
        return "All Connections"
    if not ports:
        return "No Connections"
    by_protocol: dict[Protocol, list[str]] = {}
    for each in ports.ranges:
        by_protocol.setdefault(each.protocol, []).append(each.numbers)
    return ",".join(f"{protocol} {','.join(numbers)}" for protocol, numbers in by_protocol.items())
