"""Logs from standard input. A private file holds them while they are read."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.records.lines import GZIP_MAGIC
from flash_ticket.traffic.records.record import Reading, Record, Scope
from flash_ticket.traffic.source import HEAD_BYTES, KINDS, kind_of, logs_in

_CHUNK_BYTES = 1 << 20


def _standard_input() -> BinaryIO:
    if sys.stdin is None:  # Python starts so if the shell has closed it: <&-
        raise InputError("-", "", "standard input is closed", "Pipe a log into this command, or name a file")
    return sys.stdin.buffer


@dataclass(frozen=True, slots=True)
class StandardInput:
    """A log of any kind. Its content shows which kind.

    The log needs a file, because a reader of Parquet begins at the end, and a pipe does not allow that. Implements
    ``flash_ticket.traffic.records.record.Log``. A caller can read it once.
    """

    stream: Callable[[], BinaryIO] = _standard_input

    @property
    def name(self) -> str:
        """Return the name that the user gave it."""
        return "-"

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield its records, then remove its copy.

        Raises:
            InputError: The input is not a log, or the disk has no room for it.
        """
        with TemporaryDirectory(prefix="flash-firewall-") as folder:
            path = Path(folder) / "standard input"
            try:
                with path.open("wb") as file:
                    self._keep_head(path, file)
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

    def _keep_head(self, path: Path, file: BinaryIO) -> None:
        """Keep the first bytes, and refuse what is not a log before an endless input fills the disk.

        Raises:
            InputError: The first bytes are those of no log.
        """
        head = self.stream().read(HEAD_BYTES)
        file.write(head)
        file.flush()
        if len(head) == HEAD_BYTES and not head.startswith(GZIP_MAGIC) and kind_of(path) is None:
            raise InputError("standard input", "", "is not a known kind of log", f"The known kinds are {KINDS}")


def _without(path: Path, place: str) -> str:
    return place.replace(str(path), "standard input", 1) if place.startswith(str(path)) else place
