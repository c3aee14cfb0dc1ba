"""Logs that are rotated while something reads them, as Cilium and the AWS agent rotate theirs.

Both write through the Go package lumberjack. It renames ``events.log`` to ``events-2026-11-24T03-01-00.000.log`` and
begins a new ``events.log``. It may compress the renamed file to ``...log.gz`` and then remove it. An open file stays
readable all along.
"""

import os
import re
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from flash_ticket.traffic.records.record import Reading

Identity = tuple[int, int]
"""The device and the number of a file: a renamed file keeps them."""

_STAMP = r"-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}"
PACKED = ".gz"
BEING_PACKED = ".gz.tmp"
"""The ending of a file that lumberjack still writes; the file that it compresses is there until then."""


def identity(status: os.stat_result) -> Identity:
    """Return the identity of a file."""
    return status.st_dev, status.st_ino


def earlier_files(path: Path) -> list[Path]:
    """Return the files that a log was rotated to, oldest first."""
    pattern = re.compile(re.escape(path.stem) + _STAMP + re.escape(path.suffix) + r"(?:\.gz)?")
    try:
        names = sorted(each.name for each in path.parent.iterdir() if pattern.fullmatch(each.name))
    except OSError:
        return []
    return [path.parent / name for name in names if not (name.endswith(PACKED) and name[: -len(PACKED)] in names)]


def is_between_rotations(path: Path) -> bool:
    """Return whether a log was renamed, and the next one has not begun yet."""
    return not path.exists() and bool(earlier_files(path))


def without_copies(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths without compressed copies of others, which are there for a moment after a rotation."""
    every = list(paths)
    known = set(every)
    for path in every:
        if path.name.endswith(BEING_PACKED) and path.with_name(path.name.removesuffix(BEING_PACKED)) in known:
            continue
        if path.suffix == PACKED and path.with_suffix("") in known:
            continue
        yield path


def opened(path: Path, stood: Identity | None, reading: Reading) -> BufferedReader | None:
    """Open a file; if a rotation has moved it since it was found, open it where it is now.

    Args:
        path: Where it was.
        stood: Its identity when it was found there; None if whatever is there now is wanted.
        reading: It gets a note if the file is gone.

    Raises:
        OSError: The file cannot be opened.
    """
    if stood is None:
        return path.open("rb")
    for candidate in (path, *earlier_files(path)):
        try:
            file = candidate.open("rb")
        except FileNotFoundError:
            continue
        if identity(os.fstat(file.fileno())) == stood:
            return file
        file.close()
    packed = path.with_name(path.name + PACKED)
    if packed.exists() and not path.exists():
        return packed.open("rb")
    reading.note(f"{path} was rotated away before it could be read, and what it contained is missing here. {_AGAIN}")
    return None


def note_rotation(path: Path, file: BufferedReader, reading: Reading) -> None:
    """Note whether a file was rotated, or cut, while it was read to its end."""
    status = os.fstat(file.fileno())
    if file.tell() > status.st_size:
        reading.note(f"{path} was cut while it was read, and a part of it may be missing here. {_AGAIN}")
        return
    try:
        is_same = identity(path.stat()) == identity(status)
    except OSError:
        is_same = False
    if not is_same:
        reading.note(f"{path} was rotated while it was read, and what came after that is not part of this. {_AGAIN}")


_AGAIN = "Run the command again, on the folder of the log"
