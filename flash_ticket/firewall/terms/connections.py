"""Which party may open connections to which other, on which ports: the result of an analysis of any layer."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.ports import PortSet

PartyName = str | AddressRange
"""One end of a connection: the name of a workload or place, or a range of addresses outside the cluster."""

NOTHING: Mapping[PartyName, PortSet] = MappingProxyType({})
"""No ports within any party."""


def words(party: PartyName) -> str:
    """Return a party as netpol-analyzer writes it: ``shop/api[Deployment]``, ``10.0.0.0-10.255.255.255[External]``."""
    return party if isinstance(party, str) else f"{party}[External]"


@dataclass(frozen=True, slots=True)
class Connection:
    """The ports of ``destination`` that ``source`` may connect to: at least one."""

    source: PartyName
    destination: PartyName
    ports: PortSet


@dataclass(frozen=True, slots=True)
class Block:
    """Connections with the same ports: every source may connect to every destination on them.

    A party that is both source and destination does not connect to itself through the block.

    Attributes:
        sources: At least one.
        destinations: At least one.
        ports: Never empty.
    """

    sources: tuple[PartyName, ...]
    destinations: tuple[PartyName, ...]
    ports: PortSet


def _short_names(full: str) -> tuple[str, str, str]:
    without_kind = full.partition("[")[0]
    return full, without_kind, without_kind.rpartition("/")[2]


class Connections:
    """All connections of an analysis, stored as blocks.

    Iterating yields each connection once, sorted by the words of its source, then of its destination.

    Attributes:
        parties: Every workload and range of the analysis, connected or not, sorted by its words.
        blocks: The connections; no pair is in two blocks.
        within: The ports on which the pods of a party may connect to each other.
    """

    __slots__ = ("blocks", "parties", "within")

    def __init__(
        self, parties: Iterable[PartyName], blocks: Iterable[Block], within: Mapping[PartyName, PortSet] = NOTHING
    ) -> None:
        self.parties = tuple(sorted(set(parties), key=words))
        self.blocks = tuple(blocks)
        self.within = within

    def __iter__(self) -> Iterator[Connection]:
        for source, found in self.rows():
            for destination, ports in found:
                if destination != source or source in self.within:
                    yield Connection(source, destination, ports)

    def rows(self) -> Iterator[tuple[PartyName, list[tuple[PartyName, PortSet]]]]:
        """Yield each source with its destinations and their ports, both sorted.

        The destinations can include the source itself, which is a connection only for a source in ``within``. Other
        sources with the same destinations share one list.
        """
        by_source: dict[PartyName, list[int]] = {}
        for index, block in enumerate(self.blocks):
            for source in block.sources:
                by_source.setdefault(source, []).append(index)
        shared: dict[tuple[int, ...], list[tuple[PartyName, PortSet]]] = {}
        uses: dict[tuple[int, ...], int] = {}
        keys = {source: tuple(indices) for source, indices in by_source.items()}
        for key in (key for source, key in keys.items() if source not in self.within):
            uses[key] = uses.get(key, 0) + 1
        for source in sorted({*keys, *self.within}, key=words):
            key = keys.get(source, ())
            if source in self.within:
                yield source, self._row_within(source, key)
                continue
            found = shared.get(key)
            if found is None:
                found = shared[key] = [
                    (destination, self.blocks[index].ports)
                    for index in key
                    for destination in self.blocks[index].destinations
                ]
                found.sort(key=lambda pair: words(pair[0]))
            yield source, found
            uses[key] -= 1
            if not uses[key]:
                del shared[key]

    def _row_within(self, source: PartyName, indices: Iterable[int]) -> list[tuple[PartyName, PortSet]]:
        """Return the row of a source in ``within``, with the source itself."""
        blocks = [self.blocks[index] for index in indices]
        others = [(each, block.ports) for block in blocks for each in block.destinations if each != source]
        return sorted([*others, (source, self.within[source])], key=lambda pair: words(pair[0]))

    def focused(self, sources: Collection[PartyName], destinations: Collection[PartyName]) -> "Connections":
        """Return only the connections from these sources to these destinations, and their ends."""
        blocks: list[Block] = []
        for block in self.blocks:
            leaving = tuple(each for each in block.sources if each in sources)
            arriving = tuple(each for each in block.destinations if each in destinations)
            if leaving and arriving:
                blocks.append(Block(leaving, arriving, block.ports))
        within = {each: ports for each, ports in self.within.items() if each in sources and each in destinations}
        parties = (party for each in blocks for party in (*each.sources, *each.destinations))
        return Connections((*parties, *within), blocks, within)

    def named(self, name: str, option: str) -> frozenset[PartyName]:
        """Return the parties that a name on the command line means.

        Args:
            name: ``shop/api[Deployment]``, ``shop/api`` or ``api`` for every workload with this name, the name of a
                place, or an address or CIDR for the ranges that hold a part of it.
            option: The option that holds the name, for the error.

        Raises:
            InputError: Nothing has this name.
        """
        found: frozenset[PartyName] = frozenset(
            party for party in self.parties if isinstance(party, str) and name in _short_names(party)
        )
        if found:
            return found
        with suppress(ValueError):
            wanted = AddressRange.of(name.removesuffix("[External]"))
            found = frozenset(each for each in self.parties if not isinstance(each, str) and each.overlaps(wanted))
        if found:
            return found
        known = {short: party for party in self.parties if isinstance(party, str) for short in _short_names(party)}
        near = get_close_matches(name, known, n=3, cutoff=0.5) or sorted(set(known.values()))[:5]
        meant = ", ".join(dict.fromkeys(known.get(each, each) for each in near))
        remedy = f"Name a workload or a place, such as {meant}, or an address" if meant else "Name an address"
        raise InputError(option, "", f"{shown(name)} is in no connection", remedy)

    def as_map(self) -> dict[tuple[PartyName, PartyName], PortSet]:
        """Return the ports of each connected pair."""
        return {(connection.source, connection.destination): connection.ports for connection in self}
