"""Records from the answer to the flow log query, whether it comes from DuckDB or from Athena."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from flash_ticket.firewall.terms.addresses import canonical_address
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.record import Disposition, End, Evidence, Reading, Record

_MOST_ADDRESSES = 100

_DISPOSITIONS: Final = {each.value: each for each in Disposition}
_DIRECTIONS: Final = {each.value: each for each in Direction}


@dataclass(slots=True)
class Unplaced:
    """Malformed lines that were counted without a place.

    Attributes:
        count: How many there are.
        addresses: Some of the texts that should be addresses.
    """

    count: int = 0
    addresses: set[str] = field(default_factory=set)


def records_of(rows: Iterable[Sequence[Any]], reading: Reading, unplaced: Unplaced) -> Iterator[Record]:
    """Yield the records of an answer, and count in ``reading`` the other lines.

    Args:
        rows: The columns are `flash_ticket.traffic.flow_logs.query.ROW`; numbers may be text, as from Athena, and a
            missing value may be None or empty.
        reading: The counts; malformed lines are not counted here.
        unplaced: The counts of malformed lines, so that the caller can find the place of the first one.
    """
    for row in rows:
        kind, disposition, source, destination, protocol, port, direction, reason, interface, *numbers = row
        count, first, last = numbers
        lines = int(count or 0)
        if kind != "traffic":
            _count_other(kind, lines, reading, unplaced)
            continue
        caller, called = _end(source), _end(destination)
        if caller is None or called is None:
            unplaced.count += lines
            if len(unplaced.addresses) < _MOST_ADDRESSES:
                texts = ((caller, source), (called, destination))
                unplaced.addresses |= {text for end, text in texts if end is None}
            continue
        reading.recorded += lines
        yield Record(  # in the order of its fields: names take a tenth longer
            Evidence.FLOW_LOG,
            _DISPOSITIONS[disposition],
            caller,
            called,
            int(protocol),
            int(port),
            _DIRECTIONS[direction] if direction else None,
            reason or "",
            interface or "",
            lines,
            float(first or 0),
            float(last or 0),
        )


def _count_other(kind: str, lines: int, reading: Reading, unplaced: Unplaced) -> None:
    match kind:
        case "no data":
            reading.no_data += lines
        case "skip data":
            reading.skip_data += lines
        case _:
            unplaced.count += lines


@lru_cache(maxsize=1 << 16)  # the same few addresses come again and again
def _end(text: str) -> End | None:
    """Return the end with an address; None if the text is not an address."""
    try:
        return End(canonical_address(text))
    except ValueError:
        return None
