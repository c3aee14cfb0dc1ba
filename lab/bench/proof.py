"""How long the proof takes for the shop and for many services, with groups on pods and on nodes.

    python -m lab.bench.proof [--services 100,1000,3000] [--runs 5]

Each run proves a compiled firewall again in a warm process, and reads its manifests too. The last column should not
grow: the work is proportional to the size of the declaration. ``imports`` is the time that the proof adds to a program
that compiles.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.traffic_file import parse_matrix, read_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.report.proof import proof_text
from lab.bench.compile import ROOT, SHOP, declaration, environment


def cases(services: list[int]) -> Iterator[tuple[str, CompiledFirewall]]:
    """Yield the firewalls to prove, by name."""
    matrices = {"the shop": read_matrix(SHOP)}
    matrices |= {f"{number:,} services": parse_matrix(declaration(number), "traffic.yaml") for number in services}
    for name, matrix in matrices.items():
        here = environment(matrix)
        for attachment in Attachment:
            where = replace(here, cluster=replace(here.cluster, attachment=attachment))
            yield f"{name} | {attachment}", compile_firewall(matrix, where)


def rows(services: list[int], runs: int) -> Iterator[str]:
    """Yield a row of the table for each case."""
    for name, firewall in cases(services):
        seconds = []
        for _ in range(runs):
            begin = time.perf_counter()
            proof = firewall.proof()
            text = proof_text(proof)
            seconds.append(time.perf_counter() - begin)
            if not proof.holds:
                raise SystemExit(text)
        middle, flows = statistics.median(seconds), len(firewall.matrix.flows)
        per = 1e6 * middle / (len(firewall.matrix.services) + flows)
        spread = f"{1e3 * min(seconds):.0f}-{1e3 * max(seconds):.0f}"
        yield f"| {name} | {flows:,} | {1e3 * middle:.0f} | {spread} | {per:.0f} |"


def import_seconds(runs: int) -> list[float]:
    """Return how long fresh interpreters take to import the proof after the compilers."""
    code = (
        "import time, flash_ticket.firewall.declare.traffic_file, flash_ticket.firewall.bind.bind, "
        "flash_ticket.firewall.compile.pod_layer, flash_ticket.firewall.compile.vpc_layer; "
        "begin = time.perf_counter(); import flash_ticket.firewall.prove.proof, flash_ticket.report.proof; "
        "print(time.perf_counter() - begin)"
    )
    command = [sys.executable, "-c", code]
    return [
        float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - ours
        for _ in range(runs)
    ]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", default="100,1000,3000")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print("| declared | groups on | flows | median ms | spread ms | µs a service and flow |")
    print("|---|---|---:|---:|---:|---:|")
    for row in rows([int(number) for number in arguments.services.split(",")], arguments.runs):
        print(row, flush=True)
    imports = [1e3 * seconds for seconds in import_seconds(arguments.runs)]
    print(f"\nImports: {statistics.median(imports):.0f} ms ({min(imports):.0f}-{max(imports):.0f}).")


if __name__ == "__main__":
    main()
