"""How fast ``replay`` and ``denied`` answer: ``python -m lab.bench.records.replay [--lines 20000000] [--runs 5]``.

Each run is a whole command over Parquet in a fresh process: it starts Python, reads an inventory of 360 pods, compiles
both layers, reads every file, attributes every record and writes the answer as JSON. The flow logs are those of
``lab.bench.records.flow_log_lines``. The replayed matrix is the committed one without one flow, so that it cuts
something. The goal is 2,000,000 records a second on two cores, and at most 1 GB of memory for any amount of logs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

from flash_ticket.firewall.bind.environment import Environment, Place
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.traffic.attribution.inventory import Inventory, Pod
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from lab.bench.compile import ROOT, SHOP, environment
from lab.bench.records.flow_log_lines import Written, write

VERBS = ("replay", "denied")

_CALLERS = 240
_OF_ONE = 40
_A_BLOCK = 60
_APPS = ("flash-gateway", "flash-api", "flash-pay")
_BEFORE_ALL = 1_700_000_000.0
_FLOW = ("{from: pay, to: [rabbitmq, redis, database]}", "{from: pay, to: [rabbitmq, database]}")


@dataclass(frozen=True, slots=True)
class Run:
    """One command.

    Attributes:
        read: The number of lines that it reports as read.
        attributed: The number of them with two known ends.
        seconds: From the start of its process to its end.
        busy: Seconds of processor time.
        peak: The most memory that it held, in MiB.
    """

    read: int
    attributed: int
    seconds: float
    busy: float
    peak: float


def shop(matrix: Matrix) -> Environment:
    """Return an environment with the addresses of the made-up flow logs for its pods and datastores."""
    here = environment(matrix)
    stores = Place((ip_network("10.1.2.0/23"),), None, ())
    places = tuple((name, place if name == "alb" else stores) for name, place in here.places)
    return replace(here, vpc_networks=(ip_network("10.0.0.0/15"),), places=places)


def pods() -> Iterator[Pod]:
    """Yield the calling pods (gateway, api and pay in turn) and the called pods (DNS, api and pay)."""
    for number in range(_CALLERS):
        yield _pod(f"caller-{number}", "flash-ticket", ("app", _APPS[number % len(_APPS)]), _address(0, number))
    called = (
        ("kube-system", ("k8s-app", "kube-dns")),
        ("flash-ticket", ("app", _APPS[1])),
        ("flash-ticket", ("app", _APPS[2])),
    )
    for service, (namespace, label) in enumerate(called):
        for number in range(service * _OF_ONE, (service + 1) * _OF_ONE):
            yield _pod(f"called-{number}", namespace, label, _address(1, number))


def _pod(name: str, namespace: str, label: tuple[str, str], address: str) -> Pod:
    return Pod(namespace, name, (label,), (address,), "", _BEFORE_ALL, None)


def _address(half: int, number: int) -> str:
    return f"10.{half}.{number // _A_BLOCK}.{number % _A_BLOCK + 10}"


def prepare(folder: Path, lines: int) -> int:
    """Write flow logs, an inventory and a proposed matrix into a folder; return the size of the flow logs in bytes."""
    matrix = read_matrix(SHOP)
    inventory = Inventory(_BEFORE_ALL, shop(matrix), None, tuple(pods()), ())
    (folder / "inventory.json").write_text(inventory_json(inventory), encoding="utf-8")
    text = SHOP.read_text(encoding="utf-8")
    if _FLOW[0] not in text:
        raise SystemExit(f"{MATRIX_FILE} has no line {_FLOW[0]}")
    (folder / "proposed.yaml").write_text(text.replace(*_FLOW), encoding="utf-8")
    return sum(path.stat().st_size for path in write(folder / "logs", lines, Written.PARQUET))


def run(verb: str, folder: Path) -> Run:
    """Run a command once."""
    proposed = ("--matrix", str(folder / "proposed.yaml")) if verb == "replay" else ()
    options = ("--project", str(ROOT), "--inventory", str(folder / "inventory.json"), "--output", "json")
    command = [sys.executable, "-m", "flash_ticket.cli.main", verb, str(folder / "logs"), *proposed, *options]
    answer = folder / "answer.json"
    begin = time.perf_counter()
    with answer.open("wb") as file, subprocess.Popen(command, cwd=ROOT, stdout=file) as process:  # noqa: S603 - our own
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise SystemExit(f"{verb} ended with {process.returncode}")
    total = json.loads(answer.read_bytes())["total"]
    return Run(total["read"], total["attributed"], seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replay-") as name:
        folder = Path(name)
        size = prepare(folder, arguments.lines)
        print(f"{arguments.lines:,} lines in {size / 1e6:,.0f} MB of Parquet.\n", flush=True)
        found: dict[str, list[Run]] = {verb: [] for verb in VERBS}
        for _ in range(arguments.runs):
            for verb, runs in found.items():
                runs.append(run(verb, folder))
    print("| command | lines read | attributed | median s | spread s | lines/s | CPU s | lines/CPU s | MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for verb, runs in found.items():
        print(row(verb, runs))


def row(verb: str, runs: list[Run]) -> str:
    """Return a row of the table."""
    seconds, busy = [each.seconds for each in runs], min(each.busy for each in runs)
    middle, read = statistics.median(seconds), runs[0].read
    spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
    return (
        f"| {verb} | {read:,} | {runs[0].attributed:,} | {middle:.2f} | {spread} | {read / middle:,.0f} | {busy:.2f} "
        f"| {read / busy:,.0f} | {max(each.peak for each in runs):.0f} |"
    )


if __name__ == "__main__":
    main()
