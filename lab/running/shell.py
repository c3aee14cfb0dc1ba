"""A lab that stays up, and the variables that point a shell at it."""

import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.running.engine import Engine
from lab.running.lab import FOREIGN, Lab
from lab.running.program import link_program

_REPOSITORY = Path(__file__).parents[2]


def stay_up(lab: Lab, changed: Mapping[str, str] | None = None) -> None:
    """Print what a shell needs, and wait until this process is interrupted.

    Args:
        lab: Which runs.
        changed: New contents for settings files of the program, by file name.

    Raises:
        EngineError: The stacks cannot be created.
    """
    program = link_program(_REPOSITORY, lab.folder / "program")
    for name, text in (changed or {}).items():
        (program / name).write_text(text)
    for stack in lab.kubeconfigs:
        Engine(lab, stack, program).make_stack()
    sys.stdout.write(
        "# Run this in another terminal. The folder links to the project, so your edits there take effect here:\n"
    )
    # What leads past the lab, such as AWS_PROFILE or AWS_CA_BUNDLE, may be in that terminal.
    sys.stdout.write(f"unset $(env | sed -nE 's/^(({'|'.join(FOREIGN)})[A-Za-z0-9_]*)=.*/\\1/p')\n")
    for name, value in lab.variables("dev").items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.write(f"cd {shlex.quote(str(program))}\n")
    sys.stdout.write("pulumi preview --stack dev\n")
    sys.stdout.write(f"# For the cluster of prod: export KUBECONFIG={shlex.quote(str(lab.kubeconfigs['prod']))}\n")
    sys.stdout.flush()
    sys.stderr.write("lab: running until Ctrl-C\n")
    signal.pause()
