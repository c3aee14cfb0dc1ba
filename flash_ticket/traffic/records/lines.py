"""Lines of bytes from files or other sources, in batches that know their line numbers."""

import gzip
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import NamedTuple, Protocol

from flash_ticket.firewall.terms.folder import unreadable
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.records.record import Reading, Record, Scope
from flash_ticket.traffic.records.rotation import Identity, earlier_files, identity, note_rotation, opened

LONGEST_LINE = 1 << 20
"""In bytes; a longer line is malformed and is not held in memory. Container runtimes already cut lines at 16 KiB."""

GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of gzip (RFC 1952, 2.3.1)."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PER_BATCH = 1000


class Batch(NamedTuple):
    """Consecutive lines, with or without the final line feed.

    Attributes:
        source: The file.
        first: The number of the first line, from 1.
        lines: At most about a megabyte of them.
    """

    source: str
    first: int
    lines: list[bytes]

    def place(self, index: int) -> str:
        """Return the place of a line of the batch: ``hubble.log:17``."""
        return f"{self.source}:{self.first + index}"


class LineReader(Protocol):
    """A source of lines."""

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield the lines in order; a line that is too long counts as malformed and is left out.

        Raises:
            InputError: The source cannot be read, or not to its end.
        """


class RecordReader(Protocol):
    """One reading of the lines of one kind of log."""

    def __init__(self, scope: Scope, reading: Reading) -> None: ...

    def records(self, lines: LineReader) -> Iterator[Record]:
        """Yield the summed up records, each time when many kinds are held, and at the end."""


@dataclass(frozen=True, slots=True)
class LineLog:
    """A log of lines, and the reader for its kind."""

    name: str
    lines: LineReader
    reader: type[RecordReader]

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the summed up records of the log.

        Raises:
            InputError: The lines cannot be read.
        """
        return self.reader(scope, reading).records(self.lines)


@dataclass(frozen=True, slots=True)
class TextFiles:
    """Files, one after the other, plain or compressed with gzip, which their content shows.

    A file that is rotated before or while it is read is read to its end, and the reading gets a note.

    Attributes:
        stood: The identity of each file when it was found; empty if whatever is there now is wanted.
    """

    paths: tuple[Path, ...]
    stood: tuple[Identity, ...] = field(default=(), compare=False)

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield the lines of each file, numbered from 1."""
        for path, stood in itertools.zip_longest(self.paths, self.stood):
            try:
                file = opened(path, stood, reading)
                if file is not None:
                    with file:
                        yield from _batches(file, str(path), reading)
                        if stood is not None:
                            note_rotation(path, file, reading)
            except OSError as error:
                raise unreadable(path, error) from None


@dataclass(frozen=True, slots=True)
class FollowedFiles:
    """Files that are read again and again, each with the files that it was rotated to since.

    So no line is missed between two looks. A file that is gone at one look has been rotated, and comes back.
    """

    paths: tuple[Path, ...]

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield the lines of each file, numbered from 1, those of rotated files first."""
        families = ((*earlier_files(path), path) for path in self.paths)
        read: set[Identity] = set()
        gone: FileNotFoundError | None = None
        for path in dict.fromkeys(itertools.chain.from_iterable(families)):
            try:
                with path.open("rb") as file:
                    found = identity(os.fstat(file.fileno()))
                    if found not in read:
                        read.add(found)
                        yield from _batches(file, str(path), reading)
            except FileNotFoundError as error:
                gone = error
            except OSError as error:
                raise unreadable(path, error) from None
        if gone and not read:
            raise unreadable(self.paths[0], gone)


@dataclass(frozen=True, slots=True)
class GivenLines:
    """Lines that the caller provides, such as the answers of an API.

    Attributes:
        source: The name of the source in errors.
        lines: The lines, with or without a final line feed.
    """

    source: str
    lines: Iterable[bytes]

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield the lines in batches of a thousand."""
        del reading  # the caller already holds them in memory
        lines, number = iter(self.lines), 1
        while batch := list(itertools.islice(lines, _PER_BATCH)):
            yield Batch(self.source, number, batch)
            number += len(batch)


def unpacked(stream: BufferedReader) -> BufferedReader | gzip.GzipFile:
    """Return the stream, decompressed if it is compressed with gzip."""
    packed = stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    return gzip.GzipFile(fileobj=stream) if packed else stream


def _batches(stream: BufferedReader, source: str, reading: Reading) -> Iterator[Batch]:
    try:
        yield from _split(unpacked(stream), source, reading)
    except (EOFError, zlib.error) as error:
        raise InputError(
            source, "", f"is compressed with gzip, and is truncated or damaged: {error}", "Download the file again"
        ) from None


def _split(stream: BufferedReader | gzip.GzipFile, source: str, reading: Reading) -> Iterator[Batch]:
    rest, number, dropping = b"", 1, False
    for position, piece in enumerate(iter(lambda: stream.read1(LONGEST_LINE), b"")):
        # This is three times as fast as bytes.split, which checks each byte separately.
        lines = BytesIO(piece.removeprefix(_BYTE_ORDER_MARK if position == 0 else b"")).readlines()
        if lines:
            lines[0] = rest + lines[0]
            is_ended = lines[0].endswith(b"\n")
            if dropping or len(lines[0]) - is_ended > LONGEST_LINE:
                if not dropping:
                    reading.refuse(f"{source}:{number}", f"longer than {LONGEST_LINE:,} bytes")
                dropping = not is_ended
                number += is_ended
                del lines[0]
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if lines:
            yield Batch(source, number, lines)
            number += len(lines)
    if rest:
        yield Batch(source, number, [rest])
