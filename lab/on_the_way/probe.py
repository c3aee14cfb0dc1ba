"""Connections that are tried all the time, by a process of their own, see `lab.on_the_way.prober`."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from lab.packets.connections import Attempt
from lab.running import child

_REPOSITORY = Path(__file__).parents[2]
_QUIET_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive attempts of one flow with the same result.

    Attributes:
        passed: Whether they passed.
        count: How many there are.
        first: When the first one began.
        last: When the last one began.
        gap: The longest time between the starts of two.
    """

    passed: bool
    count: int
    first: float
    last: float
    gap: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A connection that stays open.

    Attributes:
        silence: The longest time without an answer since the last look.
        quiet: The time since the last answer.
        ended: Why there is none any more; empty while it stands.
        answered: Whether anything ever came back.
    """

    silence: float
    quiet: float
    ended: str
    answered: bool

    @property
    def stands(self) -> bool:
        """Whether something still passes over it."""
        return self.answered and not self.ended and self.quiet < _QUIET_SECONDS


@dataclass(frozen=True, slots=True)
class Look:
    """What happened since the last look.

    Attributes:
        runs: The attempts of each flow.
        kept: The connection that each flow keeps, if it has one.
        ticks: When a round of attempts began.
    """

    runs: Mapping[int, tuple[Run, ...]]
    kept: Mapping[int, Kept]
    ticks: tuple[float, ...]

    def continued(self, later: "Look") -> "Look":
        """Return both looks as one. Between them nothing was tried for a moment: the longest gap may be that."""
        runs = {number: _joined(self.runs.get(number, ()), found) for number, found in later.runs.items()}
        kept = {
            number: replace(now, silence=max(now.silence, self.kept[number].silence)) if number in self.kept else now
            for number, now in later.kept.items()
        }
        return Look(runs, kept, self.ticks)

    @property
    def intervals(self) -> tuple[float, float]:
        """The median and the longest time between two rounds."""
        between = [later - former for former, later in pairwise(self.ticks)]
        return (median(between), max(between)) if between else (0.0, 0.0)


def _joined(runs: tuple[Run, ...], later: tuple[Run, ...]) -> tuple[Run, ...]:
    if not runs or not later or runs[-1].passed is not later[0].passed:
        return (*runs, *later)
    last, first = runs[-1], later[0]
    gap = max(last.gap, first.gap, first.first - last.last)
    return (*runs[:-1], Run(last.passed, last.count + first.count, last.first, first.last, gap), *later[1:])


@dataclass(slots=True)
class Probe:
    """A prober that runs. Flows have numbers that are never used twice."""

    _process: subprocess.Popen[str]
    _next: int = 0

    @classmethod
    @contextmanager
    def start(cls) -> Iterator["Probe"]:
        """Run a prober for the length of a ``with`` block."""
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.on_the_way.prober"],
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=child.die_with_parent,  # noqa: PLW1509 - one libc call
        )
        try:
            yield cls(process)
        finally:
            process.kill()
            process.communicate()

    def add(self, attempts: Iterable[Attempt], interval: float) -> list[int]:
        """Try connections from now on, each again after so many seconds, and return the number of each."""
        flows = [
            {
                "number": number,
                "namespace": str(attempt.source),
                "address": attempt.address,
                "port": attempt.port.first,
                "protocol": attempt.port.protocol.value,
            }
            for number, attempt in enumerate(attempts, self._next)
        ]
        self._next += len(flows)
        self._order({"flows": flows, "interval": interval})
        return [int(str(flow["number"])) for flow in flows]

    def remove(self, numbers: Iterable[int]) -> None:
        """Stop trying some flows, and close what they keep."""
        self._order({"without": list(numbers)})

    def keep(self, numbers: Iterable[int]) -> None:
        """Open a connection of each of some flows and keep it, unless one stands already."""
        self._order({"keep": list(numbers)})

    def look(self) -> Look:
        """Wait until each attempt has an end, and return what happened since the last look.

        Raises:
            OSError: The prober has ended.
        """
        return self._told({"look": True})

    def finish(self) -> Look:
        """Do the same, and stop all attempts.

        Raises:
            OSError: The prober has ended.
        """
        return self._told({"look": True, "finish": True})

    def _told(self, order: dict[str, Any]) -> Look:
        self._order(order)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise OSError(f"the prober has ended with {self._process.wait()}")
        seen: dict[str, Any] = json.loads(line)
        return Look(
            {int(number): tuple(Run(*run) for run in runs) for number, runs in seen["flows"].items()},
            {int(number): Kept(**kept) for number, kept in seen["kept"].items()},
            tuple(seen["ticks"]),
        )

    def _order(self, order: dict[str, Any]) -> None:
        if self._process.stdin:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
