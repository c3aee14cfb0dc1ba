"""Edits the suspensions in the text of a settings file; every other byte stays as it is.

ruamel.yaml only finds the positions in the text. It does not write the text, because it would change the layout, line
ends and spaces of the rest.
"""

import re
from typing import Any, Final

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode

from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY, Suspension, Suspensions
from flash_ticket.firewall.terms.input_error import InputError

_LINE_END: Final = re.compile(r"\r\n?|\n|\Z")


def with_suspensions(text: str, suspensions: Suspensions, source: str) -> str:
    """Return a settings file with other suspensions.

    Args:
        text: The current text of the file.
        suspensions: The new suspensions; without any, the key is removed.
        source: The file's name, for the error.

    Raises:
        InputError: The keys under ``config:`` are not on separate lines.
    """
    try:
        root: Any = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}" if error.problem_mark else "config"
        raise InputError(source, where, error.problem or "this is not YAML", "Correct the YAML there") from None
    keys = root.value if isinstance(root, MappingNode) else ()
    found: Any = next((pair for pair in keys if pair[0].value == "config"), (None, None))
    title, config = found
    if not isinstance(config, MappingNode) or config.flow_style or config.start_mark.line == title.start_mark.line:
        raise InputError(source, "config", "its keys are not on separate lines", "Write one key per line")
    begin = end = _line_after(text, title.end_mark)
    for key, value in config.value:
        if key.value == SUSPENSIONS_KEY:
            begin, end = key.start_mark.index - key.start_mark.column, _line_after(text, _end_of(key, value))
    lines = _lines(suspensions, " " * config.start_mark.column)
    line_end = "\r\n" if "\r\n" in text else "\n"
    return text[:begin] + "".join(f"{line}{line_end}" for line in lines) + text[end:]


def _end_of(key: Any, value: Any) -> Any:  # noqa: ANN401 - nodes and a mark, which ruamel.yaml does not type
    """Return the end of a value; the own marks of blocks and empty values are after the comments that follow."""
    while isinstance(value, CollectionNode) and not value.flow_style:
        key, value = value.value[-1] if isinstance(value, MappingNode) else (value, value.value[-1])
    return value.end_mark if value.end_mark.index > value.start_mark.index else key.end_mark


def _line_after(text: str, mark: Any) -> int:  # noqa: ANN401 - as above
    """Return where the line after a mark begins; the end of a block scalar is after the blank lines that follow it."""
    index = len(text[: mark.index].rstrip()) if mark.column == 0 else mark.index
    found = _LINE_END.search(text, index)
    return found.end() if found else len(text)


def _lines(suspensions: Suspensions, indent: str) -> list[str]:
    items = [f"{indent}  - {{{_entry(each)}}}" for each in suspensions.listed]
    return [f"{indent}{SUSPENSIONS_KEY}:", *items] if items else []


def _entry(suspension: Suspension) -> str:
    said = {"policy": suspension.policy, "until": suspension.end, "reason": suspension.reason}
    return ", ".join(f"{key}: {_quoted(text)}" for key, text in {**said, "author": suspension.author}.items())


def _quoted(text: str) -> str:
    """Return any text in quotes, on one line and in ASCII."""
    return str(yaml.safe_dump(text, default_style='"', width=10_000)).rstrip("\n")
