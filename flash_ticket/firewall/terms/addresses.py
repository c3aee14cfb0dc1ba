"""Ranges of IP addresses, IPv4 and IPv6: what an ipBlock names, and how the world outside is divided."""

import ipaddress
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache


class Family(IntEnum):
    """An IP version."""

    V4 = 4
    V6 = 6

    @property
    def last(self) -> int:
        """The highest address of the family, as a number."""
        return (1 << (32 if self is Family.V4 else 128)) - 1


@dataclass(frozen=True, slots=True, order=True)
class AddressRange:
    """The addresses ``first`` to ``last`` of one family, both ends included, as numbers."""

    family: Family
    first: int
    last: int

    @staticmethod
    def of(text: str) -> "AddressRange":
        """Return the range that ``10.0.0.1``, ``10.0.0.0/8``, ``10.0.0.0-10.0.0.9`` or their IPv6 likes name.

        Host bits of a CIDR are ignored, as the Kubernetes API does.

        Raises:
            ValueError: The text is none of these, or a range ends before it begins.
        """
        head, dash, tail = text.partition("-")
        if dash:
            first, last = AddressRange.of(head.strip()), AddressRange.of(tail.strip())
            if first.family != last.family or last.last < first.first:
                raise ValueError(f"{text!r} is not a range of addresses")
            return AddressRange(first.family, first.first, last.last)
        network = ipaddress.ip_network(text, strict=False)
        return AddressRange(Family(network.version), int(network.network_address), int(network.broadcast_address))

    def __str__(self) -> str:
        """Return ``10.0.0.0-10.255.255.255``, both ends always written."""
        make = ipaddress.IPv4Address if self.family is Family.V4 else ipaddress.IPv6Address
        return f"{make(self.first)}-{make(self.last)}"

    def covers(self, other: "AddressRange") -> bool:
        """Tell whether every address of the other range is in this one."""
        return self.family == other.family and self.first <= other.first and other.last <= self.last

    def overlaps(self, other: "AddressRange") -> bool:
        """Tell whether an address is in both ranges."""
        return self.family == other.family and self.first <= other.last and other.first <= self.last


def whole(family: Family) -> AddressRange:
    """Return every address of a family."""
    return AddressRange(family, 0, family.last)


def without(block: AddressRange, excepted: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """Return what is left of a block, as sorted ranges that do not touch."""
    left: list[AddressRange] = []
    first = block.first
    for hole in sorted(each for each in excepted if each.overlaps(block)):
        if first < hole.first:
            left.append(AddressRange(block.family, first, hole.first - 1))
        first = max(first, hole.last + 1)
    if first <= block.last:
        left.append(AddressRange(block.family, first, block.last))
    return tuple(left)


class Partition:
    """A family's addresses cut at every end of the given ranges: no range holds a part of a piece.

    Attributes:
        pieces: Sorted, disjoint, together the whole family.
    """

    __slots__ = ("_firsts", "pieces")

    def __init__(self, family: Family, ranges: Iterable[AddressRange]) -> None:
        starts = {0}
        for each in ranges:
            if each.family == family:
                starts.update((each.first, each.last + 1))
        starts.discard(family.last + 1)
        self._firsts = sorted(starts)
        ends = [*(start - 1 for start in self._firsts[1:]), family.last]
        self.pieces = tuple(AddressRange(family, first, last) for first, last in zip(self._firsts, ends, strict=True))

    def within(self, block: AddressRange) -> Iterator[int]:
        """Yield the places in ``pieces`` of those that the block, one of the ranges cut at, is made of."""
        place = bisect_left(self._firsts, block.first)
        while place < len(self.pieces) and self.pieces[place].last <= block.last:
            yield place
            place += 1


@lru_cache(maxsize=1 << 16)
def canonical_address(text: str) -> str:
    """Return an address in canonical form (RFC 5952); an IPv4 address that is mapped into IPv6 as what it is.

    Raises:
        ValueError: It is none.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{text!r} is an address of one link only")
        address = address.ipv4_mapped or address
    return str(address)
