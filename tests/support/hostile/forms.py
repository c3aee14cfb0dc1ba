"""The verbs of the command with their output formats, and checks that an answer in a format is harmless."""

import csv
import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import typer

from flash_ticket.cli.main import app

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_UNMARKED = re.compile(r"\\.")


def verbs() -> dict[str, tuple[str, ...]]:
    """Return each verb of the command with its output formats; ``""`` for a verb with only one."""
    command: Any = typer.main.get_command(app)
    return {name: _forms(command.get_command(None, name)) for name in command.list_commands(None)}


def _forms(verb: Any) -> tuple[str, ...]:  # noqa: ANN401 - typer brings a click of its own
    for option in verb.params:
        if option.name == "output":
            return tuple(str(each) for each in option.type.choices)
    return ("",)


def assert_lines(text: str) -> None:
    """Assert that no character of a text controls a terminal, changes direction or is invisible; tabs may indent."""
    assert all(line.lstrip("\t").isprintable() for line in text.split("\n")), text
    assert "\u3164" not in text


def _assert_json(text: str) -> None:
    json.loads(text, parse_constant=_no_number)
    assert text.isascii()


def _no_number(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def _assert_csv(text: str) -> None:
    for separator in ",;":
        for row in csv.reader(StringIO(text), delimiter=separator):
            assert not any(
                cell.lstrip(" '\"").startswith(_FORMULAS) and not cell.lstrip(' "').startswith("'") for cell in row
            ), row


def _assert_markdown(text: str) -> None:
    head, *rows = [_UNMARKED.sub("", line) for line in text.splitlines()]
    for row in rows:
        assert row.count("|") == head.count("|")
        assert not set(row) & set("<>`*~_"), row
        assert "](" not in row


def _assert_dot(text: str) -> None:
    bare = _QUOTED.sub("", text)
    assert not set(bare) & set('"<>\\') - {">"}, bare
    assert "URL" not in bare
    assert "evil" not in bare


def _assert_svg(text: str) -> None:
    for element in ET.fromstring(text).iter():  # noqa: S314 - it was drawn here
        assert element.tag.rpartition("}")[2] in {
            "svg",
            "title",
            "desc",
            "g",
            "rect",
            "path",
            "text",
            "tspan",
            "defs",
            "marker",
            "line",
            "circle",
            "style",
            "polygon",
            "polyline",
            "ellipse",
            "use",
            "symbol",
        }
        assert not any(name.startswith("on") or name.endswith("href") for name in element.attrib)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Mapping[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _assert_html(text: str) -> None:
    parser = _Elements()
    parser.feed(text)
    assert not {"script", "img", "iframe", "object", "embed"} & {tag for tag, _ in parser.found}
    for tag, attributes in parser.found:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert all(not (value or "").startswith(("javascript:", "http://evil")) for value in attributes.values())


HARMLESS: Mapping[str, Callable[[str], None]] = {
    "": assert_lines,
    "txt": assert_lines,
    "json": _assert_json,
    "csv": _assert_csv,
    "md": _assert_markdown,
    "dot": _assert_dot,
    "svg": _assert_svg,
    "html": _assert_html,
}
"""The check for a harmless answer, by format; ``assert_lines`` applies to all of them."""


def assert_harmless_in(form: str, text: str) -> None:
    """Assert that an answer in a format is harmless."""
    assert_lines(text)
    HARMLESS[form](text)
