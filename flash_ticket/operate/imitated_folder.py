"""A folder in which the program of another runs, with settings of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

_LEFT_OUT = {".git", ".pulumi", "__pycache__"}


def imitate(source: Path, target: Path, place_file: Callable[[Path, Path], object] = shutil.copy) -> None:
    """Make a folder run as another does, and so that what the engine writes into it does not reach the other.

    Folders (packages, the virtual environment) become links.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: An empty folder.
        place_file: What brings a file of the top folder into the new one; copies it by default.
    """
    for entry in source.resolve().iterdir():
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_dir():
            (target / entry.name).symlink_to(entry.resolve(), target_is_directory=True)
        else:
            place_file(entry, target / entry.name)
