"""Reads the fields of a manifest. Each function returns the required type, or raises an error with the field's path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Never

from flash_ticket.firewall.terms.input_error import InputError

NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class FieldPath:
    """The file and object that contain a field, for errors.

    Attributes:
        source: The file.
        object: The object: ``line 12: NetworkPolicy shop/api``.
    """

    source: str
    object: str

    def fail(self, path: str, problem: str, remedy: str) -> Never:
        """Raise the InputError for the field at a path.

        Raises:
            InputError: Always.
        """
        raise InputError(self.source, f"{self.object}: {path}" if path else self.object, problem, remedy)


def mapping(value: object, path: str, place: FieldPath) -> Mapping[str, object]:
    """Return a mapping, empty if the field is null or missing."""
    if value is None:
        return NOTHING
    if not isinstance(value, dict):
        place.fail(path, f"expected a mapping, found {shown(value)}", "Write `key: value` pairs")
    return value


def items(value: object, path: str, place: FieldPath) -> list[object]:
    """Return a list, empty if the field is null or missing."""
    if value is None:
        return []
    if not isinstance(value, list):
        place.fail(path, f"expected a list, found {shown(value)}", "Begin each entry with a dash")
    return value


def mappings(value: object, path: str, place: FieldPath) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the path and the mapping of each entry of a list; a null entry is an empty mapping."""
    for index, entry in enumerate(items(value, path, place)):
        at = f"{path}[{index}]"
        yield at, mapping(entry, at, place)


def only(raw: Mapping[str, object], known: tuple[str, ...], path: str, place: FieldPath) -> None:
    """Refuse unknown fields: Kubernetes would drop them, which can turn a narrow rule into a wide one."""
    for key in raw:
        if key not in known:
            place.fail(f"{path}.{key}", "no such field", f"Use {', '.join(known)}")


def text(value: object, path: str, place: FieldPath) -> str:
    """Return a string."""
    if not isinstance(value, str):
        place.fail(path, f"expected a string, found {shown(value)}", "Write a string, in quotes if need be")
    return value


def strings(value: object, path: str, place: FieldPath) -> dict[str, str]:
    """Return a mapping of strings to strings, such as labels; empty if the field is null or missing."""
    found = mapping(value, path, place)
    for key, entry in found.items():
        if not isinstance(entry, str):
            place.fail(f"{path}.{key}", f"expected a string, found {shown(entry)}", "Put the value in quotes")
    return found  # type: ignore[return-value]  # the loop has checked every value


def shown(value: object) -> str:
    """Return a value for an error message, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    written = str(value).lower() if isinstance(value, bool) else repr(value)
    return written if len(written) <= 60 else f"{written[:57]}..."  # noqa: PLR2004  # a line's worth
