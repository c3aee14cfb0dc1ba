"""The present program with what was declared at another time, in a folder of its own."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from flash_ticket.firewall.change.history import DeclaredVersion
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.project import MATRIX_FILE, read_settings

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


@contextmanager
def declared_project(folder: Path, stack: str, version: DeclaredVersion) -> Iterator[Path]:
    """Give a folder that runs as the project's does, but declares a version, for the length of a block.

    What else the stack's settings say, suspensions too, is as it is now.

    Args:
        folder: The project's own, which is not written to.
        stack: Such as ``dev``.
        version: What is to be declared.

    Raises:
        InputError: The stack's settings cannot be read.
    """
    settings = {**read_settings(folder, stack), BINDING_KEY: dict(version.binding)}
    with TemporaryDirectory(prefix="flash-firewall-") as made:
        imitate(folder, Path(made))
        (Path(made) / MATRIX_FILE).write_text(yaml.safe_dump(dict(version.matrix), sort_keys=False), encoding="utf-8")
        _put_settings(Path(made) / stack_file(stack), settings)
        yield Path(made)


def _put_settings(path: Path, settings: dict[str, object]) -> None:
    # The keys beside config hold how the stack's secrets are encrypted.
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**document, "config": settings}, sort_keys=False), encoding="utf-8")
