"""``python -m lab packets``: real connections on a real node, compared with the analyzer."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lab.enclosure.enclosure import enclosed, own_variables
from lab.enclosure.needs import missing
from lab.node.enforcers.aws.agent import Mode
from lab.on_the_way import table
from lab.on_the_way.way import Way
from lab.packets.layers import Layers
from lab.restarts import table as restarts_table
from lab.toolchain.kits import KITS, provide
from lab.toolchain.node_kits import Enforcer, node_kits

_REPOSITORY = Path(__file__).parents[2]
_SHOWN = 40
_AGREES, _DIFFERS, _CANNOT = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--matrix", type=Path, default=_REPOSITORY / "traffic.yaml", help="the declaration to try")
    parser.add_argument("--stack", action="append", help="a stack to try it in; by default dev")
    parser.add_argument("--enforcer", choices=[each.value for each in Enforcer], default=Enforcer.AWS.value)
    parser.add_argument(
        "--random", type=int, default=0, metavar="N", help="how many random declarations to try as well"
    )
    parser.add_argument("--seed", type=int, default=1, help="which random ones")
    parser.add_argument(
        "--variants",
        action="store_true",
        help="try each stack with NodeLocal DNS and with overlapping places as well; in both layers, also with each "
        "attachment, while it changes, with pods on one node, with rules of others, and with a second project",
    )
    parser.add_argument(
        "--layers",
        choices=[each.value for each in Layers],
        help="what is put in force: both layers, where lab/vpc imitates what AWS enforces in a VPC; or the pod layer "
        "alone. By default both, and the pod layer alone with an enforcer that is not of AWS",
    )
    parser.add_argument(
        "--probe", type=int, default=0, metavar="N", help="run the product's probe on the first N declarations as well"
    )
    parser.add_argument(
        "--restarts",
        type=int,
        default=0,
        metavar="N",
        help="as well, restart pods, add some and lose the node N times, behind both layers and without any",
    )
    parser.add_argument(
        "--interval",
        type=float,
        default=0.05,
        metavar="SECONDS",
        help="after how long each declared connection is tried again while pods restart",
    )
    parser.add_argument(
        "--mode",
        choices=[each.value for each in Mode],
        default=Mode.STANDARD.value,
        help="what the agent of AWS lets through before a new pod's policies are known; in strict mode nothing "
        "connects without policies, so only restarts are tried",
    )
    parser.add_argument(
        "--on-the-way",
        choices=[each.value for each in Way],
        const=Way.WHOLE.value,
        nargs="?",
        help="instead, try connections all the time while the engine deploys, changes and destroys the declaration",
    )
    parser.add_argument(
        "--moments",
        action="store_true",
        help="instead, measure what the agent of AWS in its two modes, or Cilium, does as pods and policies change",
    )
    parser.add_argument("--output", choices=("text", "json"), default="text")


def packets(arguments: argparse.Namespace) -> int:
    """Try declarations and print what came of it.

    The exit code is 1 where packets and analyzer differ or something is lost or opened on the way, and 2 where no
    packet can be tried.

    Raises:
        BuildError: A program of the node is missing and cannot be made.
    """
    enforcer, way = Enforcer(arguments.enforcer), arguments.on_the_way
    if arguments.moments and enforcer is Enforcer.KUBE_ROUTER:
        sys.stderr.write("lab: --moments measures an agent: give --enforcer aws or --enforcer cilium\n")
        return _CANNOT
    if enforcer is not Enforcer.AWS and (arguments.restarts or arguments.mode != Mode.STANDARD.value):
        sys.stderr.write("lab: --restarts and --mode need the agent of AWS: give --enforcer aws\n")
        return _CANNOT
    layers = Layers(arguments.layers) if arguments.layers else _layers_under(enforcer)
    if layers is Layers.BOTH and _layers_under(enforcer) is Layers.POD:
        sys.stderr.write("lab: --layers both needs the VPC CNI, which gives pods their groups: give --enforcer aws\n")
        return _CANNOT
    lacking = missing(enforcer)
    if lacking:
        sys.stderr.write(f"lab: {lacking}: packets cannot be tried here\n")
        return _CANNOT
    kits = node_kits(enforcer)
    orders = {
        "folders": [str(folder) for folder in provide((*KITS, *kits) if way else kits).folders],
        "enforcer": enforcer.value,
        "matrix": str(arguments.matrix.resolve()),
        "folder": str(_REPOSITORY),
        "stacks": arguments.stack or ["dev"],
        "variants": arguments.variants,
        "layers": layers.value,
        "probe": arguments.probe,
        "random": arguments.random,
        "seed": arguments.seed,
        "way": way,
        "restarts": arguments.restarts,
        "interval": arguments.interval,
        "mode": None if way else arguments.mode,
    }
    found: list[dict[str, Any]] = []
    code = 0
    for each in _enclosures(arguments, orders):
        module = "lab.on_the_way.inside" if way or arguments.moments else "lab.packets.inside"
        command = [sys.executable, "-m", module, json.dumps(each)]
        with enclosed(command, own_variables(), subprocess.PIPE) as inside:
            for line in map(json.loads, inside.stdout or ()):
                _show(line, arguments.output, is_first=not found)
                found.append(line)
            code = code or inside.wait()
    if arguments.output == "json":
        sys.stdout.write("]\n" if found else "[]\n")
    if code != 0:
        return _CANNOT
    return _AGREES if all(map(_holds, found)) else _DIFFERS


def _layers_under(enforcer: Enforcer) -> Layers:
    return Layers.BOTH if enforcer is Enforcer.AWS else Layers.POD


def _holds(line: dict[str, Any]) -> bool:
    if "restarts" in line:
        return restarts_table.holds(line)
    return table.holds(line) if "verb" in line else _agrees(line)


def _agrees(line: dict[str, Any]) -> bool:
    is_false = any(probe["false"] for probe in line.get("probes", ()))
    return not (line.get("differences") or line.get("unsaid") or is_false)


def _enclosures(arguments: argparse.Namespace, orders: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the orders of each enclosure: one has the node of one cluster, and an agent in one mode."""
    if arguments.moments:
        yield from ({**orders, "mode": mode.value} for mode in _modes(Enforcer(arguments.enforcer)))
    elif arguments.on_the_way:
        yield from ({**orders, "stacks": [stack]} for stack in orders["stacks"])
    else:
        yield orders


