"""New connections through both layers of the shop: ``python -m lab.bench.load [--rate 2000] [--seconds 60]``.

The shop runs on the lab's node, behind the network policy agent of AWS and an imitation of its VPC. Each declared flow
is called again and again. Three flows that nobody declares are tried as often, and so is one that is added and removed
all the time. The last lines compare how fast the flow log grows with how fast ``flash-firewall denied`` reads it, the
start of the command included.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from lab.enclosure.enclosure import enclosed, own_variables
from lab.enclosure.needs import missing
from lab.toolchain.kits import KITS, provide
from lab.toolchain.node_kits import node_kits

_MINUTE = 60.0


def main() -> int:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=2_000.0, help="declared connections in a second")
    parser.add_argument("--seconds", type=float, default=_MINUTE)
    parser.add_argument("--reads", type=int, default=3, help="how often the command reads the records")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    if lacking := missing():
        print(f"left out: {lacking}")
        return 0
    provide((*KITS, *node_kits()))  # nothing can be fetched inside
    orders = {name: getattr(arguments, name) for name in ("rate", "seconds", "reads")}
    command = [sys.executable, "-m", "lab.load.inside", json.dumps(orders)]
    with enclosed(command, own_variables(), subprocess.PIPE) as inside:
        output, _ = inside.communicate()
    if inside.returncode:
        return inside.returncode
    print(output if arguments.output == "json" else "\n".join(_words(json.loads(output))))
    return 0


def _words(found: dict[str, Any]) -> Iterator[str]:
    seconds = found["seconds"]
    yield "| source | destination | port | | tried | connected | lost | recorded as called |"
    yield "|---|---|---:|---|---:|---:|---:|---:|"
    opened = {(each["src"], each["dst"], each["port"]): each["count"] for each in found["opened"]}
    for flow in found["flows"]:
        lost = flow["tried"] - flow["connected"] if flow["kind"] == "declared" else ""
        recorded = opened.get((flow["src"], flow["dst"], flow["port"]), 0)
        cells = (flow["src"], flow["dst"], flow["port"], flow["kind"], flow["tried"], flow["connected"], lost, recorded)
        yield f"| {' | '.join(map(str, cells))} |"
    tried = {kind: sum(flow["tried"] for flow in found["flows"] if flow["kind"] == kind) for kind in _kinds(found)}
    counts = ", ".join(f"{count / seconds:,.0f} {kind}" for kind, count in tried.items())
    yield f"\nIn a second, over {seconds:.0f} s: {counts}; {found['asked']:,.0f} declared connections were asked for."
    yield f"A flow was added and removed {found['changes']} times. The caller's longest pause was {found['gap']:.2f} s."
    yield from _reading(found)


def _kinds(found: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(flow["kind"] for flow in found["flows"]))


def _reading(found: dict[str, Any]) -> Iterator[str]:
    yield f"The flow log grew by {found['lines']:,} lines, {found['bytes'] / 1e6:.1f} MB of Parquet."
    for name, answer in found["read"].items():
        middle, read = statistics.median(answer["seconds"]), answer["total"]["read"]
        spread = f"{min(answer['seconds']):.1f}-{max(answer['seconds']):.1f}"
        yield (
            f"denied reads the {name} in {middle:.1f} s ({spread}): {read:,} lines, {read / middle:,.0f} in a second, "
            f"{found['seconds'] / middle:.0f} times as fast as it grew. It lists:"
        )
        for denial in answer["denials"]:
            yield f"  {denial['src']} => {denial['dst']} : {denial['port']}: {denial['lines']:,} lines"


if __name__ == "__main__":
    sys.exit(main())
