"""Flow logs written in the form in which AWS delivers them, and the result of reading them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm
from flash_ticket.traffic.records.record import Reading, Record, Scope
from tests.support.naive.naive_flow_log import NAMES, Line, Summed, silent

NUMBERS = {"srcport", "dstport", "protocol", "tcp_flags", "start", "end"}
LONG = {"start", "end"}

ADDRESSES = ("10.0.0.1", "fd00::1")
PORTS = st.sampled_from((0, 80, 80, 4000))
TIMES = st.integers(0, 8)


def lines() -> st.SearchStrategy[Line]:
    """Return lines with few different values, so that many have the same ends; some have one malformed value."""
    beginning = st.builds(
        Line,
        interface_id=st.sampled_from((None, "eni-1", "eni-2")),
        srcaddr=st.sampled_from(ADDRESSES),
        dstaddr=st.sampled_from(ADDRESSES),
        pkt_srcaddr=st.sampled_from((None, None, None, "10.0.9.1")),
        pkt_dstaddr=st.sampled_from((None, None, None, "fd00::1")),
        srcport=PORTS,
        dstport=PORTS,
        protocol=st.sampled_from((6, 6, 6, 17, 1, 132)),
        tcp_flags=st.sampled_from((None, 0, 2, 2, 2, 3, 4, 18, 19)),
        flow_direction=st.sampled_from((None, "ingress", "egress")),
        start=TIMES,
        action=st.sampled_from(("ACCEPT", "ACCEPT", "REJECT")),
        reject_reason=st.sampled_from((None, None, "BPA")),
    )
    sound = st.builds(lambda line, length: replace(line, end=line.start + length), beginning, TIMES)
    spoiled = st.builds(lambda line, spoil: spoil(line), sound, st.sampled_from(SPOILS))
    return st.one_of(sound, sound, sound, spoiled, st.builds(silent, st.sampled_from(("NODATA", "SKIPDATA"))))


SPOILS: tuple[Callable[[Line], Line], ...] = (
    lambda line: replace(line, srcport=70000),
    lambda line: replace(line, dstport=-1),
    lambda line: replace(line, srcport=None),
    lambda line: replace(line, protocol=256),
    lambda line: replace(line, protocol=None),
    lambda line: replace(line, tcp_flags=256),
    lambda line: replace(line, tcp_flags=-1),
    lambda line: replace(line, start=None),
    lambda line: replace(line, end=None),
    lambda line: replace(line, start=99),
    lambda line: replace(line, pkt_srcaddr="10.0.0"),
    lambda line: replace(line, pkt_dstaddr="eni-1"),
    lambda line: replace(line, srcaddr="10.0.0.256"),
    lambda line: replace(line, srcaddr=None),
    lambda line: replace(line, action=None),
    lambda line: replace(line, action="DENY"),
    lambda line: replace(line, flow_direction="sideways"),
    lambda line: replace(line, log_status="FINE"),
)
"""Each one spoils a value; a few of the lines stay valid, because another value replaces the spoiled one."""


def scopes() -> st.SearchStrategy[Scope]:
    """Return scopes that contain some of those lines."""
    times = st.one_of(TIMES, st.floats(0, 8))
    return st.builds(
        Scope,
        since=st.one_of(st.none(), times),
        until=st.one_of(st.none(), times),
        moments=st.lists(times, max_size=4).map(lambda found: tuple(sorted(found))),
        listening=st.frozensets(st.tuples(st.sampled_from((6, 17, 132)), PORTS), max_size=3),
    )


def write_parquet(path: Path, written: Iterable[Line], columns: Sequence[str] = NAMES) -> Path:
    """Write lines with some of the columns, in the types that AWS documents."""
    found = list(written)
    kinds = {
        name: pa.string() if name not in NUMBERS else pa.int64() if name in LONG else pa.int32() for name in columns
    }
    arrays = [pa.array([getattr(line, name) for line in found], kinds[name]) for name in columns]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays, names=list(columns)), path)
    return path


def write_text(path: Path, written: Iterable[Line], columns: Sequence[str] = NAMES) -> Path:
    """Write the names of the fields and then the lines."""
    texts = [" ".join(name.replace("_", "-") for name in columns)]
    texts += [" ".join(_text(getattr(line, name)) for name in columns) for line in written]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(texts) + "\n", encoding="ascii")
    return path


def _text(value: str | int | None) -> str:
    return "-" if value is None else str(value)


def read(paths: Sequence[Path], form: FlowLogForm, scope: Scope | None = None) -> tuple[Reading, Summed]:
    """Return the counts, and the records summed up like those of the second evaluator."""
    reading = Reading()
    scope = scope or Scope()
    return reading, summed(FlowLogFiles("the flow log", tuple(paths), form).records(scope, reading), scope)


def summed(records: Iterable[Record], scope: Scope) -> Summed:
    """Return the sums of records by everything that distinguishes them."""
    found: Summed = {}
    for each in records:
        side = sum(moment <= each.first for moment in scope.moments)
        crosses = any(each.first < moment <= each.last for moment in scope.moments)
        key = (
            *(each.disposition.value, each.source.address, each.destination.address, each.protocol, each.port),
            *(each.direction, each.reason, each.interface),
            *((side,) if side else ()),
            *((int(each.first), int(each.last)) if crosses else ()),
        )
        count, first, last = found.get(key, (0, each.first, each.last))
        found[key] = (count + each.count, int(min(first, each.first)), int(max(last, each.last)))
    return found


def counts(reading: Reading) -> dict[str, int]:
    """Return the counts under the names that the second evaluator uses."""
    found = {"recorded": reading.recorded, "malformed": reading.malformed}
    found |= {"NODATA": reading.no_data, "SKIPDATA": reading.skip_data}
    return {kind: count for kind, count in found.items() if count}
