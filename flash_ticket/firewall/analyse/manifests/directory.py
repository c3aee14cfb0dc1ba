"""The manifests in a directory, one object at a time, each with its file and position.

The files end in .yaml, .yml or .json. ``flash_ticket.firewall.terms.folder`` decides which folders are searched.
"""

import json
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from flash_ticket.firewall.analyse.cluster import AnalysedCluster, Note, cluster_of
from flash_ticket.firewall.analyse.manifests.manifest import Manifest
from flash_ticket.firewall.terms.folder import files_below, unreadable
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.regular_file import read_regular
from flash_ticket.firewall.terms.yaml.reader import Aliases, Rules, read_yaml
from flash_ticket.firewall.terms.yaml.scalars import kubernetes_scalar

SUFFIXES = (".yaml", ".yml", ".json")
LARGEST_BYTES = 64 << 20

MANIFESTS = Rules(plain=kubernetes_scalar, key=str, aliases=Aliases.BOUNDED, deepest=200)


def read_cluster(directory: Path) -> AnalysedCluster:
    """Return the cluster that a directory of manifests (or one file) declares.

    Raises:
        InputError: The directory or a file in it cannot be read, or an object is invalid or appears twice.
    """
    cluster = cluster_of(read_manifests(directory))
    if cluster.policies:
        return cluster
    note = Note(str(directory), "NetworkPolicy", "these manifests contain no NetworkPolicy, so nothing is restricted")
    return replace(cluster, notes=(note, *cluster.notes))


def read_manifests(directory: Path) -> Iterator[Manifest]:
    """Yield every object of a directory (or of one file), the items of lists one by one, with files sorted by name.

    A document that is not an object, such as a list, becomes an object without content, so that a reader can name it.

    Raises:
        InputError: The directory does not exist, has no manifest, or has a loop of links; a file cannot be read, is
            too large, or is neither YAML nor JSON.
    """
    files = list(_files(directory))
    if not files:
        raise InputError(
            str(directory), "", "this directory has no .yaml, .yml or .json file", "Name a directory of manifests"
        )
    for file in files:
        yield from _objects(file)


def _files(directory: Path) -> Iterator[Path]:
    if not directory.is_dir():
        if directory.exists():
            yield directory
            return
        raise InputError(str(directory), "", "no such directory", "Name a directory of manifests")
    yield from (file for file in files_below(directory) if file.name.endswith(SUFFIXES))


def _objects(path: Path) -> Iterator[Manifest]:
    source = str(path)
    text = _text(path)
    if path.suffix == ".json" or text.lstrip()[:1] == "{":
        found = _json(text, source, strict=path.suffix == ".json")
        if found is not None:
            yield from _whole(found.value, source, "")
            return
    for line, value in read_yaml(text, source, MANIFESTS):
        if value is not None:
            yield from _whole(value, source, f"line {line}")


def _whole(value: object, source: str, place: str) -> Iterator[Manifest]:
    """Yield the objects of a document; what is not an object is named, and skipped like one without a kind."""
    if isinstance(value, dict):
        yield from _unpacked(Manifest(source, place, value))
    else:
        yield Manifest(source, f"{place or 'the document'}, a {_NAMES.get(type(value), 'plain value')}", {})


_NAMES: Mapping[type, str] = {list: "list", str: "text"}


class _Json(NamedTuple):
    value: object


def _json(text: str, source: str, *, strict: bool) -> _Json | None:
    try:
        return _Json(json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_number))
    except RecursionError:
        raise InputError(source, "", "nested too deeply", "Flatten it") from None
    except ValueError as error:
        if not strict:
            return None
        raise InputError(source, "", f"not JSON: {error}", "Correct the file") from None


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the members of an object; refuse a key written twice, which readers resolve differently (RFC 8259, 4)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {shown(twice)} is written twice")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")


def _text(path: Path) -> str:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(str(path), "", "not a regular file", "Move it out of the directory")
        if found.st_size > LARGEST_BYTES:
            raise InputError(
                str(path),
                "",
                f"the file has {found.st_size >> 20} MiB, and the limit is {LARGEST_BYTES >> 20} MiB",
                "Split the file",
            )
        # A file of the kernel says that it is empty, and may have no end.
        content = path.read_bytes() if found.st_size else read_regular(path, LARGEST_BYTES)
        return content.decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start}", "not UTF-8 text", "Save the file as UTF-8") from None


def _mapping(value: object, source: str, place: str) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise InputError(
        source,
        place,
        f"expected a Kubernetes object, found a {type(value).__name__}",
        "Write one object in each document",
    )


def _unpacked(manifest: Manifest) -> Iterator[Manifest]:
    """Yield the object, or the items of a List or of a typed list such as a PodList."""
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
