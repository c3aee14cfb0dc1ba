"""What long work says while it runs, on standard error."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_QUIET_SECONDS = 15.0
_TERMINAL_SECONDS = 1.0


def _standard_error() -> TextIO:
    return sys.stderr


@dataclass(slots=True)
class Progress:
    """Counts steps and says, while one runs, which it is and for how long it has run.

    On a terminal the line is renewed every second; elsewhere a new line is written every 15 seconds.

    Attributes:
        total: How many steps there will be.
        stream: Where to write.
    """

    total: int
    stream: TextIO = field(default_factory=_standard_error)
    _number: int = 0

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say that ``what`` goes on until the block ends."""
        self._number += 1
        label = f"lab: [{self._number} of {self.total}] {what}"
        done = threading.Event()
        start = time.monotonic()
        ticker = threading.Thread(target=self._tick, args=(label, start, done), daemon=True)
        self._write(f"{label}...")
        ticker.start()
        try:
            yield
        except BaseException:
            done.set()
            ticker.join()
            self._write(f"{label}: failed after {time.monotonic() - start:.0f} s", last=True)
            raise
        done.set()
        ticker.join()
        self._write(f"{label}: done in {time.monotonic() - start:.0f} s", last=True)

    def _tick(self, label: str, start: float, done: threading.Event) -> None:
        pause = _TERMINAL_SECONDS if self.stream.isatty() else _QUIET_SECONDS
        while not done.wait(pause):
            self._write(f"{label}: {time.monotonic() - start:.0f} s")

    def _write(self, line: str, *, last: bool = False) -> None:
        if self.stream.isatty():
            self.stream.write(f"\r\033[K{line}" + ("\n" if last else ""))
        else:
            self.stream.write(line + "\n")
        self.stream.flush()
