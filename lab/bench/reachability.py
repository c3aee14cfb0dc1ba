"""How long it takes to read manifests and list all connections, by number of services and shape.

    python -m lab.bench.reachability [--shape chain] [--services 100,1000,10000] [--runs 3]

Each run is a fresh process that does what ``flash-firewall list --dir`` does, start-up included. It writes the listing
to a pipe that counts it. The table shows the median and the spread of the runs, the least processor time of a run and
its share for each service and connection, and the most memory that a run held.

With ``--cyclonus N``, cyclonus also answers for clusters of up to N services. Its matcher, in one running process,
decides for each pair whether the one TCP port in use passes. It gets no question about addresses, other ports or other
protocols. It must find as many connections as the listing. 1,000 services take it minutes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from lab.bench.manifests import PORT, SHAPES, Manifest
from tests.support.naive.cyclonus_oracle import Cyclonus

ROOT = Path(__file__).parents[2]
_PER_FILE = 1000


@dataclass(frozen=True, slots=True)
class Measurement:
    """Several runs on one cluster.

    Attributes:
        shape: How the services are connected.
        services: The number of services, each with two policies.
        connections: The number of listed lines.
        seconds: Wall-clock time of each run.
        processor_seconds: The least processor time of a run; it does not depend on other work on the machine.
        peak_mib: The most memory that a run held, in MiB.
    """

    shape: str
    services: int
    connections: int
    seconds: tuple[float, ...]
    processor_seconds: float
    peak_mib: float


def write(manifests: Iterable[Manifest], directory: Path) -> None:
    """Write manifests as YAML files of several documents."""
    batch: list[Manifest] = []
    count = 0
    for manifest in manifests:
        batch.append(manifest)
        if len(batch) == _PER_FILE:
            _write(batch, directory / f"{count:05}.yaml")
            batch, count = [], count + 1
    if batch:
        _write(batch, directory / f"{count:05}.yaml")


def _write(batch: list[Manifest], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        yaml.dump_all(batch, file, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


def measure(shape: str, services: int, runs: int) -> Measurement:
    """Run the listing several times on one cluster."""
    seconds: list[float] = []
    processor: list[float] = []
    connections = peak = 0
    with tempfile.TemporaryDirectory() as name:
        write(SHAPES[shape](services), Path(name))
        for _ in range(runs):
            command = [sys.executable, "-m", "flash_ticket.cli.main", "list", "--dir", name]
            begin = time.perf_counter()
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603  # our own command
                connections = _count_lines(process.stdout)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            seconds.append(time.perf_counter() - begin)
            processor.append(usage.ru_utime + usage.ru_stime)
            peak = max(peak, usage.ru_maxrss)
            if process.returncode:
                raise SystemExit(process.returncode)
    return Measurement(shape, services, connections, tuple(seconds), min(processor), peak / 1024)


def measure_cyclonus(shape: str, services: int, cyclonus: Cyclonus) -> tuple[float, int]:
    """Return the seconds that cyclonus takes for one port of every pair, and the connections that it finds."""
    manifests = list(SHAPES[shape](services))
    policies = [manifest for manifest in manifests if manifest["kind"] == "NetworkPolicy"]
    peers = [
        {
            "Internal": {
                "Namespace": manifest["metadata"]["namespace"],
                "PodLabels": manifest["metadata"]["labels"],
                "NamespaceLabels": {},
            },
            "IP": "203.0.113.9",
        }
        for manifest in manifests
        if manifest["kind"] == "Deployment"
    ]
    begin = time.perf_counter()
    answers = cyclonus.answers(Policies=policies, Peers=peers, Port=PORT)
    return time.perf_counter() - begin, sum(answers)


def _count_lines(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise AssertionError
    return sum(piece.count(b"\n") for piece in iter(lambda: pipe.read(1 << 20), b""))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), action="append")
    parser.add_argument("--services", default="100,300,1000,3000,10000,30000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cyclonus", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    cyclonus = Cyclonus() if arguments.cyclonus else None
    head = ("shape", "services", "policies", "connections", "median s", "spread s", "CPU s", "µs each", "peak MiB")
    print(f"| {' | '.join(head)} | cyclonus s |")
    print(f"|---|{'---:|' * len(head)}")
    for shape in arguments.shape or ["chain", "mesh"]:
        for services in map(int, arguments.services.split(",")):
            found = measure(shape, services, arguments.runs)
            asked = measure_cyclonus(shape, services, cyclonus) if cyclonus and services <= arguments.cyclonus else None
            print(_row(found, asked), flush=True)
    if cyclonus:
        cyclonus.stop()


def _row(found: Measurement, asked: tuple[float, int] | None) -> str:
    middle = statistics.median(found.seconds)
    other = ""
    if asked:
        seconds, connections = asked
        if connections != found.connections:
            raise SystemExit(f"cyclonus finds {connections} connections, the listing has {found.connections}")
        other = f"{seconds:.2f} ({seconds / middle:.0f} times)"
    cells = [
        found.shape,
        f"{found.services:,}",
        f"{2 * found.services:,}",
        f"{found.connections:,}",
        f"{middle:.2f}",
        f"{min(found.seconds):.2f}-{max(found.seconds):.2f}",
        f"{found.processor_seconds:.2f}",
        f"{1e6 * found.processor_seconds / (found.services + found.connections):.0f}",
        f"{found.peak_mib:.0f}",
        other,
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
