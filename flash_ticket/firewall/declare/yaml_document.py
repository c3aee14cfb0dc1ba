"""One YAML document as plain values, without the pitfalls of YAML."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.terms.input_error import InputError, shown

MAX_BYTES = 10_000_000
"""More than ten times the size of a matrix of 1,000 services and 5,000 flows."""

MAX_DEPTH = 50
"""Levels of nesting. No file of the project comes near, and the parser in C overflows its stack at about 10,000."""


class _Loader(yaml.CSafeLoader):
    """A safe loader that refuses a key written twice, and reports values that would crash PyYAML."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - PyYAML's signature
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError):  # such as the date 2026-02-30
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"{shown(node.value)} cannot be read as {kind}", problem_mark=node.start_mark
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node)
                if key in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {shown(key)} appears twice",
                        problem_mark=key_node.start_mark,
                        note="Remove one of them",
                    )
                seen.add(key)
        return mapping


def read_document(path: Path) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the file's one document.

    Raises:
        InputError: The file is missing, unreadable, too large, not UTF-8 or not YAML, or has a key twice or an alias.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(path.name, "", f"the file is larger than {MAX_BYTES:,} bytes", "Split or shorten it")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            path.name, "", f"there is no such file in {path.parent.absolute()}", "Create it or name another"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path.name, "", f"the file cannot be read ({error})", "Make it a readable UTF-8 file") from None
    return parse_document(text, path.name)


def parse_document(text: str, source: str) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the text's one YAML document; errors name it ``source``.

    Raises:
        InputError: As ``read_document``.
    """
    try:
        _refuse_aliases_and_depth(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(
            source, where, error.problem or "this is not YAML", error.note or "Correct the YAML there"
        ) from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(source, "", f"this is not YAML: {problem}", "Correct the YAML") from None


def _refuse_aliases_and_depth(text: str) -> None:
    """Refuse what can grow without bound: aliases of aliases, and nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        mark: Any = event.start_mark  # the stubs know only the mark of the slower parser
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="an alias (*) is not allowed here", problem_mark=mark, note="Write its value out"
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"more than {MAX_DEPTH} levels of nesting are not allowed here",
                problem_mark=mark,
                note="Write it with fewer brackets or less indentation",
            )
