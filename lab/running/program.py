"""A stand-in for the folder of a Pulumi program, so that the engine never writes into the real one.

The engine writes a stack's encryption salt into the stack's settings file.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from flash_ticket.operate.declared_project import imitate


def copy_program(source: Path, target: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Make ``target`` a copy of the program in ``source``, and return it.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: A folder that does not exist.
        changed: New contents for files of the top folder, such as ``traffic.yaml``, by file name.
    """
    target.mkdir(parents=True)
    imitate(source, target)
    for name, text in (changed or {}).items():
        (target / name).write_text(text)
    return target


def link_program(source: Path, target: Path) -> Path:
    """Make ``target`` a folder that links to the program in ``source``, and return it. Only settings are copied."""

    def place(entry: Path, link: Path) -> None:
        if entry.name.startswith("Pulumi."):
            shutil.copy(entry, link)
        else:
            link.symlink_to(entry.resolve())

    target.mkdir(parents=True)
    imitate(source, target, place)
    return target
