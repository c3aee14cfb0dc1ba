"""Compares two objects of an API, of any kind, field by field."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs.

    Attributes:
        path: Dotted, with indices: ``spec.egress[0].ports[0].port``. The index is that of the declared list.
        declared: The declared value as JSON; None if there is none.
        live: The live value as JSON; None if there is none.
    """

    path: str
    declared: str | None
    live: str | None


_NOTHING: Final = object()


def differences(declared: object, live: object, path: str = "") -> tuple[Difference, ...]:
    """Return the differences between two objects of JSON values, in the order of the declared one.

    Lists are compared as sets, because order has no meaning in policies and attachments. Entries that are in only one
    list are paired in order: the first with the first, and so on.
    """
    return tuple(_differences(declared, live, path))


def declared_part(declared: Mapping[str, object], live: Mapping[str, object]) -> dict[str, object]:
    """Return the declared keys of a live mapping: others may add their own labels and annotations."""
    return {key: live[key] for key in declared if key in live}


def _differences(declared: object, live: object, path: str) -> Iterator[Difference]:
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        for key in dict.fromkeys((*declared, *live)):
            yield from _differences(declared.get(key, _NOTHING), live.get(key, _NOTHING), _below(path, key))
    elif isinstance(declared, list) and isinstance(live, list):
        yield from _of_lists(declared, live, path)
    elif not _are_same(declared, live):
        yield Difference(path, _written(declared), _written(live))


def _of_lists(declared: Sequence[object], live: Sequence[object], path: str) -> Iterator[Difference]:
    ours, theirs = _lacking(declared, live), _lacking(live, declared)
    for (index, mine), (other, found) in zip_longest(ours, theirs, fillvalue=(-1, _NOTHING)):
        yield from _differences(mine, found, f"{path}[{index if mine is not _NOTHING else other}]")


def _lacking(entries: Sequence[object], others: Sequence[object]) -> list[tuple[int, object]]:
    """Return the entries, with their indices, that have no equal partner among the others."""
    left, found = [_key(each) for each in others], []
    for index, entry in enumerate(entries):
        key = _key(entry)
        if key in left:
            left.remove(key)
        else:
            found.append((index, entry))
    return found


def _key(value: object) -> str:
    """Return a text that is equal for equivalent values."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_key(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(_key, value))) + "]"
    return json.dumps(value)


def _are_same(one: object, other: object) -> bool:
    if one is _NOTHING or other is _NOTHING:
        return one is other
    return _key(one) == _key(other)


def _written(value: object) -> str | None:
    return None if value is _NOTHING else json.dumps(value)


def _below(path: str, key: str) -> str:
    # A key with dots, such as a label's key, is written in brackets; kubectl's JSONPath escapes it differently.
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key
