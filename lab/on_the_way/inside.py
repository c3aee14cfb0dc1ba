"""``python -m lab.on_the_way.inside`` runs within an enclosure: connections are tried while a firewall changes.

It is given its orders in JSON by `lab.packets.command`. It writes what it finds, a line of JSON for each verb.
"""

import json
import sys
from pathlib import Path
from typing import Any

from lab.enclosure.answer import exit_code, write_answer
from lab.node.enforcers.aws.agent import Denials, Mode
from lab.node.enforcers.cilium_settings import CiliumSettings, Switch
from lab.node.node import Node
from lab.node.programs import NodeError
from lab.on_the_way.journey import Journey
from lab.on_the_way.moments.aws import Moments
from lab.on_the_way.moments.cilium import CiliumMoments
from lab.on_the_way.moments.stage import Stage
from lab.on_the_way.probe import Probe
from lab.on_the_way.way import Way
from lab.packets.connections import allow_many_files
from lab.packets.declarations import ADDRESSES
from lab.running.engine import EngineError
from lab.running.lab import LabError
from lab.shop.start import running_node
from lab.toolchain.kits import Toolchain
from lab.toolchain.node_kits import Enforcer


def main() -> int:
    """Follow the orders of the first argument."""
    orders = json.loads(sys.argv[1])
    allow_many_files()
    measure = _measure if orders["mode"] else _travel
    return exit_code(lambda: measure(orders), NodeError, LabError, EngineError)


def _travel(orders: dict[str, Any]) -> None:
    stack, enforcer = orders["stacks"][0], Enforcer(orders["enforcer"])
    # At this rate, a line for each denial fills the memory, and takes the agent's time.
    with running_node(stack, enforcer, Denials.UNLOGGED, CiliumSettings(hubble=Switch.OFF)) as (lab, node):
        write_answer({"node": node.seconds, "way": orders["way"]})
        for row in Journey(lab, node, stack, Path(orders["matrix"]).read_text()).rows(Way(orders["way"])):
            write_answer({"stack": stack, **row.as_json()})


def _measure(orders: dict[str, Any]) -> None:
    toolchain = Toolchain(tuple(Path(folder) for folder in orders["folders"]), {}, {})
    enforcer, mode = Enforcer(orders["enforcer"]), Mode(orders["mode"])
    node = Node(toolchain, ADDRESSES, enforcer, mode, Denials.UNLOGGED, cilium=CiliumSettings(hubble=Switch.OFF))
    node.prepare()
    node.start()
    write_answer({"node": node.seconds, "mode": orders["mode"] if enforcer is Enforcer.AWS else str(enforcer)})
    with Probe.start() as probe:
        stage = Stage(node, probe)
        moments = CiliumMoments(stage) if enforcer is Enforcer.CILIUM else Moments(stage)
        for moment in moments.all():
            write_answer(moment.as_json())
            node.check()


if __name__ == "__main__":
    sys.exit(main())
