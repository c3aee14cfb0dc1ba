"""``flash-firewall`` itself, as tests and demo call it on a lab: another process, with no terminal to ask at."""

import subprocess
import sys
from pathlib import Path

from lab.running.lab import Lab

Told = subprocess.CompletedProcess[str]


def flash_firewall(lab: Lab, stack: str, program: Path, *arguments: str, **variables: str) -> Told:
    """Run the command in a program's folder, and return how it exits and what it prints.

    Args:
        lab: Where the stack's cluster and account are.
        stack: Whose; the command itself is not told.
        program: A folder made by `lab.running.program.copy_program`, or one that the command only reads.
        arguments: Such as ``verify``, ``--stack``, ``dev``.
        variables: Of the environment, over those of the lab.
    """
    return subprocess.run(  # noqa: S603 - this project's own command
        [str(Path(sys.executable).with_name("flash-firewall")), *arguments],
        cwd=program,
        env={**lab.env(stack), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
