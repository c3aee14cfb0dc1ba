"""The lab on the command line: ``python -m lab demo``, ``up``, ``tools`` and ``promtool``."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from lab.running.engine import Engine, EngineError
from lab.running.lab import Lab, LabError
from lab.running.program import link_program
from lab.story.demo import run_demo
from lab.toolchain.go_build import BuildError
from lab.toolchain.kits import provide
from lab.toolchain.promtool import PromtoolError, promtool

_REPOSITORY = Path(__file__).parent.parent


def main() -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=sys.modules["lab"].__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="keep a lab running until Ctrl-C, and print the variables that point programs at it")
    commands.add_parser("demo", help="preview, deploy, change and destroy dev and prod, and show what happens")
    commands.add_parser("tools", help="build the tools that the lab needs, if they are missing")
    commands.add_parser("promtool", help="fetch promtool, which tests the alert rules, if it is missing")
    arguments = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(ending, signal.default_int_handler)
    try:
        if arguments.command == "tools":
            provide()
        elif arguments.command == "promtool":
            _fetch_promtool()
        elif arguments.command == "demo":
            run_demo()
        else:
            _stay_up()
    except (BuildError, LabError, EngineError) as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    except KeyboardInterrupt:
        left = "the finished tools are kept" if arguments.command == "tools" else "nothing is left"
        sys.stderr.write(f"\nlab: ended, {left}\n")
    return 0


def _fetch_promtool() -> None:
    """Fetch it, or say that the tests of the alert rules are skipped. Nothing else needs it."""
    try:
        promtool()
    except PromtoolError as error:
        sys.stderr.write(f"lab: {error}: the tests of the alert rules are skipped\n")


def _stay_up() -> None:
    with Lab.start() as lab:
        program = link_program(_REPOSITORY, lab.folder / "program")
        for stack in lab.kubeconfigs:
            Engine(lab, stack, program).run("stack", "init", stack).checked()
        sys.stdout.write(
            "# Run this in another terminal. The folder links to the project, so your edits there take effect here:\n"
        )
        for name, value in lab.variables("dev").items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.write(f"cd {shlex.quote(str(program))}\n")
        sys.stdout.write("pulumi preview --stack dev\n")
        sys.stdout.write(f"# For the cluster of prod: export KUBECONFIG={shlex.quote(str(lab.kubeconfigs['prod']))}\n")
        sys.stdout.flush()
        sys.stderr.write("lab: running until Ctrl-C\n")
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
