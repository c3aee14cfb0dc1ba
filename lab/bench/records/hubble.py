"""How fast Hubble's export is read: ``python -m lab.bench.records.hubble [--lines 200000] [--runs 5]``.

The lines are made here, as Cilium 1.18 writes them for a shop of 60 pods: traces of packets, their replies, policy
verdicts, requests over HTTP and drops, 1 to 1.5 kB each. Each run is a fresh process that reads the file to the end and
sums up its lines, on one core. The table shows the median and the spread of the runs, lines and megabytes per second,
the least processor time of a run, and the most memory held. The last column compares with Python's ``json``, which only
parses the same lines in the same run: that factor does not depend on other work on the machine.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flash_ticket.traffic.records.hubble import HubbleReader
from flash_ticket.traffic.records.lines import TextFiles
from flash_ticket.traffic.records.record import Reading, Scope

ROOT = Path(__file__).parents[3]
_SERVICES = ("gateway", "api", "pay", "stock", "mail", "search", "cart", "auth", "rabbitmq", "redis")
_PODS = 60
_CALLED = 3
"""How many services each service calls."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A made-up pod."""

    service: str
    number: int

    @property
    def address(self) -> str:
        """Its address, of its own."""
        return f"10.0.{self.number // 250}.{self.number % 250 + 1}"

    @property
    def endpoint(self) -> dict[str, object]:
        """The pod as an end of a flow."""
        return {
            "ID": 1000 + self.number,
            "identity": 20_000 + _SERVICES.index(self.service),
            "cluster_name": "default",
            "namespace": "flash-ticket",
            "labels": [
                f"k8s:app=flash-{self.service}",
                "k8s:io.cilium.k8s.namespace.labels.team=shop",
                "k8s:io.cilium.k8s.policy.cluster=default",
                f"k8s:io.cilium.k8s.policy.serviceaccount={self.service}",
                "k8s:io.kubernetes.pod.namespace=flash-ticket",
            ],
            "pod_name": f"flash-{self.service}-6b9c7d8f5-{self.number:05}",
            "workloads": [{"name": f"flash-{self.service}", "kind": "Deployment"}],
        }


def lines(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield lines of an export."""
    chance = random.Random(seed)  # noqa: S311 - made-up traffic, the same in every run
    pods = [Pod(_SERVICES[number % len(_SERVICES)], number) for number in range(_PODS)]
    for number in range(count):
        source = chance.choice(pods)
        called = (source.number + 1 + chance.randrange(_CALLED)) % len(_SERVICES)
        destination = pods[called + len(_SERVICES) * chance.randrange(_PODS // len(_SERVICES))]
        stamp = f"2026-11-24T{number * 24 // count:02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
        moment = f"{stamp}.{chance.randrange(10**9):09}Z"
        flow = _flow(chance, source, destination, moment)
        line = {"flow": flow, "node_name": flow["node_name"], "time": moment}
        yield json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _flow(chance: random.Random, source: Pod, destination: Pod, moment: str) -> dict[str, Any]:
    port = 3000 + 100 * _SERVICES.index(destination.service)
    caller = chance.randrange(32768, 61000)
    kind = chance.choices(("trace", "reply", "verdict", "http", "drop"), (40, 35, 10, 10, 5))[0]
    reply = kind == "reply"
    if reply:
        source, destination = destination, source
    flow: dict[str, Any] = {
        "time": moment,
        "uuid": f"{chance.getrandbits(128):032x}",
        "verdict": "DROPPED" if kind == "drop" else "FORWARDED",
        **({"drop_reason": 133} if kind == "drop" else {}),
        "ethernet": {"source": "92:34:10:65:b5:ee", "destination": "c2:3c:0f:7f:7d:73"},
        "IP": {"source": source.address, "destination": destination.address, "ipVersion": "IPv4"},
        "l4": {
            "TCP": {
                "source_port": port if reply else caller,
                "destination_port": caller if reply else port,
                "flags": {"PSH": True, "ACK": True} if kind in ("trace", "reply") else {"SYN": True},
            }
        },
        "source": source.endpoint,
        "destination": destination.endpoint,
        "Type": "L7" if kind == "http" else "L3_L4",
        "node_name": f"ip-10-0-0-{chance.randrange(20)}.ap-northeast-2.compute.internal",
        "event_type": {"type": {"drop": 1, "http": 129, "verdict": 5}.get(kind, 4), "sub_type": 3},
        "traffic_direction": chance.choice(("INGRESS", "EGRESS")),
    }
    match kind:
        case "trace" | "reply":
            flow |= {"trace_observation_point": "TO_ENDPOINT", "is_reply": reply, "interface": {"index": 12}}
        case "verdict":
            flow |= {"policy_match_type": 1, "is_reply": False}
        case "http":
            flow["l7"] = {
                "type": "REQUEST",
                "http": {"method": "GET", "url": "http://flash-api/v1/seats", "headers": []},
            }
            flow["is_reply"] = False
        case _:
            flow["drop_reason_desc"] = "POLICY_DENIED"
    return {**flow, "Summary": "TCP Flags: ACK, PSH"}


def read(path: Path) -> None:
    """Read a file once and print what it took."""
    reading = Reading()
    begin, busy = time.perf_counter(), time.process_time()
    records = sum(1 for _ in HubbleReader(Scope(), reading).records(TextFiles((path,))))
    seconds, busy = time.perf_counter() - begin, time.process_time() - busy
    if reading.malformed or reading.other:
        raise SystemExit(f"not all lines were understood: {reading}")
    json.dump([reading.recorded, records, seconds, busy, _json_seconds(path)], sys.stdout)


def _json_seconds(path: Path) -> float:
    """Return the processor time that Python's own module takes to parse all lines."""
    begin = time.process_time()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - begin


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        read(arguments.read)
        return
    with tempfile.NamedTemporaryFile(suffix=".log") as file:
        file.writelines(lines(arguments.lines))
        file.flush()
        size = Path(file.name).stat().st_size
        _measure(Path(file.name), size, arguments.runs)


def _measure(path: Path, size: int, runs: int) -> None:
    found: list[tuple[int, int, float, float, float]] = []
    for _ in range(runs):
        command = [sys.executable, "-m", "lab.bench.records.hubble", "--read", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own command
            answer = process.communicate()[0]
        if process.returncode:
            raise SystemExit(process.returncode)
        found.append(json.loads(answer))
    lines_read, records = found[0][:2]
    seconds = [each[2] for each in found]
    middle, processor = statistics.median(seconds), min(each[3] for each in found)
    times = statistics.median(each[4] / each[3] for each in found)
    head = ("lines", "bytes each", "records", "median s", "spread s", "lines/s", "MB/s", "CPU s", "lines/CPU s", "MiB")
    cells = (
        f"{lines_read:,}",
        f"{size / lines_read:,.0f}",
        f"{records:,}",
        f"{middle:.2f}",
        f"{min(seconds):.2f}-{max(seconds):.2f}",
        f"{lines_read / middle:,.0f}",
        f"{size / middle / 1e6:,.0f}",
        f"{processor:.2f}",
        f"{lines_read / processor:,.0f}",
        f"{peak_mib():.0f}",
        f"{times:.1f} times",
    )
    print(f"| {' | '.join((*head, 'json.loads alone'))} |\n|{'---:|' * len(cells)}\n| {' | '.join(cells)} |")


def peak_mib() -> float:
    """Return the most memory that a run held."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
