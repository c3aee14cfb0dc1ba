"""Changes between two analyses, as text, JSON, CSV, Markdown, a graph and a picture."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from flash_ticket.firewall.terms.changes import Change, ChangeKind
from flash_ticket.firewall.terms.connections import words
from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.report.connections import quoted
from flash_ticket.report.json_form import ports_as_json
from flash_ticket.report.picture.connection_picture import change_label, changes_svg
from flash_ticket.report.table import as_csv, as_markdown

_HEAD = ("change", "src", "dst", "before", "after")


class ChangeFormat(StrEnum):
    """An output format for changes."""

    TXT = "txt"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    DOT = "dot"
    SVG = "svg"


def written_changes(changes: Sequence[Change], form: ChangeFormat) -> Iterator[str]:
    """Yield the pieces of a list of changes in a format, in order.

    Raises:
        InputError: There are too many changes for a picture.
    """
    return _WRITERS[form](changes)


def _text(changes: Sequence[Change]) -> Iterator[str]:
    yield escaped_lines(map(str, changes)) if changes else "no connection differs\n"


def _json(changes: Sequence[Change]) -> Iterator[str]:
    entries = [
        {
            **dict(zip(_HEAD, _row(change), strict=True)),
            "opened": ports_as_json(change.opened),
            "closed": ports_as_json(change.closed),
        }
        for change in changes
    ]
    yield json.dumps(entries, indent=2) + "\n"


def _row(change: Change) -> Sequence[str]:
    return change.kind.value, words(change.source), words(change.destination), str(change.before), str(change.after)


_COLORS = {ChangeKind.ADDED: "#b3261e", ChangeKind.REMOVED: "#1b6e3c", ChangeKind.CHANGED: "#8a5a00"}
"""An added connection stands out: it is what a reviewer must see."""


def _dot(changes: Sequence[Change]) -> Iterator[str]:
    yield "digraph {\n"
    for party in sorted({words(each) for change in changes for each in (change.source, change.destination)}):
        yield f"\t{quoted(party)}\n"
    for change in changes:
        color = quoted(_COLORS[change.kind])
        ends = f"{quoted(words(change.source))} -> {quoted(words(change.destination))}"
        yield f"\t{ends} [label={quoted(change_label(change))} color={color} fontcolor={color}]\n"
    yield "}\n"


def _svg(changes: Sequence[Change]) -> Iterator[str]:
    yield changes_svg(changes)


_WRITERS: Mapping[ChangeFormat, Callable[[Sequence[Change]], Iterator[str]]] = {
    ChangeFormat.TXT: _text,
    ChangeFormat.JSON: _json,
    ChangeFormat.CSV: lambda changes: as_csv(_HEAD, map(_row, changes)),
    ChangeFormat.MD: lambda changes: as_markdown(_HEAD, map(_row, changes)),
    ChangeFormat.DOT: _dot,
    ChangeFormat.SVG: _svg,
}
