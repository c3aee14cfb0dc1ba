"""A stand-in for a Pulumi program's folder, so that the engine never writes into the one that is kept.

The engine writes a stack's encryption salt into the stack's settings file.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

_LEFT_OUT = (".git", ".pulumi", "__pycache__")


def copy_program(source: Path, target: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Make ``target`` a folder that runs as ``source`` does now, and return it.

    The files of the top folder are copied, its folders (packages, the virtual environment) are links.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: A folder that does not exist.
        changed: File names of the top folder with the text to put in place of what they hold, such as ``traffic.yaml``.
    """
    _imitate(source, target, shutil.copy)
    for name, text in (changed or {}).items():
        (target / name).write_text(text)
    return target


def link_program(source: Path, target: Path) -> Path:
    """Make ``target`` a folder that runs as ``source`` does at any time, and return it; only settings are copied."""

    def place(entry: Path, link: Path) -> None:
        if entry.name.startswith("Pulumi."):
            shutil.copy(entry, link)
        else:
            link.symlink_to(entry.resolve())

    _imitate(source, target, place)
    return target


def _imitate(source: Path, target: Path, place_file: Callable[[Path, Path], object]) -> None:
    target.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_dir():
            (target / entry.name).symlink_to(entry.resolve(), target_is_directory=True)
        else:
            place_file(entry, target / entry.name)
