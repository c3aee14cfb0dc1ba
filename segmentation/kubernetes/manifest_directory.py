"""The manifests in a directory, one object at a time, each knowing where it stands.

Read are the files that end in .yaml, .yml or .json, in all folders below; names that begin with a dot are left out, as
version control and Kubernetes volumes use them for their own. Symbolic links are followed, a loop is an error, and a
folder that several links lead to is read once.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from segmentation.input_error import InputError
from segmentation.kubernetes.yaml_text import read_yaml

SUFFIXES = (".yaml", ".yml", ".json")
LARGEST_BYTES = 64 << 20
DEEPEST_FOLDER = 100


class Manifest(NamedTuple):
    """One Kubernetes object as written.

    Attributes:
        source: The file that holds it, as given on the command line and below; ``memory`` for one that is in no file.
        place: Where in the file: ``line 12``, ``items[3]``; empty for the whole of a JSON file.
        body: The object.
    """

    source: str
    place: str
    body: dict[str, object]


def read_manifests(directory: Path) -> Iterator[Manifest]:
    """Yield every object of a directory (or of one file), the items of lists one by one, files in name order.

    Raises:
        InputError: The directory does not exist, is empty, holds no manifest, or loops; a file cannot be read, is too
            large, or is neither YAML nor JSON.
    """
    files = list(_files(directory))
    if not files:
        raise InputError(
            str(directory), "", "no .yaml, .yml or .json file is in this directory", "Name a directory of manifests"
        )
    for file in files:
        yield from _objects(file)


def _files(directory: Path) -> Iterator[Path]:
    if not directory.is_dir():
        if directory.exists():
            yield directory
            return
        raise InputError(str(directory), "", "no such directory", "Name a directory of manifests")
    real = os.path.realpath(directory)
    yield from _files_below(directory, (real,), {real})


def _files_below(directory: Path, above: tuple[str, ...], walked: set[str]) -> Iterator[Path]:
    """Yield the files of a directory and those below, a directory that several links lead to once."""
    if len(above) > DEEPEST_FOLDER:
        raise InputError(above[0], "", f"folders more than {DEEPEST_FOLDER} deep in one another", "Flatten them")
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(directory, error) from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        try:
            is_directory = entry.is_dir()
        except OSError as error:
            raise _unreadable(path, error) from None
        if is_directory:
            real = os.path.realpath(path)
            if real in above:
                raise InputError(str(path), "", f"a symbolic link that leads back to {real}", "Remove the link")
            if real not in walked:
                walked.add(real)
                yield from _files_below(path, (*above, real), walked)
        elif entry.name.endswith(SUFFIXES):
            yield path


def _objects(path: Path) -> Iterator[Manifest]:
    source = str(path)
    text = _text(path)
    if path.suffix == ".json" or text.lstrip()[:1] == "{":
        found = _json(text, source, strict=path.suffix == ".json")
        if found is not None:
            yield from _unpacked(Manifest(source, "", _mapping(found.value, source, "")))
            return
    for line, value in read_yaml(text, source):
        place = f"line {line}"
        yield from _unpacked(Manifest(source, place, _mapping(value, source, place)))


class _Json(NamedTuple):
    value: object


def _json(text: str, source: str, *, strict: bool) -> _Json | None:
    try:
        return _Json(json.loads(text))
    except RecursionError:
        raise InputError(source, "", "nested too deeply", "Flatten it") from None
    except ValueError as error:
        if not strict:
            return None
        raise InputError(source, "", f"not JSON: {error}", "Mend the file") from None


def _text(path: Path) -> str:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(str(path), "", "not a regular file", "Move it out of the directory")
        if found.st_size > LARGEST_BYTES:
            raise InputError(
                str(path),
                "",
                f"{found.st_size >> 20} MiB, and files of up to {LARGEST_BYTES >> 20} MiB are read",
                "Split the file",
            )
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start}", "not UTF-8 text", "Save the file as UTF-8") from None


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(str(path), "", f"cannot be read: {error.strerror}", "Make it readable or move it away")


def _mapping(value: object, source: str, place: str) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise InputError(
        source, place, f"a {type(value).__name__} where a Kubernetes object should be", "Write one object a document"
    )


def _unpacked(manifest: Manifest) -> Iterator[Manifest]:
    """Yield the object, or the items of a List or of a typed list such as PodList."""
    kind = manifest.body.get("kind")
    if not isinstance(kind, str) or not kind.endswith("List") or not isinstance(manifest.body.get("items", []), list):
        yield manifest
        return
    items = manifest.body.get("items") or []
    of = {"kind": kind.removesuffix("List"), "apiVersion": manifest.body.get("apiVersion")}
    for index, item in enumerate(items if isinstance(items, list) else []):
        place = f"{manifest.place} items[{index}]".lstrip()
        body = _mapping(item, manifest.source, place)
        if kind != "List" and "kind" not in body:
            body = {**of, **body}
        yield from _unpacked(Manifest(manifest.source, place, body))
