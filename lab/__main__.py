"""The lab on the command line: ``python -m lab demo``, ``up``, ``tools`` and ``promtool``."""

import argparse
import signal
import sys

from lab.enclosure.enclosure import SHARED, enclosed, first_process, own_variables
from lab.enclosure.needs import missing
from lab.packets import command as packets
from lab.running.engine import EngineError
from lab.running.lab import Lab, LabError
from lab.running.shell import stay_up
from lab.story.demo import run_demo
from lab.story.packets import left_out
from lab.toolchain.go_build import BuildError
from lab.toolchain.kits import provide
from lab.toolchain.node_kits import Enforcer, node_kits
from lab.toolchain.prometheus import PrometheusError, promtool


def main() -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=sys.modules["lab"].__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    staying = commands.add_parser(
        "up", help="keep a lab running until Ctrl-C, and print the variables that point programs at it"
    )
    staying.add_argument("--node", action="store_true", help="run the shop's pods in dev, where a node can run")
    staying.add_argument(
        "--enforcer",
        choices=[each.value for each in Enforcer],
        default=Enforcer.AWS.value,
        help="what stops packets on the node",
    )
    commands.add_parser("demo", help="preview, deploy, change and destroy dev and prod, and show what happens")
    commands.add_parser("tools", help="build the tools that the lab needs, if they are missing")
    commands.add_parser(
        "promtool", help="fetch promtool and Prometheus, which test the alert rules, if they are missing"
    )
    trying = commands.add_parser("packets", help="try real connections on a real node, and compare with the analyzer")
    packets.add_arguments(trying)
    arguments = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(ending, signal.default_int_handler)
    try:
        if arguments.command == "tools":
            _make_tools()
        elif arguments.command == "promtool":
            _fetch_promtool()
        elif arguments.command == "packets":
            return packets.packets(arguments)
        elif arguments.command == "demo":
            run_demo()
        else:
            _stay_up(Enforcer(arguments.enforcer) if arguments.node else None)
    except (BuildError, LabError, EngineError) as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    except KeyboardInterrupt:
        left = "the finished tools are kept" if arguments.command == "tools" else "nothing is left"
        sys.stderr.write(f"\nlab: ended, {left}\n")
    return 0


def _make_tools() -> None:
    """Make the tools. Without those of the node only packets are left out."""
    provide()
    if not missing():
        try:
            provide(node_kits())
        except BuildError as error:
            sys.stderr.write(f"lab: {error}\nlab: packets are left out\n")


def _fetch_promtool() -> None:
    """Fetch both programs, or say that the tests of the alert rules are skipped. Nothing else needs it."""
    try:
        promtool()
    except PrometheusError as error:
        sys.stderr.write(f"lab: {error}: the tests of the alert rules are skipped\n")


def _stay_up(enforcer: Enforcer | None) -> None:
    """Keep a lab running; without an enforcer it has no node."""
    lacking = left_out(enforcer) if enforcer else ""
    if lacking:
        sys.stderr.write(f"lab: without pods that run: {lacking}\n")
    if lacking or enforcer is None:
        with Lab.start() as lab:
            stay_up(lab)
        return
    with enclosed([sys.executable, "-m", "lab.shop.shell", enforcer.value], own_variables()) as inside:
        shared = " ".join(f"--{each}" for each in SHARED)
        sys.stdout.write("# In dev, the shop's pods run. First enter the lab's namespaces, as root:\n")
        sys.stdout.write(f"nsenter --target {first_process(inside)} {shared} bash\n")
        sys.stdout.flush()
        if code := inside.wait():
            raise SystemExit(code)


if __name__ == "__main__":
    sys.exit(main())
