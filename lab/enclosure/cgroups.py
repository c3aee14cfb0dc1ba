"""The control groups of an enclosure: one folder in every hierarchy, under which kubelet makes those of pods."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "flash-lab-"
_ROOT = Path("/sys/fs/cgroup")
_COPIED = ("cpuset.cpus", "cpuset.mems")
_FIRST_SERVED = {"cpu.shares": "30000", "cpu.weight": "3000"}
"""The share of the processors, in versions 1 and 2: thirty times the default, as the session of the node has."""
_GONE_SECONDS = 10.0


def make(name: str) -> None:
    """Make the folders; those that a killed run of the past left are removed first."""
    for hierarchy in hierarchies():
        for folder in hierarchy.glob(f"{PREFIX}*"):
            if not Path(f"/proc/{folder.name.split('-')[2]}").exists():
                _remove(folder)
        folder = hierarchy / name
        folder.mkdir()
        for file in _COPIED:  # an empty set of processors takes no process
            if (folder / file).exists() and not (folder / file).read_text().strip():
                (folder / file).write_text((hierarchy / file).read_text())
        for file, share in _FIRST_SERVED.items():
            if (folder / file).exists():
                (folder / file).write_text(share)


def remove(name: str) -> None:
    """Remove the folders, as soon as no process is left in them.

    Raises:
        TimeoutError: A process stays.
    """
    end = time.monotonic() + _GONE_SECONDS
    while left := [folder for folder in _folders(name) if not _remove(folder)]:
        if time.monotonic() > end:
            raise TimeoutError(f"control groups cannot be removed: {', '.join(map(str, left))}")
        time.sleep(0.05)


def left() -> list[Path]:
    """Return the folders of all enclosures that are there."""
    return [folder for hierarchy in hierarchies() for folder in hierarchy.glob(f"{PREFIX}*")]


def hierarchies() -> Iterator[Path]:
    """Yield the root of each hierarchy: one for each controller of version 1, or the one of version 2."""
    if (_ROOT / "cgroup.procs").exists():
        yield _ROOT
    for folder in sorted(_ROOT.iterdir()):
        if (folder / "cgroup.procs").exists() and folder.is_mount():
            yield folder


def unified() -> Path | None:
    """Return the root of the hierarchy of version 2, or None."""
    return next((folder for folder in hierarchies() if (folder / "cgroup.controllers").exists()), None)


def _folders(name: str) -> list[Path]:
    return [hierarchy / name for hierarchy in hierarchies() if (hierarchy / name).exists()]


def _remove(folder: Path) -> bool:
    for top, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(top).rmdir()
    return not folder.exists()
