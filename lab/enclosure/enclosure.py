"""Runs a command in namespaces of its own, and leaves nothing behind however it ends.

The command has its own network, mounts, processes and host name. The kernel ends all of them when the command ends, or
when the process that started it is killed. The kernel keeps folders of control groups: `lab.enclosure.sweeper` removes
them.
"""

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.enclosure import cgroups
from lab.running.child import MARK, die_with_parent
from lab.running.lab import FOREIGN

NAME = "FLASH_FIREWALL_ENCLOSURE"
"""The variable that holds the enclosure's name, which is also that of its control groups."""

_REPOSITORY = Path(__file__).parents[2]
_END_SECONDS = 20.0
_LOOK_SECONDS = 0.05
SHARED = ("net", "mount", "pid", "uts", "ipc")
"""The kinds of namespaces that everything inside shares."""

_AUTOGROUP, _FIRST_SERVED = Path("/proc/self/autogroup"), "-15"
"""Linux shares the processors between sessions. What runs inside answers packets within milliseconds: it goes first."""

# The first process of the namespace inherits orphans: the shell collects them when they end.
_FIRST = '"$@" & wait $!'


def own_variables() -> dict[str, str]:
    """Return the caller's variables without those that lead to an account, a cluster or a proxy.

    There is no way to them, and the network policy agent of AWS ends at some of them.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.upper().endswith("_PROXY")
    }


def first_process(inside: subprocess.Popen[str]) -> int:
    """Return the first process of an enclosure, as this process sees it; others enter the namespaces by it."""
    children = Path(f"/proc/{inside.pid}/task/{inside.pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(_LOOK_SECONDS)
    return int(found[0])


def _begin() -> None:
    die_with_parent()
    with contextlib.suppress(OSError):  # a kernel without sessions that share, or no right to go first
        _AUTOGROUP.write_text(_FIRST_SERVED)


@contextmanager
def enclosed(
    command: list[str], environment: Mapping[str, str], output: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a command in an enclosure for the length of a ``with`` block; it ends with the block.

    Args:
        command: What to run.
        environment: All of its variables, except those that name the enclosure.
        output: Where its standard output goes; to the caller's own if None.
    """
    name = f"{cgroups.PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    sweeper = subprocess.Popen(  # noqa: S603 - this package's own module
        [sys.executable, "-m", "lab.enclosure.sweeper", name],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        start_new_session=True,  # an interrupt on the terminal is for the caller, and the sweeper outlives it
        text=True,
    )
    shared = [f"--{each}" for each in SHARED]
    unshare = ["unshare", *shared, "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    try:
        cgroups.make(name)
        inside = subprocess.Popen(  # noqa: S603 - the lab's own command lines
            [*unshare, "bash", "-c", _FIRST, "lab", *command],
            cwd=_REPOSITORY,
            env={**environment, NAME: name, MARK: name},
            stdin=subprocess.DEVNULL,
            stdout=output,
            text=True,
            start_new_session=True,
            preexec_fn=_begin,  # noqa: PLW1509 - two short calls, and no other thread has started yet
        )
        try:
            yield inside
        finally:
            with contextlib.suppress(ProcessLookupError):
                inside.kill()
            inside.wait()
    finally:
        sweeper.communicate(timeout=_END_SECONDS)
