"""Shows on a terminal what the program reads right now."""

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
    """One line on a terminal. It changes during the work and disappears at the end.

    If the stream is not a terminal, this writes nothing.

    Attributes:
        stream: The stream to write to.
    """

    stream: TextIO = field(default_factory=_standard_error)
    _written: float | None = None

    def say(self, what: str) -> None:
        """Show what the program does. If the text changes too often, skip some texts."""
        now = time.monotonic()
        if self.stream.isatty() and (self._written is None or now - self._written > _RENEWED_SECONDS):
            self.stream.write(f"\r\033[K{escaped(what)}")
            self.stream.flush()
            self._written = now

    def end(self) -> None:
        """Clear the line."""
        if self._written is not None:
            self.stream.write("\r\033[K")
            self.stream.flush()
            self._written = None
