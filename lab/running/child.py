"""Child processes that end when their parent ends, however it ends."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
# Every process that the lab starts has this variable, so that the lab ends all of them.
MARK = "FLASH_FIREWALL_LAB"
LITTLE_GARBAGE = {"GOGC": "400"}
"""The environment of every program in Go: memory is cheaper than the seconds of a look for garbage."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends. Elsewhere than on Linux it does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(
    command: list[str], folder: Path, log: str, environment: Mapping[str, str] | None = None, output: int | None = None
) -> subprocess.Popen[str]:
    """Start a process in ``folder``; it logs to ``log`` there, and its standard output goes to ``output`` if given."""
    with (folder / log).open("w") as errors:
        return subprocess.Popen(  # noqa: S603 - the lab's own command lines
            command,
            cwd=folder,
            env={**os.environ, **LITTLE_GARBAGE, **(environment or {}), MARK: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=errors if output is None else output,
            stderr=errors,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one libc call, and no other thread has started yet
        )


def end_marked(folder: str) -> None:
    """Kill every process with the mark of a folder or of a folder below it, except this process (Linux only).

    This also finds what a killed engine leaves behind: the engine gives each plugin its own process group.
    """
    while marked := find_marked(folder):
        for process in marked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def find_marked(folder: str) -> list[int]:
    """Return the ids of the other running processes with the mark of a folder or of a folder below it."""
    wanted = f"{MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes()
        except OSError:
            continue  # it is another user's, or it has ended
        if wanted not in variables or int(entry.name) == os.getpid():
            continue
        if any(variable == wanted or variable.startswith(wanted + b"/") for variable in variables.split(b"\0")):
            found.append(int(entry.name))
    return found
