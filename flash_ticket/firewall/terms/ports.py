"""Ports of transport protocols, as the matrix, both layers and the flow records use them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

MAX_PORT = 65535


class Protocol(StrEnum):
    """A transport protocol that a NetworkPolicy can name (networking.k8s.io/v1 NetworkPolicyPort)."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class PortRange(NamedTuple):
    """The ports ``first`` to ``last`` of one protocol, both ends included, 1 to 65535.

    It is compared and hashed more often than anything else, and a tuple does both fastest.
    """

    protocol: Protocol
    first: int
    last: int

    def __str__(self) -> str:
        """Return ``TCP 4000`` or ``UDP 8000-8010``."""
        return f"{self.protocol} {self.numbers}"

    @property
    def numbers(self) -> str:
        """The port numbers alone: ``4000`` or ``8000-8010``."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def covers(self, other: "PortRange") -> bool:
        """Return whether every port of the other range is in this one."""
        return self.protocol == other.protocol and self.first <= other.first and other.last <= self.last


def tcp(port: int) -> PortRange:
    """Return one TCP port as a range."""
    return PortRange(Protocol.TCP, port, port)


def udp(port: int) -> PortRange:
    """Return one UDP port as a range."""
    return PortRange(Protocol.UDP, port, port)


DNS_PORTS = (tcp(53), udp(53))
"""DNS uses UDP, and TCP for answers that are too long for UDP (RFC 7766)."""


def listing(ports: tuple[PortRange, ...]) -> str:
    """Return ranges in words, sorted by protocol: ``TCP 3306,5432, UDP 53``."""
    by_protocol: dict[Protocol, list[str]] = {}
    for port in sorted(ports):
        by_protocol.setdefault(port.protocol, []).append(port.numbers)
    return ", ".join(f"{protocol} {','.join(numbers)}" for protocol, numbers in by_protocol.items())


@dataclass(frozen=True, slots=True, eq=False)
class PortSet:
    """Ports of TCP, UDP and SCTP, in one canonical form, so that equal sets compare equal.

    Build one with :meth:`of`; the constructor expects ranges that are already canonical.

    Attributes:
        ranges: Sorted by protocol then number; ranges of one protocol neither overlap nor touch.
    """

    ranges: tuple[PortRange, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)  # used often, and expensive to compute

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.ranges))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, PortSet) and self.ranges == other.ranges)

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
        if not other.ranges:
            return self
        return NO_PORTS if self is other or not self.ranges else _difference(self, other)

    def covers(self, other: "PortSet") -> bool:
        """Return whether every port of the other set is in this one."""
        return other == self & other

    def holds(self, protocol: Protocol, port: int) -> bool:
        """Return whether one port of one protocol is in the set."""
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


@lru_cache(maxsize=1 << 16)
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
