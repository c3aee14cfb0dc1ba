"""A copy of a Pulumi program to run, so that the engine never writes into the one that is kept."""

import shutil
from collections.abc import Mapping
from pathlib import Path

# The engine writes a stack's encryption salt into its settings file; the rest of the top folder may be changed by a test.
_LEFT_OUT = (".git", ".pulumi", "__pycache__")


def copy_program(source: Path, target: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Make ``target`` a folder that runs like ``source``, and return it.

    The files of the top folder are copied, its folders (packages, the virtual environment) are links.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: A folder that does not exist.
        changed: File names of the top folder with the text to put in place of what they hold, such as ``traffic.yaml``.
    """
    target.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_dir():
            (target / entry.name).symlink_to(entry.resolve(), target_is_directory=True)
        else:
            shutil.copy(entry, target / entry.name)
    for name, text in (changed or {}).items():
        (target / name).write_text(text)
    return target
