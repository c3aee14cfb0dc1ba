"""How long the proof takes for the shop and for many services, with groups on pods and on nodes.

    python -m lab.bench.proof [--services 100,1000,10000] [--runs 5]

Each run proves a compiled firewall again in a warm process, and reads its manifests too. As in the command, Python does
not look for garbage meanwhile. The column before the last should not grow: the work is proportional to the size of the
declaration. The last one is the most memory that the process held so far, the declaration and its compiled output too.
``imports`` is the time that the proof adds to a program that compiles.
"""

import gc
import resource
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.traffic_file import parse_matrix, read_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.report.proof import proof_text
from lab.bench.compile import SHOP, declaration, environment, print_table


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
            gc.collect()
            gc.disable()
            begin = time.perf_counter()
            proof = firewall.proof()
            text = proof_text(proof)
            seconds.append(time.perf_counter() - begin)
            gc.enable()
            if not proof.holds:
                raise SystemExit(text)
        middle, flows = statistics.median(seconds), len(firewall.matrix.flows)
        per = 1e6 * middle / (len(firewall.matrix.services) + flows)
        spread = f"{1e3 * min(seconds):.0f}-{1e3 * max(seconds):.0f}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield f"| {name} | {flows:,} | {1e3 * middle:.0f} | {spread} | {per:.0f} | {peak:.0f} |"


_IMPORTS = (
    "import time, flash_ticket.firewall.declare.traffic_file, flash_ticket.firewall.bind.bind, "
    "flash_ticket.firewall.compile.pod_layer, flash_ticket.firewall.compile.group_rules; "
    "begin = time.perf_counter(); import flash_ticket.firewall.prove.proof, flash_ticket.report.proof; "
    "print(time.perf_counter() - begin)"
)

if __name__ == "__main__":
    print_table(
        __doc__,
        "| declared | groups on | flows | median ms | spread ms | µs a service and flow | peak MiB |\n"
        "|---|---|---:|---:|---:|---:|---:|",
        rows,
        5,
        _IMPORTS,
    )
