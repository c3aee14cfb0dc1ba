"""A folder with the present program and an earlier declaration."""

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
    """Make a folder that runs like another. What the engine writes into it does not change the other.

    Folders (packages, the virtual environment) become links.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: An empty folder.
        place_file: Puts a file of the top folder into the new folder. By default, it copies the file.
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
    """Provide a folder that runs like the project's folder, but declares a version. It exists until the block ends.

    The other settings of the stack, such as suspensions, stay as they are now.

    Args:
        folder: The project's folder. This does not write to it.
        stack: The stack, such as ``dev``.
        version: The version to declare.

    Raises:
        InputError: The stack's settings are not readable.
    """
    settings = {**read_settings(folder, stack), BINDING_KEY: dict(version.binding)}
    with TemporaryDirectory(prefix="flash-firewall-") as made:
        imitate(folder, Path(made))
        (Path(made) / MATRIX_FILE).write_text(yaml.safe_dump(dict(version.matrix), sort_keys=False), encoding="utf-8")
        _put_settings(Path(made) / stack_file(stack), settings)
        yield Path(made)


def _put_settings(path: Path, settings: dict[str, object]) -> None:
    # The keys beside config say how Pulumi encrypts the stack's secrets.
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**document, "config": settings}, sort_keys=False), encoding="utf-8")
