"""Logs that arrive on standard input, kept in a private file while they are read."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.records.record import Reading, Record, Scope
from flash_ticket.traffic.source import logs_in

_CHUNK_BYTES = 1 << 20


def _standard_input() -> BinaryIO:
    return sys.stdin.buffer


@dataclass(frozen=True, slots=True)
class StandardInput:
    """A log of any kind, known by its content: Parquet wants to be read from its end, which a pipe does not offer.

    Implements ``flash_ticket.traffic.records.record.Log``; it can be read once.
    """

    stream: Callable[[], BinaryIO] = _standard_input

    @property
    def name(self) -> str:
        """Return what the user named it."""
        return "-"

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield what it tells; its copy is removed then.

        Raises:
            InputError: It is no log, or there is no room for it.
        """
        with TemporaryDirectory(prefix="flash-firewall-") as folder:
            path = Path(folder) / "standard input"
            try:
                with path.open("wb") as file:
                    shutil.copyfileobj(self.stream(), file, _CHUNK_BYTES)
            except OSError as error:
                remedy = "Make room, or set TMPDIR to a folder with room"
                raise InputError("-", "", f"it cannot be kept in {folder}: {error.strerror}", remedy) from None
            try:
                for log in logs_in(path):
                    yield from log.records(scope, reading)
            except InputError as error:
                raise replace(error, source=_without(path, error.source)) from None
            reading.first_malformed = _without(path, reading.first_malformed)


def _without(path: Path, place: str) -> str:
    return place.replace(str(path), "standard input", 1) if place.startswith(str(path)) else place
