"""Ranges of IPv4 and IPv6 addresses: what an ipBlock selects, and how policies divide all other addresses."""

import ipaddress
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple


class Family(IntEnum):
    """An IP version."""

    V4 = 4
    V6 = 6

    @property
    def last(self) -> int:
        """The highest address of the family, as a number."""
        return (1 << (32 if self is Family.V4 else 128)) - 1


class AddressRange(NamedTuple):
    """The addresses ``first`` to ``last`` of one family, both ends included, as numbers."""

    family: Family
    first: int
    last: int

    @staticmethod
    def of(text: str) -> "AddressRange":
        """Return the range that a text names.

        The text is an address (``10.0.0.1``), a CIDR (``10.0.0.0/8``) or two ends (``10.0.0.0-10.0.0.9``), of IPv4 or
        IPv6. Host bits of a CIDR are ignored, as the Kubernetes API does.

        Raises:
            ValueError: The text is none of these, or the range ends before it begins.
        """
        head, dash, tail = text.partition("-")
        if dash:
            first, last = AddressRange.of(head.strip()), AddressRange.of(tail.strip())
            if first.family != last.family or last.last < first.first:
                raise ValueError(f"{text!r} is not a range of addresses")
            return AddressRange(first.family, first.first, last.last)
        return AddressRange.of_network(ipaddress.ip_network(text, strict=False))

    @staticmethod
    def of_network(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> "AddressRange":
        """Return the range of a network."""
        return AddressRange(Family(network.version), int(network.network_address), int(network.broadcast_address))

    def __str__(self) -> str:
        """Return ``10.0.0.0-10.255.255.255``, both ends always written."""
        make = ipaddress.IPv4Address if self.family is Family.V4 else ipaddress.IPv6Address
        return f"{make(self.first)}-{make(self.last)}"

    def covers(self, other: "AddressRange") -> bool:
        """Return whether every address of the other range is in this one."""
        return self.family == other.family and self.first <= other.first and other.last <= self.last

    def overlaps(self, other: "AddressRange") -> bool:
        """Return whether an address is in both ranges."""
        return self.family == other.family and self.first <= other.last and other.first <= self.last


_ON_THE_NODE = tuple(map(AddressRange.of, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32")))
"""Link-local addresses (RFC 3927, RFC 4291), and those of IPv6 at which EC2 answers an instance."""


def stay_on_node(ranges: Iterable[AddressRange]) -> bool:
    """Return whether packets to all these addresses cross no network interface that security groups judge.

    Source: Amazon VPC User Guide, "Control traffic to your AWS resources using security groups".
    """
    found = tuple(ranges)
    return bool(found) and all(any(block.covers(each) for block in _ON_THE_NODE) for each in found)


def whole(family: Family) -> AddressRange:
    """Return every address of a family."""
    return AddressRange(family, 0, family.last)


PRIVATE_BLOCKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""Where the addresses of a VPC and of Services usually are: RFC 1918, 6598 and 4193."""

_PRIVATE = tuple(map(AddressRange.of, PRIVATE_BLOCKS))

_MOST_OF_ONE_OWNER = {Family.V4: 1 << 24, Family.V6: 1 << 112}
"""A /8 of IPv4 and a /16 of IPv6: no one on the internet has a larger block (IANA's registries of address space)."""


def is_private(block: AddressRange) -> bool:
    """Return whether a block belongs to private networks."""
    return any(each.covers(block) for each in _PRIVATE)


def takes_in_the_internet(block: AddressRange) -> bool:
    """Return whether a block is so large that it means the internet, and not the hosts of somebody."""
    return block.last - block.first + 1 > _MOST_OF_ONE_OWNER[block.family] and not is_private(block)


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
    """A family's addresses, cut at both ends of each given range: every range is a union of whole pieces.

    Attributes:
        pieces: Sorted and disjoint; together they are the whole family.
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
        """Yield the indices in ``pieces`` of the pieces of a block, which is one of the given ranges."""
        place = bisect_left(self._firsts, block.first)
        while place < len(self.pieces) and self.pieces[place].last <= block.last:
            yield place
            place += 1


@lru_cache(maxsize=1 << 16)
def canonical_address(text: str) -> str:
    """Return an address in canonical form (RFC 5952); an IPv4-mapped IPv6 address becomes its IPv4 address.

    Raises:
        ValueError: The text is not an address, or it is a link-local address with a zone.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{text!r} is an address with a zone, so it is valid on one link only")
        address = address.ipv4_mapped or address
    return str(address)
