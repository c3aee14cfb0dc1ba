"""One YAML document as plain values, with the traps of YAML closed."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from segmentation.input_error import InputError

MAX_BYTES = 10_000_000
"""More than ten times what a matrix of 1,000 services and 5,000 flows takes."""


class _Loader(yaml.CSafeLoader):
    """Refuses what YAML would resolve in silence: a key written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node)
                if key in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
                    )
                seen.add(key)
        return mapping


def read_document(path: Path) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the file's one document.

    Raises:
        InputError: The file is missing, unreadable, too large, not UTF-8, not YAML, holds a key twice or an alias.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(path.name, "", f"the file is larger than {MAX_BYTES:,} bytes", "Split or shorten it")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            path.name, "", f"there is no such file in {path.parent}", "Create it or name another"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path.name, "", f"the file cannot be read ({error})", "Make it a readable UTF-8 file") from None
    return parse_document(text, path.name)


def parse_document(text: str, source: str) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the text's one YAML document; ``source`` is the name that errors use.

    Raises:
        InputError: As ``read_document``.
    """
    try:
        _refuse_aliases(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(source, where, error.problem or "this is not YAML", "Correct the YAML there") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(source, "", f"this is not YAML: {problem}", "Correct the YAML") from None


def _refuse_aliases(text: str) -> None:
    """Nested aliases grow without bound once followed, and no file of ours needs one."""
    if "*" not in text:
        return
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            mark: Any = event.start_mark  # the stubs know only the mark of the slower parser
            raise yaml.MarkedYAMLError(problem="an alias (*) is not allowed here", problem_mark=mark)
