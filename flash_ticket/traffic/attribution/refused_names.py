"""Names that a DNS rule of the network plug-in refused, summed up by the endpoint that asked."""

from dataclasses import dataclass, field

from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.traffic.attribution.examples import Examples, note, shown
from flash_ticket.traffic.records.record import Evidence, PodIdentity, Record

MOST_NAMES = 1000
OTHER_NAMES = "other names"
"""It stands for the names beyond the first thousand: who sends data out in queries asks for a new name each time."""


@dataclass(frozen=True, slots=True)
class RefusedName:
    """A name that DNS refused to one endpoint.

    Attributes:
        source: The endpoint that asked.
        name: The name in lower case, without a final dot; `UNKNOWN_NAME` if the log leaves it out.
        count: How many queries.
        first: Seconds since 1970, UTC.
        last: Seconds since 1970, UTC.
        sources: Addresses of the source, up to ``MOST_EXAMPLES``, sorted.
        servers: Addresses of the DNS servers that were asked, up to ``MOST_EXAMPLES``, sorted.
        callers: Pods of the source, up to ``MOST_EXAMPLES``, sorted.
    """

    evidence: Evidence
    source: Endpoint
    name: str
    count: int
    first: float
    last: float
    sources: tuple[str, ...]
    servers: tuple[str, ...]
    callers: tuple[PodIdentity, ...]


@dataclass(slots=True)
class _Queries:
    """Queries for one name while records are added."""

    sources: Examples[str] = field(default_factory=list)
    servers: Examples[str] = field(default_factory=list)
    callers: Examples[PodIdentity] = field(default_factory=list)
    count: int = 0
    first: float = float("inf")
    last: float = float("-inf")


@dataclass(slots=True)
class RefusedNames:
    """Refused names while records are added."""

    _by_name: dict[tuple[Evidence, Endpoint, str], _Queries] = field(default_factory=dict)

    def add(self, record: Record, source: Endpoint, caller: PodIdentity | None) -> None:
        """Add the queries of a record.

        Args:
            record: A record with a name.
            source: The endpoint that asked.
            caller: The pod that asked, if it is known.
        """
        key = (record.evidence, source, record.name)
        if key not in self._by_name and len(self._by_name) >= MOST_NAMES:
            key = (record.evidence, source, OTHER_NAMES)
        queries = self._by_name.setdefault(key, _Queries())
        queries.count += record.count
        queries.first, queries.last = min(queries.first, record.first), max(queries.last, record.last)
        note(queries.sources, record.source.address)
        note(queries.servers, record.destination.address)
        note(queries.callers, caller)

    def summed(self) -> tuple[RefusedName, ...]:
        """Return the names, most queries first."""
        found = (
            RefusedName(
                *key,
                each.count,
                each.first,
                each.last,
                shown(each.sources),
                shown(each.servers),
                shown(each.callers),
            )
            for key, each in self._by_name.items()
        )
        return tuple(sorted(found, key=lambda each: (-each.count, each.source.name, each.name, each.evidence)))
