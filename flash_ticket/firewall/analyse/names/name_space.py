"""Domain names as addresses that stand for them, so that all questions about addresses can be asked about names.

The addresses are in 0.0.0.0/8. No host has one (RFC 1122, 3.2.1.3), and no VPC can. A pattern stands for the range that
holds the addresses of everything it covers, so nested patterns are nested ranges. The first address of a pattern's
range stands for all its names that no other known pattern covers. A rule for 0.0.0.0/0 covers all of them, and that
is right: it opens the way to every name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.domain_names import covers, in_order, narrowest

_NAMES = AddressRange.of("0.0.0.0/8")
_OTHERS = 0
"""The address of the names that no pattern covers."""


@dataclass(frozen=True)
class NameSpace:
    """The names and patterns that somebody tells apart.

    Attributes:
        patterns: Each once, with those that it covers right after it.
    """

    patterns: tuple[str, ...] = ()

    @staticmethod
    def of(patterns: Iterable[str]) -> "NameSpace":
        """Return the name space of names and patterns in any order."""
        return NameSpace(tuple(in_order(patterns)))

    @cached_property
    def _ranges(self) -> dict[str, AddressRange]:
        last: dict[str, int] = {}
        around: list[str] = []
        for number, pattern in enumerate(self.patterns, _OTHERS + 1):
            while around and not covers(around[-1], pattern):
                around.pop()
            around.append(pattern)
            last |= dict.fromkeys(around, number)
        return {
            pattern: AddressRange(Family.V4, _NAMES.first + number, _NAMES.first + last[pattern])
            for number, pattern in enumerate(self.patterns, _OTHERS + 1)
        }

    def ranges(self, patterns: Iterable[str]) -> tuple[AddressRange, ...]:
        """Return the addresses that stand for patterns of this space; a range within another is left out."""
        found: list[AddressRange] = []
        for each in sorted(self._ranges[pattern] for pattern in set(patterns)):
            if not (found and found[-1].covers(each)):
                found.append(each)
        return tuple(found)

    def address_of(self, name: str) -> AddressRange:
        """Return the address that stands for a name. The name may be outside this space."""
        known = narrowest(self.patterns, name)
        first = _NAMES.first + _OTHERS if known is None else self._ranges[known].first
        return AddressRange(Family.V4, first, first)

    def names_at(self, block: AddressRange) -> Iterator[str]:
        """Yield the patterns that stand for addresses of a block."""
        for pattern, found in self._ranges.items():
            if block.overlaps(AddressRange(Family.V4, found.first, found.first)):
                yield pattern


NO_NAMES = NameSpace()


def stands_for_a_name(block: AddressRange) -> bool:
    """Return whether a block stands for domain names."""
    return _NAMES.covers(block)
