"""A folder with the present program and an earlier declaration."""

import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from flash_ticket.firewall.change.history import DeclaredVersion
from flash_ticket.firewall.declare.binding import BINDING_KEY, settings_path
from flash_ticket.firewall.declare.project_file import PROJECT_FILE
from flash_ticket.firewall.project import MATRIX_FILE, read_settings

_LEFT_OUT = {".git", ".pulumi", "__pycache__"}


def imitate(source: Path, target: Path, place_file: Callable[[Path, Path], object] = shutil.copy) -> None:
    """Make a folder that runs like another. What the engine writes into it does not change the other.

    Folders (packages, the virtual environment) become links. What is neither a folder nor a file is left out, such as
    an editor's lock, which is a link to nowhere.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: An empty folder.
        place_file: Puts a file of the top folder into the new folder. By default, it copies the file.
    """
    for entry in source.resolve().iterdir():
        if entry.name in _LEFT_OUT:
            continue
        try:
            kind = entry.stat().st_mode
        except OSError:
            continue
        if stat.S_ISDIR(kind):
            (target / entry.name).symlink_to(entry.resolve(), target_is_directory=True)
        elif stat.S_ISREG(kind):
            with suppress(FileNotFoundError):  # an editor's copy is removed while this looks
                _place(entry, target / entry.name, place_file)


def _place(entry: Path, target: Path, place_file: Callable[[Path, Path], object]) -> None:
    try:
        place_file(entry, target)
    except PermissionError:
        target.unlink(missing_ok=True)
        target.symlink_to(entry.resolve())  # its reader says that it cannot be read


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
        _write(Path(made) / MATRIX_FILE, dict(version.matrix))
        written = settings_path(folder, stack)
        # The keys beside config say how Pulumi encrypts the stack's secrets.
        document = yaml.safe_load(written.read_text(encoding="utf-8"))
        _write(Path(made) / written.name, {**document, "config": settings})
        if written.parent != folder:  # the folder of settings is a link, and nothing is written into it
            project = yaml.safe_load((folder / PROJECT_FILE).read_text(encoding="utf-8"))
            _write(Path(made) / PROJECT_FILE, {key: each for key, each in project.items() if key != "stackConfigDir"})
        yield Path(made)


def _write(path: Path, content: dict[str, object]) -> None:
    path.unlink(missing_ok=True)  # a copy may be read-only, like the file that it was made of
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
