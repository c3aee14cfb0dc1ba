"""``flash-firewall denied --follow`` as it runs on the lab, and when it prints which denial."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).parents[2]
_MODULE = (sys.executable, "-m", "flash_ticket.cli.main", "denied")
_SECONDS = 120.0
_LOOK_SECONDS = 0.01

Denial = dict[str, Any]


def denied(arguments: Sequence[str], variables: dict[str, str]) -> Denial:
    """Run ``flash-firewall denied --output json`` once, and return its answer with its ``status``."""
    ran = subprocess.run(  # noqa: S603 - this project's own command
        [*_MODULE, *arguments, "--output", "json"],
        cwd=_REPOSITORY,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return {**(json.loads(ran.stdout) if ran.stdout else {}), "status": ran.returncode, "stderr": ran.stderr}


@dataclass(slots=True)
class Follower:
    """A running follower.

    Attributes:
        denials: What it printed so far, each with the moment by the clock of this process.
    """

    denials: list[tuple[float, Denial]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def start(cls, arguments: Sequence[str], variables: dict[str, str]) -> Iterator["Follower"]:
        """Follow for the length of a ``with`` block."""
        follower = cls()
        with subprocess.Popen(  # noqa: S603 - this project's own command
            [*_MODULE, *arguments, "--follow", "--output", "json"],
            cwd=_REPOSITORY,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            threading.Thread(target=follower._read, args=(process,), daemon=True).start()
            try:
                yield follower
            finally:
                process.terminate()

    def wait(self, since: float, ends: tuple[str, str, int]) -> float | None:
        """Return when a denial of a source, a destination and a port is printed after a moment; None if it is not."""
        return self._wait(since, lambda each: (each["src"], each.get("dst"), each.get("port")) == ends)

    def wait_for_name(self, since: float, source: str) -> float | None:
        """Return when a name that is refused to a source is printed after a moment; None if none is."""
        return self._wait(since, lambda each: each["src"] == source and "queries" in each)

    def _wait(self, since: float, is_wanted: Callable[[Denial], bool]) -> float | None:
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            for moment, denial in tuple(self.denials):
                if moment > since and is_wanted(denial):
                    return moment
            time.sleep(_LOOK_SECONDS)
        return None

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self.denials.append((time.monotonic(), json.loads(line)))
