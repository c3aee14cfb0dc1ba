"""How fast flow logs are read.

    python -m lab.bench.records.flow_logs [--lines 4000000] [--runs 5] [--hundred-million]

The lines are made here (``lab.bench.records.flow_log_lines``): both directions at both interfaces, 240 pods, one file
for each hour. Each run is a fresh process (``lab.bench.records.flow_log_readers``) that reads all files into records.
Parquet, a bare DuckDB scan of the same files, text and `flowlogs_reader` (PyPI, on a smaller text) take turns, so that
other work on the machine slows all of them alike. The bare scan loads DuckDB alone. It groups by addresses, protocol,
smaller port and action, which are the columns that distinguish accepted records, and keeps the number of lines and
their first and last time. `flowlogs_reader` parses the same lines and aggregates them by addresses, called port and
action. Neither turns replies around, and neither checks a line.

The table shows the median and the spread of the runs, from the start of the process to its end; the lines per second;
the processor time (median and least); and the most memory that a process held. The last line compares Parquet with the
bare scan, pair by pair.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.bench.records.flow_log_lines import Written, write
from lab.bench.records.flow_log_readers import READERS, bare_scan, flowlogs_reader, parquet

ROOT = Path(__file__).parents[3]
_HUNDRED_MILLION = 100_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One reading, in its own process.

    Attributes:
        lines: The number of lines read.
        records: The number of records made from them.
        seconds: From the start of the process to its end.
        busy: Seconds of processor time of the whole process.
        peak: The most memory held, in MiB.
    """

    lines: int
    records: int
    seconds: float
    busy: float
    peak: float


def run(name: str, folder: Path) -> Run:
    """Read a folder once in a fresh process."""
    command = [sys.executable, "-m", "lab.bench.records.flow_log_readers", name, str(folder)]
    begin, busy = time.perf_counter(), _busy()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own command
    seconds, busy = time.perf_counter() - begin, _busy() - busy
    lines, records, peak = json.loads(done.stdout)
    return Run(lines, records, seconds, busy, peak)


def _busy() -> float:
    """Return the seconds of processor time of all processes that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hundred-million", action="store_true", help="read 100 million lines of Parquet, once")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flow-logs-") as folder:
        if arguments.hundred_million:
            _hundred_million(Path(folder))
        else:
            _compare(Path(folder), arguments.lines, arguments.runs)


def _compare(folder: Path, lines: int, runs: int) -> None:
    write(folder / "parquet", lines, Written.PARQUET, lines // 4)
    write(folder / "text", lines, Written.TEXT, lines // 4)
    write(folder / "flowlogs_reader", lines // 40, Written.TEXT, lines // 160)
    (folder / bare_scan.__name__).symlink_to(folder / "parquet")
    found: dict[str, list[Run]] = {name: [] for name in READERS}
    for _ in range(runs):
        for name, done in found.items():
            done.append(run(name, (folder / name).resolve()))
    _table(found)
    pairs = [*zip(found[parquet.__name__], found[bare_scan.__name__], strict=True)]
    for kind, ratios in (
        ("seconds", [ours.seconds / bare.seconds for ours, bare in pairs]),
        ("CPU seconds", [ours.busy / bare.busy for ours, bare in pairs]),
    ):
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(f"Parquet to bare scan, {kind}, pair by pair: {statistics.median(ratios):.2f} ({spread})")


def _table(found: dict[str, list[Run]]) -> None:
    head = (
        "read",
        "lines",
        "records",
        "median s",
        "spread s",
        "lines/s",
        "times",
        "CPU s",
        "lines/CPU s",
        "times",
        "MiB",
    )
    print(f"| {' | '.join(head)} |\n|---{'|---:' * (len(head) - 1)}|")
    rates = {name: (_per_second(runs), _per_busy_second(runs)) for name, runs in found.items()}
    slowest = rates[flowlogs_reader.__name__]
    for name, runs in found.items():
        seconds = [each.seconds for each in runs]
        cells = (
            name,
            f"{runs[0].lines:,}",
            f"{runs[0].records:,}",
            f"{statistics.median(seconds):.2f}",
            f"{min(seconds):.2f}-{max(seconds):.2f}",
            f"{rates[name][0]:,.0f}",
            f"{rates[name][0] / slowest[0]:.0f}",
            f"{min(each.busy for each in runs):.2f}",
            f"{rates[name][1]:,.0f}",
            f"{rates[name][1] / slowest[1]:.0f}",
            f"{max(each.peak for each in runs):.0f}",
        )
        print(f"| {' | '.join(cells)} |")


def _per_second(runs: Sequence[Run]) -> float:
    return runs[0].lines / statistics.median(each.seconds for each in runs)


def _per_busy_second(runs: Sequence[Run]) -> float:
    return runs[0].lines / min(each.busy for each in runs)


def _hundred_million(folder: Path) -> None:
    begin = time.perf_counter()
    paths = write(folder / "parquet", _HUNDRED_MILLION, Written.PARQUET, _HUNDRED_MILLION // 48)
    size = sum(path.stat().st_size for path in paths) / 1e9
    print(f"Written in {time.perf_counter() - begin:.0f} s: {len(paths)} files of {size:.1f} GB together.", flush=True)
    done = run("parquet", folder / "parquet")
    print(
        f"{done.lines:,} lines read into {done.records:,} records in {done.seconds:.1f} s "
        f"({done.lines / done.seconds:,.0f} lines/s), {done.busy:.1f} s of processors, {done.peak:.0f} MiB at most."
    )


if __name__ == "__main__":
    main()
