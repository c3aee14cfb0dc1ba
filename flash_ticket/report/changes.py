"""Changes between two analyses, as text, JSON, CSV and Markdown."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from flash_ticket.firewall.terms.changes import Change
from flash_ticket.firewall.terms.connections import words
from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.report.json_form import ports_as_json
from flash_ticket.report.table import as_csv, as_markdown

_HEAD = ("change", "src", "dst", "before", "after")


class ChangeFormat(StrEnum):
    """An output format for changes."""

    TXT = "txt"
    JSON = "json"
    CSV = "csv"
    MD = "md"


def written_changes(changes: Sequence[Change], form: ChangeFormat) -> Iterator[str]:
    """Yield the pieces of a list of changes in a format, in order."""
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


_WRITERS: Mapping[ChangeFormat, Callable[[Sequence[Change]], Iterator[str]]] = {
    ChangeFormat.TXT: _text,
    ChangeFormat.JSON: _json,
    ChangeFormat.CSV: lambda changes: as_csv(_HEAD, map(_row, changes)),
    ChangeFormat.MD: lambda changes: as_markdown(_HEAD, map(_row, changes)),
}
