"""The progress of long work, on standard error."""

import math
import os
import resource
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_QUIET_SECONDS = 15.0
_TERMINAL_SECONDS = 1.0
_MINUTE = 60.0


def _standard_error() -> TextIO:
    return sys.stderr


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the work.

    Attributes:
        name: The name of the thing that the step makes.
        processor_seconds: About how much processor time it takes, or 0 if this is unknown.
    """

    name: str
    processor_seconds: float = 0.0


@dataclass(slots=True)
class Progress:
    """Shows which step runs, how long it has run, and what is left.

    On a terminal, it updates one line every second. Otherwise, it writes a new line every 15 seconds.

    Attributes:
        doing: The activity in each step, such as ``building``.
        steps: The steps in their order.
        stream: The stream to write to.
    """

    doing: str
    steps: Sequence[Step]
    stream: TextIO = field(default_factory=_standard_error)
    _number: int = 0
    _pace: float = field(default_factory=lambda: 1 / (os.cpu_count() or 1))  # seconds for each second of processor time

    @contextmanager
    def next(self) -> Iterator[None]:
        """Show the next step as running until the block ends."""
        self._number += 1
        done = threading.Event()
        start, used = time.monotonic(), _processor_seconds()
        ticker = threading.Thread(target=self._tick, args=(start, done), daemon=True)
        self._write(self._line("", 0.0))
        ticker.start()
        outcome = "failed after"
        try:
            yield
            outcome = "done in"
        finally:
            done.set()
            ticker.join()
            took, used = time.monotonic() - start, _processor_seconds() - used
            processor = ""
            if used >= 1:
                self._pace = took / used
                processor = f", {used:.0f} s of processor time"
            self._write(f"{self._label()}: {outcome} {took:.0f} s{processor}", last=True)

    def _tick(self, start: float, done: threading.Event) -> None:
        pause = _TERMINAL_SECONDS if self.stream.isatty() else _QUIET_SECONDS
        while not done.wait(pause):
            took = time.monotonic() - start
            self._write(self._line(f": {took:.0f} s", took))

    def _label(self) -> str:
        return f"lab: [{self._number} of {len(self.steps)}] {self.doing} {self.steps[self._number - 1].name} (once)"

    def _line(self, so_far: str, took: float) -> str:
        running, *others = self.steps[self._number - 1 :]
        seconds = max(0.0, running.processor_seconds * self._pace - took)
        seconds += sum(step.processor_seconds for step in others) * self._pace
        left = [f"about {math.ceil(seconds / _MINUTE)} min left"] if seconds else []
        left += [f"then {', '.join(step.name for step in others)}"] if others else []
        return "; ".join([self._label() + so_far, *left])

    def _write(self, line: str, *, last: bool = False) -> None:
        if self.stream.isatty():
            columns = shutil.get_terminal_size().columns
            shown = line if len(line) < columns else f"{line[: columns - 4]}..."
            self.stream.write(f"\r\033[K{shown}" + ("\n" if last else ""))
        else:
            self.stream.write(line + "\n")
        self.stream.flush()


def _processor_seconds() -> float:
    """Return the processor time of the ended child processes and of their own children, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
