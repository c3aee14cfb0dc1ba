"""Which party may open connections to which other, on which ports: the result of an analysis of any layer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import PortSet

PartyName = str | AddressRange
"""One end of a connection: the name of a workload or place, or a range of addresses outside the cluster."""


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


class Connections:
    """All connections of an analysis, stored as blocks.

    Iterating yields each connection once, sorted by the words of its source, then of its destination.

    Attributes:
        parties: Every workload and range of the analysis, connected or not, sorted by its words.
        blocks: The connections; no pair is in two blocks.
    """

    __slots__ = ("blocks", "parties")

    def __init__(self, parties: Iterable[PartyName], blocks: Iterable[Block]) -> None:
        self.parties = tuple(sorted(set(parties), key=words))
        self.blocks = tuple(blocks)

    def __iter__(self) -> Iterator[Connection]:
        for source, found in self.rows():
            for destination, ports in found:
                if destination != source:
                    yield Connection(source, destination, ports)

    def rows(self) -> Iterator[tuple[PartyName, list[tuple[PartyName, PortSet]]]]:
        """Yield each source with its destinations and their ports, both sorted.

        The destinations can include the source itself. Sources with the same destinations share one list.
        """
        by_source: dict[PartyName, list[int]] = {}
        for index, block in enumerate(self.blocks):
            for source in block.sources:
                by_source.setdefault(source, []).append(index)
        shared: dict[tuple[int, ...], list[tuple[PartyName, PortSet]]] = {}
        uses: dict[tuple[int, ...], int] = {}
        keys = {source: tuple(indices) for source, indices in by_source.items()}
        for key in keys.values():
            uses[key] = uses.get(key, 0) + 1
        for source in sorted(keys, key=words):
            key = keys[source]
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

    def as_map(self) -> dict[tuple[PartyName, PartyName], PortSet]:
        """Return the ports of each connected pair."""
        return {(connection.source, connection.destination): connection.ports for connection in self}