def _modes(enforcer: Enforcer) -> tuple[Mode, ...]:
    return tuple(Mode) if enforcer is Enforcer.AWS else (Mode.STANDARD,)


def _show(line: dict[str, Any], output: str, *, is_first: bool) -> None:
    """Print a line as soon as it is known: as text, or as an element of an array that begins and goes on here."""
    shown = [("[" if is_first else ",") + json.dumps(line)] if output == "json" else _words(line)
    for text in shown:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _words(line: dict[str, Any]) -> Iterator[str]:
    if "node" in line:
        yield "The node is ready: " + ", ".join(f"{what} {seconds} s" for what, seconds in line["node"].items())
        if "way" in line:
            yield table.HEADER
        if "mode" in line:
            yield f"The agent: {line['mode']}. Of each trial the median, the least and the most:"
        return
    if "verb" in line:
        yield from table.words(line)
        return
    if "moment" in line:
        yield table.moment_words(line)
        return
    if "restarts" in line:
        yield from restarts_table.words(line)
        return
    differences = line["differences"]
    yield (
        f"{line['declaration']}: {line['ends']} ends, {line['ports']} ports: {line['tried']} connections tried, "
        f"{line['tried'] - len(differences)} agree, {len(differences)} differ; {line['passing']} pass by the analyzer "
        f"({line['seconds']} s)"
    )
    if line["site"]:
        yield f"  {line['site']}: the analyzer stops {_counts(line['stopped'])}; packets: {_counts(line['dropped'])}"
    yield from _differing(differences)
    yield from (f"  passes, and the proof says that it cannot: {each}" for each in line["unsaid"][:_SHOWN])
    for probe in line["probes"]:
        listening = f"with {probe['silent']} silent" if probe["silent"] else "with everything listening"
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in probe["verdicts"].items() if count)
        yield f"  the probe {listening}: {verdicts}; {len(probe['false'])} of them false"
        yield from (f"    false: {each}" for each in probe["false"])
    if log := line["logged"]:
        missing, invented = len(log["missing"]), len(log["invented"])
        yield (
            f"  the agent's log: {missing} of {log['stopped']} stopped connections are missing, {invented} denials are "
            f"of nothing that was stopped, {log['malformed']} lines cannot be read"
        )


def _counts(layers: dict[str, int]) -> str:
    return ", ".join(f"{count} by {layer}" for layer, count in sorted(layers.items()))


def _differing(differences: list[dict[str, Any]]) -> Iterable[str]:
    for each in differences[:_SHOWN]:
        yield (
            f"  {each['source']} => {each['destination']} : {each['port']} {each['way']}: packets: {each['packets']}; "
            f"analyzer: {each['analyzer']}, because {each['because']}"
        )
    if len(differences) > _SHOWN:
        yield f"  and {len(differences) - _SHOWN} more"
