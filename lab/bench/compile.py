"""How long it takes to read, validate and compile a declaration to both layers, by number of services and flows.

    python -m lab.bench.compile [--services 3,100,1000,3000] [--runs 7]

Each run reads the file again and compiles it in a warm process. The start of an interpreter and its imports are printed
separately. The last column should not grow: the work is proportional to the size of the declaration.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.bind.environment import Cluster, Environment, Group, LoadBalancer, Place, Quotas
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.choices import (
    Attachment,
    CniName,
    DnsMode,
    KubeProxyMode,
    LogDestination,
    OnDestroy,
    PodEniMode,
)
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.terms.ports import tcp

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "traffic.yaml"
_FLOWS_A_SERVICE = 5
_STEPS = ("read and validate", "NetworkPolicies", "security groups", "manifests")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the seconds of each step, in the order of ``_STEPS``."""

    seconds: tuple[float, ...]

    @property
    def total(self) -> float:
        """All steps together."""
        return sum(self.seconds)


def declaration(services: int) -> dict[str, Any]:
    """Return a traffic file with this many services in a ring. Each service calls the next five."""
    names = [f"service-{number:05}" for number in range(services)]
    return {
        "namespace": "shop",
        "services": {name: {"pods": {"app": name}, "ports": [8000 + place % 97]} for place, name in enumerate(names)},
        "externals": {"alb": {}},
        "flows": [
            {"from": name, "to": names[(place + step) % services]}
            for place, name in enumerate(names)
            for step in range(1, _FLOWS_A_SERVICE + 1)
        ],
    }


def environment(matrix: Matrix) -> Environment:
    """Return an environment where every external of a matrix is two subnets."""
    place = Place((ip_network("10.10.20.0/24"), ip_network("10.10.21.0/24")), None, ())
    return Environment(
        "bench",
        "aws",
        "ap-northeast-2",
        "111122223333",
        "vpc-1",
        (ip_network("10.10.0.0/16"),),
        Cluster(
            "bench",
            Group("sg-1", "cluster"),
            (Group("sg-2", "nodes"),),
            Attachment.PODS,
            CniName.VPC_CNI,
            PodEniMode.STANDARD,
            KubeProxyMode.IPTABLES,
            DnsMode.CLUSTER,
            (),
        ),
        (LoadBalancer("alb", (tcp(443),), (ip_network("203.0.113.0/24"),)),),
        tuple((external.name, place) for external in matrix.externals if external.has_place),
        FlowLogSettings(LogDestination.CLOUDWATCH, 14, OnDestroy.DELETE),
        Quotas(60, 5),
    )


def run(path: Path) -> tuple[Run, Matrix]:
    """Read and compile one file."""
    moments = [time.perf_counter()]
    matrix = read_matrix(path)
    moments.append(time.perf_counter())
    where = environment(matrix)
    pods = compile_policies(matrix, where)
    moments.append(time.perf_counter())
    compile_groups(matrix, where)
    moments.append(time.perf_counter())
    for policy in pods.policies:
        policy.manifest()
    moments.append(time.perf_counter())
    return Run(tuple(after - before for before, after in pairwise(moments))), matrix


def rows(services: list[int], runs: int) -> Iterator[str]:
    """Yield a row of the table for the shop and for each size."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {"traffic.yaml": SHOP}
        for number in services:
            path = Path(folder) / f"{number}.yaml"
            path.write_text(yaml.dump(declaration(number), Dumper=yaml.CSafeDumper), encoding="utf-8")
            paths[f"{number:,} services"] = path
        for name, path in paths.items():
            _, matrix = run(path)
            found = [run(path)[0] for _ in range(runs)]
            totals = [each.total for each in found]
            middle = statistics.median(totals)
            steps = [statistics.median(each.seconds[step] for each in found) for step in range(len(_STEPS))]
            spread = f"{1e3 * min(totals):.1f}-{1e3 * max(totals):.1f}"
            yield (
                f"| {name} | {len(matrix.flows):,} | {1e3 * middle:.1f} | {spread}"
                f" | {' | '.join(f'{1e3 * step:.1f}' for step in steps)}"
                f" | {1e6 * middle / (len(matrix.services) + len(matrix.flows)):.0f} |"
            )


def print_table(
    description: str | None, head: str, rows: Callable[[list[int], int], Iterator[str]], runs: int, imports: str
) -> None:
    """Measure for some numbers of services, and print a table.

    Args:
        description: The help of the command.
        head: The head of the table.
        rows: Yields the rows for numbers of services and a number of runs.
        runs: The usual number of runs.
        imports: Code that prints the seconds that its imports take.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", default="100,1000,3000")
    parser.add_argument("--runs", type=int, default=runs)
    arguments = parser.parse_args()
    print(head)
    for row in rows([int(number) for number in arguments.services.split(",")], arguments.runs):
        print(row, flush=True)
    command = [sys.executable, "-c", imports]
    found = [
        1e3 * float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - ours
        for _ in range(arguments.runs)
    ]
    print(f"\nImports: {statistics.median(found):.0f} ms ({min(found):.0f}-{max(found):.0f}).")


_IMPORTS = (
    "import time; begin = time.perf_counter(); import flash_ticket.firewall.declare.traffic_file, "
    "flash_ticket.firewall.bind.bind, flash_ticket.firewall.compile.pod_layer, "
    "flash_ticket.firewall.compile.group_rules; print(time.perf_counter() - begin)"
)

if __name__ == "__main__":
    print_table(
        __doc__,
        f"| declared | flows | median ms | spread ms | {' ms | '.join(_STEPS)} ms | µs a service and flow |\n"
        f"|---|---:|---:|---:|{'---:|' * (len(_STEPS) + 1)}",
        rows,
        7,
        _IMPORTS,
    )
