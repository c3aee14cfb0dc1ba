"""``flash-firewall``, as tests and the demo call it on a lab: in its own process, without a terminal."""

import subprocess
from pathlib import Path

from lab.running.lab import Lab

Ran = subprocess.CompletedProcess[str]


def flash_firewall(lab: Lab, stack: str, program: Path, *arguments: str, **variables: str) -> Ran:
    """Run the command in a program's folder, and return its exit status and output.

    Args:
        lab: The lab with the stack's cluster and account.
        stack: The stack whose environment variables it gets; the command itself needs ``--stack``.
        program: A folder made by `lab.running.program.copy_program`, or one that the command only reads.
        arguments: Such as ``verify``, ``--stack``, ``dev``.
        variables: Environment variables that override the lab's.
    """
    return subprocess.run(  # noqa: S603 - this project's own command
        [str(lab.folder / "bin" / "flash-firewall"), *arguments],
        cwd=program,
        env={**lab.env(stack), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
