"""The content of a file that somebody names. Memory and time have a limit, whatever the name leads to.

A FIFO, a device or a socket may never answer, and a file may have no end. So none of them is read, and the read of a
file stops at a limit.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from flash_ticket.firewall.terms.folder import unreadable
from flash_ticket.firewall.terms.input_error import InputError

_CHUNK = 1 << 20


def read_regular(path: Path, most: int, source: str = "") -> bytes:
    """Return the bytes of a regular file.

    Args:
        path: The file. Symbolic links are followed.
        most: The highest number of bytes.
        source: The file's name in errors; by default its path.

    Raises:
        InputError: It is not a regular file, or it is larger than the limit.
        OSError: It cannot be read.
    """
    source = source or str(path)
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a FIFO waits without O_NONBLOCK
    try:
        found = os.fstat(opened)
        if found.st_rdev and found.st_rdev == Path(os.devnull).stat().st_rdev:
            return b""  # how people say that there is no such file, such as KUBECONFIG=/dev/null
        refuse_unless_regular(found, source)
        if found.st_size > most:
            raise _too_large(source, most)
        content = bytearray()
        while piece := os.read(opened, min(_CHUNK, most + 1 - len(content))):
            content += piece
            if len(content) > most:
                raise _too_large(source, most)
        return bytes(content)
    finally:
        os.close(opened)


def refuse_unless_regular(found: os.stat_result, source: str) -> None:
    """Refuse a FIFO, a device and a socket; reading a folder is an error of the operating system.

    Raises:
        InputError: The status is that of one of them.
    """
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        kind = next((word for is_kind, word in _KINDS if is_kind(found.st_mode)), "no file")
        raise InputError(source, "", f"the file cannot be read, because this is {kind}", "Name a regular file")


def refuse_unusual(paths: Iterable[Path], most: int) -> None:
    """Refuse settings that a client would read without end: a pipe, a device, or a very large file.

    A file that does not exist is left to the client.

    Raises:
        InputError: A file is one of them, or cannot be read.
    """
    for path in paths:
        try:
            read_regular(path, most)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unreadable(path, error) from None


_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _too_large(source: str, most: int) -> InputError:
    return InputError(source, "", f"the file is larger than {most:,} bytes", "Split or shorten it")
