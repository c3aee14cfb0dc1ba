"""A stand-in for a Pulumi program's folder, so that the engine never writes into the one that is kept.

The engine writes a stack's encryption salt into the stack's settings file.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from flash_ticket.operate.declared_project import imitate


def copy_program(source: Path, target: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Make ``target`` a folder that runs as ``source`` does now, and return it.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: A folder that does not exist.
        changed: File names of the top folder with the text to put in place of what they hold, such as ``traffic.yaml``.
    """
    target.mkdir(parents=True)
    imitate(source, target)
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

    target.mkdir(parents=True)
    imitate(source, target, place)
    return target
