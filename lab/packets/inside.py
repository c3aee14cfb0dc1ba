"""``python -m lab.packets.inside`` runs within an enclosure: it starts a node and tries declarations on it.

It is given its orders in JSON by `lab.packets.command`. It writes what it finds, a line of JSON for each declaration.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flash_ticket.firewall.declare.choices import CniName
from lab.enclosure.answer import exit_code, write_answer
from lab.node.enforcers.aws.agent import Mode
from lab.node.enforcers.cilium_settings import CiliumSettings, Switch
from lab.node.node import Node
from lab.node.programs import NodeError
from lab.packets.connections import allow_many_files
from lab.packets.declarations import ADDRESSES, Declaration, attached, declared, random_declarations, variants
from lab.packets.layers import Layers
from lab.packets.oracle import Oracle
from lab.packets.probe import Probed, probed
from lab.packets.world import End, World
from lab.restarts.restarts import Restarts
from lab.toolchain.kits import Toolchain
from lab.toolchain.node_kits import Enforcer

_CNI = {
    Enforcer.AWS: CniName.VPC_CNI,
    Enforcer.KUBE_ROUTER: CniName.CALICO,
    Enforcer.CILIUM: CniName.CILIUM,
}
"""The network plug-in of a declaration, by the enforcer of the node: kube-router stands for Calico."""


def main() -> int:
    """Follow the orders of the first argument."""
    orders = json.loads(sys.argv[1])
    allow_many_files()
    toolchain = Toolchain(tuple(Path(folder) for folder in orders["folders"]), {}, {})
    enforcer, mode = Enforcer(orders["enforcer"]), Mode(orders["mode"])
    node = Node(toolchain, ADDRESSES, enforcer, mode, cilium=CiliumSettings(hubble=Switch.OFF))

    def run() -> None:
        node.prepare()
        node.start()
        write_answer({"node": node.seconds})
        world = World(node)
        oracle = Oracle(node, world, Layers(orders["layers"]))
        for number, declaration in enumerate(_declarations(orders)):
            write_answer(_tried(oracle, declaration, is_probed=number < orders["probe"]))
        for stack in orders["stacks"] if orders["restarts"] else ():
            restarts = Restarts(world, Path(orders["matrix"]), Path(orders["folder"]), stack, orders["interval"])
            for row in restarts.rows(orders["restarts"]):
                write_answer({"stack": stack, **row.as_json()})

    return exit_code(run, NodeError)


def _declarations(orders: dict[str, Any]) -> Iterator[Declaration]:
    if Mode(orders["mode"]) is Mode.STRICT:  # before its policies stand, not everything connects
        return
    matrix, folder, cni = Path(orders["matrix"]), Path(orders["folder"]), _CNI[Enforcer(orders["enforcer"])]
    for stack in orders["stacks"]:
        yield declared(matrix, folder, stack, cni)
    for stack in orders["stacks"] if orders["variants"] else ():
        yield from variants(matrix, folder, stack, cni)
        if Layers(orders["layers"]) is Layers.BOTH:
            yield from attached(matrix, folder, stack, cni)
    yield from random_declarations(orders["random"], orders["seed"], cni)


def _tried(oracle: Oracle, declaration: Declaration, *, is_probed: bool) -> dict[str, Any]:
    begun, runs = time.monotonic(), list[Probed]()

    def probe(ends: Sequence[End]) -> None:
        runs.extend(probed(declaration.firewall, oracle.node, oracle.world, ends))

    comparison = oracle.compare(declaration, probe if is_probed else None)
    counted = {name: value for name, value in asdict(comparison).items() if name != "differences"}
    return {
        "declaration": declaration.name,
        "site": str(declaration.site) if oracle.layers is Layers.BOTH else "",
        **counted,
        "seconds": round(time.monotonic() - begun, 1),
        "differences": [difference.row() for difference in comparison.differences],
        "probes": [run.row() for run in runs],
    }


if __name__ == "__main__":
    sys.exit(main())
