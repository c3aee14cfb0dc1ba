"""Fill the disk that holds an engine's state, without any privileges."""

import contextlib
import resource
from pathlib import Path

from lab.running import child

_LEFT = 512
"""The bytes that a file may still hold: fewer than any state needs."""


def fill(mark: str) -> None:
    """Limit the engines with a mark to a few bytes for each file that they write, their state's included.

    The kernel then returns EFBIG and not ENOSPC (setrlimit(2), RLIMIT_FSIZE); the engine treats both like any error in
    writing. This destroys a state in files: the engine replaces it with the part that it could write, and replaces the
    backup the next time. The engine's plugins and its program have no such limit.
    """
    for process in child.find_marked(mark):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if Path(f"/proc/{process}/comm").read_text().strip() == "pulumi":
                resource.prlimit(process, resource.RLIMIT_FSIZE, (_LEFT, _LEFT))
