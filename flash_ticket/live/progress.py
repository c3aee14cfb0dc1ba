"""What is read right now, shown at a terminal while somebody waits."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

from flash_ticket.firewall.terms.input_error import escaped

_RENEWED_SECONDS = 0.2


def _standard_error() -> TextIO:
    return sys.stderr


@dataclass(slots=True)
class Progress:
    """One line on a terminal, renewed as work goes on and wiped out at its end; elsewhere nothing is written.

    Attributes:
        stream: Where to write.
    """

    stream: TextIO = field(default_factory=_standard_error)
    _written: float | None = None

    def say(self, what: str) -> None:
        """Show what goes on; of many words in a short time, some."""
        now = time.monotonic()
        if self.stream.isatty() and (self._written is None or now - self._written > _RENEWED_SECONDS):
            self.stream.write(f"\r\033[K{escaped(what)}")
            self.stream.flush()
            self._written = now

    def end(self) -> None:
        """Wipe the line out."""
        if self._written is not None:
            self.stream.write("\r\033[K")
            self.stream.flush()
            self._written = None
