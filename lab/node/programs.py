"""The programs of a node: started, awaited, and reported with the end of their log when one ends."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.enclosure.mounts import RUN
from lab.node.api import ApiError
from lab.running import child
from lab.toolchain.kits import Toolchain

SECONDS = 180.0
"""How long a node waits for one of its parts, on a machine that others keep busy, too."""

_LOOK_SECONDS = 0.1
_LOG_CHARACTERS = 1500


class NodeError(Exception):
    """A part of the node does not start, or has ended; the message quotes its log."""


class LateError(NodeError):
    """Something is not there in time, while everything still runs."""


def write(name: str, content: object) -> None:
    """Write a file of settings into the lab's folder; JSON is YAML, too."""
    (RUN / name).write_text(json.dumps(content, indent=1))


@dataclass(slots=True)
class Programs:
    """What runs on a node.

    Attributes:
        toolchain: Where the programs are.
        seconds: When each step of the start was done, counted from the start.
        also: What else must hold while the node runs; each raises NodeError where it does not.
    """

    toolchain: Toolchain
    seconds: dict[str, float] = field(default_factory=dict)
    also: list[Callable[[], None]] = field(default_factory=list)
    _running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def run(self, name: str, executable: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Start a program of the toolchain. It logs to a file of its name."""
        command = [str(self.toolchain.path(executable)), *arguments]
        self.keep(name, child.start(command, RUN, f"{name}.log", environment))

    def keep(self, name: str, process: subprocess.Popen[str]) -> None:
        """Watch a process that was started elsewhere."""
        self._running[name] = process

    def kill(self, name: str) -> None:
        """Kill a program, and return when it has ended."""
        killed = self._running.pop(name)
        killed.kill()
        killed.wait()

    def check(self) -> None:
        """Check that everything still runs.

        Raises:
            NodeError: Something has ended, or does not do its work.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise NodeError(f"{name} has ended with {process.returncode}: {_said(name)}")
        for each in self.also:
            each()

    def wait(self, what: str, is_there: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Return as soon as something is there.

        Args:
            what: Its name.
            is_there: Says whether it is; an API server that does not answer counts as no.
            seconds: How long to wait.

        Raises:
            LateError: It is not there in time.
            NodeError: A program has ended meanwhile.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                if is_there():
                    return
            except (OSError, ApiError):
                pass  # not yet
            self.check()
            if time.monotonic() > end:
                raise LateError(f"{what} is not there after {seconds:.0f} s")
            time.sleep(_LOOK_SECONDS)

    def done(self, what: str) -> None:
        """Note when a step is done."""
        self.seconds[what] = round(time.monotonic() - self._begun, 1)


def _said(name: str) -> str:
    files = [RUN / f"{name}.log", RUN / "agent" / f"{name}.log"]
    return "".join(_end(file) for file in files if file.exists()).strip()


def _end(file: Path) -> str:
    return file.read_text(errors="replace")[-_LOG_CHARACTERS:]
