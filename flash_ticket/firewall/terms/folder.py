"""The files of a folder and of all folders below, as a person means them who names the folder.

Names that begin with a dot are left out, as version control and Kubernetes volumes use them for their own. Symbolic
links are followed, a loop is an error, and a folder that several links lead to is walked once.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from flash_ticket.firewall.terms.input_error import InputError

DEEPEST_FOLDER = 100


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file, in the order of their names.

    Raises:
        InputError: A folder cannot be read, a link leads back to a folder above it, or they go too deep.
    """
    real = os.path.realpath(folder)
    yield from _files_below(folder, (real,), {real})


def unreadable(source: Path | str, error: OSError) -> InputError:
    """Return the error for what the system does not let one read."""
    problem = f"cannot be read: {error.strerror or error}"
    return InputError(str(source), "", problem, "Make it readable or move it away")


def _files_below(folder: Path, above: tuple[str, ...], walked: set[str]) -> Iterator[Path]:
    if len(above) > DEEPEST_FOLDER:
        raise InputError(above[0], "", f"folders more than {DEEPEST_FOLDER} deep in one another", "Flatten them")
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
            raise InputError(str(path), "", f"a symbolic link that leads back to {real}", "Remove the link")
        if real not in walked:
            walked.add(real)
            yield from _files_below(path, (*above, real), walked)
