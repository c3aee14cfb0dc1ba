"""The files of a folder and of all folders below it.

Names that begin with a dot are left out, because version control and Kubernetes volumes use them internally. Symbolic
links are followed. A loop is an error. A folder that several links lead to is walked once.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from flash_ticket.firewall.terms.input_error import InputError

DEEPEST_FOLDER = 100


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file, sorted by name within each folder.

    Raises:
        InputError: A folder cannot be read, a link leads back to a folder above it, or folders are nested too deep.
    """
    real = os.path.realpath(folder)
    yield from _files_below(folder, (real,), {real})


def unreadable(source: Path | str, error: OSError) -> InputError:
    """Return the error for a file or folder that the operating system does not let us read."""
    problem = f"cannot be read: {error.strerror or error}"
    return InputError(str(source), "", problem, "Make it readable or move it away")


def _files_below(folder: Path, above: tuple[str, ...], walked: set[str]) -> Iterator[Path]:
    if len(above) > DEEPEST_FOLDER:
        raise InputError(above[0], "", f"folders are nested more than {DEEPEST_FOLDER} deep", "Flatten them")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(folder, error) from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            raise unreadable(path, error) from None
        if not is_folder:
            yield path
            continue
        real = os.path.realpath(path)
        if real in above:
            raise InputError(str(path), "", f"this symbolic link leads back to {real}", "Remove the link")
        if real not in walked:
            walked.add(real)
            yield from _files_below(path, (*above, real), walked)
