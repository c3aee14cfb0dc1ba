"""A lock on a folder, so that two commands do not change it at the same time."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other command changes this project, and hold the others off until the block ends.

    The lock is on the folder, so that it leaves no file behind. A file system without locks does without.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("waiting: another flash-firewall is changing this project\n")
            fcntl.flock(opened, fcntl.LOCK_EX)
        except OSError:
            pass
        yield
    finally:
        os.close(opened)
