"""The disk that an engine keeps its state on, full from one moment on; no rights are needed to fill it."""

import contextlib
import resource
from pathlib import Path

from lab.running import child

_LEFT = 512
"""Bytes that a file may still have: less than any state."""


def fill(mark: str) -> None:
    """Let the engines that carry a mark write no more than some bytes to any file, their state's included.

    The kernel then says EFBIG in place of ENOSPC (setrlimit(2), RLIMIT_FSIZE); the engine treats both as it treats any
    error in writing. A state in files is then lost: the engine puts what it could still write in its place, and next
    time in its backup's. Its plugins and its program are left as they are.
    """
    for process in child.find_marked(mark):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if Path(f"/proc/{process}/comm").read_text().strip() == "pulumi":
                resource.prlimit(process, resource.RLIMIT_FSIZE, (_LEFT, _LEFT))
