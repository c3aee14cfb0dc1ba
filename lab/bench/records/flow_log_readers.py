"""Reads flow logs once, in a process of its own: ``python -m lab.bench.records.flow_log_readers NAME FOLDER``.

It loads what the named reader needs and nothing else, and prints the lines, the records and the most memory held, in
MiB, as a list of JSON.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

_KEY = ("pkt_srcaddr", "pkt_dstaddr", "dstport", "protocol", "action")
_BARE = """SELECT pkt_srcaddr, pkt_dstaddr, protocol, LEAST(srcport, dstport) AS port, action,
    COUNT(*) AS lines, MIN("start") AS first_start, MAX("end") AS last_end
    FROM read_parquet(?) GROUP BY ALL"""


def parquet(folder: Path) -> tuple[int, int]:
    """Read Parquet; return the numbers of lines and of records."""
    return _files(folder, "parquet")


def text(folder: Path) -> tuple[int, int]:
    """Read text; return the numbers of lines and of records."""
    return _files(folder, "text")


def _files(folder: Path, form: str) -> tuple[int, int]:
    from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm  # noqa: PLC0415 - others do without it
    from flash_ticket.traffic.records.record import Reading, Scope  # noqa: PLC0415 - others do without it

    reading = Reading()
    paths = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
    records = sum(1 for _ in FlowLogFiles(str(folder), paths, FlowLogForm(form)).records(Scope(), reading))
    if reading.malformed:
        raise SystemExit(f"not all lines were understood: {reading}")
    return reading.recorded, records


def flowlogs_reader(folder: Path) -> tuple[int, int]:
    """Read text as `flowlogs_reader` does; return the numbers of lines and of groups."""
    from flowlogs_reader import FlowRecord, aggregated_records  # noqa: PLC0415 - it loads the SDK of AWS

    lines = 0

    def records() -> Iterator[FlowRecord]:
        nonlocal lines
        for path in folder.rglob("*.log"):
            with path.open(encoding="ascii") as file:
                fields = tuple(name.replace("-", "_") for name in file.readline().split())
                for line in file:
                    lines += 1
                    yield FlowRecord.from_cwl_event({"message": line}, fields)

    groups = sum(1 for _ in aggregated_records(records(), key_fields=_KEY))
    return lines, groups


def bare_scan(folder: Path) -> tuple[int, int]:
    """Group Parquet as plain SQL does; return the numbers of lines and of groups."""
    import duckdb  # noqa: PLC0415 - others do without it, or load it themselves

    paths = sorted(str(path) for path in folder.rglob("*.parquet"))
    with duckdb.connect(config={"threads": len(os.sched_getaffinity(0))}) as database:
        groups = database.execute(_BARE, [paths]).fetchall()
    return sum(lines for *_, lines, _, _ in groups), len(groups)


READERS: dict[str, Callable[[Path], tuple[int, int]]] = {
    each.__name__: each for each in (parquet, bare_scan, text, flowlogs_reader)
}


def main() -> None:
    """Read a folder once and print what it took."""
    name, folder = sys.argv[1:]
    lines, records = READERS[name](Path(folder))
    # The memory of this program alone: ru_maxrss would count the benchmark that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    json.dump([lines, records, peak], sys.stdout)


if __name__ == "__main__":
    main()
