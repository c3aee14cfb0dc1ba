"""The files of the project at a revision of git."""

import getpass
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from flash_ticket.firewall.declare.fields import LONGEST_REASON
from flash_ticket.firewall.terms.input_error import InputError, refuse_all


@contextmanager
def files_at(project: Path, revision: str, names: tuple[str, ...]) -> Iterator[Path]:
    """Provide a folder with the project's files at a revision. The folder exists until the block ends.

    If the block raises InputError, the error names the revision beside the file.

    Raises:
        InputError: Git is not installed, the revision does not exist, or a file is missing in it.
    """
    with TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(_file_at(project, revision, name))
        try:
            yield Path(folder)
        except InputError as error:
            refuse_all(replace(each, source=f"{each.source} at {revision}") for each in error.each)


def _file_at(project: Path, revision: str, name: str) -> bytes:
    if revision.startswith("-"):
        raise InputError("--since", "", f"{revision} is not a revision", "Name a commit, tag or branch")
    try:
        shown = subprocess.run(  # noqa: S603 - a fixed command; the revision cannot be an option
            ["git", "-C", str(project), "cat-file", "blob", f"{revision}:./{name}"],  # noqa: S607 - PATH decides which git runs
            capture_output=True,
            check=True,
        )
    except FileNotFoundError:
        raise InputError("--since", "", "git is not installed", "Install it, or compare with --dir") from None
    except subprocess.CalledProcessError as error:
        problem = " ".join(error.stderr.decode(errors="replace").split()).rstrip(".")
        raise InputError("--since", revision, problem, "Name a commit, tag or branch that has the file") from None
    return shown.stdout


def commits_of(project: Path, names: tuple[str, ...], most: int) -> list[str]:
    """Return the last commits that changed these files of the project, newest first, or none without git."""
    command = ["git", "-C", str(project), "log", f"--max-count={most}", "--format=%h", "--", *names]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603 - a fixed command
    except FileNotFoundError:
        return []


def author() -> str:
    """Return the user's name, with the mail address if git has one.

    Nothing proves that the name is true. A ``?`` replaces each character that is not valid text.
    """
    name, address = (_git(f"user.{key}") for key in ("name", "email"))
    found = f"{name} <{address}>" if name and address else name or address
    return (found or _user()).encode("utf-8", "replace").decode()[:LONGEST_REASON]


def _git(key: str) -> str:
    try:
        asked = subprocess.run(["git", "config", key], capture_output=True, check=False)  # noqa: S603, S607 - a fixed command
    except FileNotFoundError:
        return ""
    return asked.stdout.decode("utf-8", "surrogateescape").strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user id without a name
        return "somebody without a name"
