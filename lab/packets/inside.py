"""``python -m lab.packets.inside`` runs within an enclosure: it starts a node and tries declarations on it.

It is given its orders in JSON by `lab.packets.command`. It writes what it finds, a line of JSON for each declaration.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.node.node import Node, NodeError
from lab.packets.connections import allow_many_files
from lab.packets.declarations import ADDRESSES, Declaration, declared, random_declarations, variants
from lab.packets.oracle import Comparison, Oracle
from lab.packets.world import World
from lab.toolchain.kits import Toolchain
from lab.toolchain.node_kits import Enforcer


def main() -> int:
    """Follow the orders of the first argument."""
    orders = json.loads(sys.argv[1])
    allow_many_files()
    toolchain = Toolchain(tuple(Path(folder) for folder in orders["folders"]), {}, {})
    node = Node(toolchain, ADDRESSES, Enforcer(orders["enforcer"]))
    try:
        node.prepare()
        node.start()
        _tell({"node": node.seconds})
        oracle = Oracle(node, World(node))
        for declaration in _declarations(orders):
            begun = time.monotonic()
            comparison = oracle.compare(declaration.firewall)
            _tell(_row(declaration, comparison, time.monotonic() - begun))
    except NodeError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    return 0


def _declarations(orders: dict[str, Any]) -> Iterator[Declaration]:
    for stack in orders["stacks"]:
        yield declared(Path(orders["matrix"]), Path(orders["folder"]), stack)
    for stack in orders["stacks"] if orders["variants"] else ():
        yield from variants(Path(orders["matrix"]), Path(orders["folder"]), stack)
    yield from random_declarations(orders["random"], orders["seed"])


def _row(declaration: Declaration, comparison: Comparison, seconds: float) -> dict[str, Any]:
    counted = {name: value for name, value in asdict(comparison).items() if name != "differences"}
    rows = [difference.row() for difference in comparison.differences]
    return {"declaration": declaration.name, **counted, "seconds": round(seconds, 1), "differences": rows}


def _tell(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
