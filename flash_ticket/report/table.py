"""Tables for spreadsheets (CSV) and for documents (Markdown)."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from io import StringIO

from flash_ticket.firewall.terms.connections import Connections, words
from flash_ticket.firewall.terms.input_error import escaped

_HEAD = ("src", "dst", "conn")

_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%])")
"""Where a spreadsheet would read a formula: OWASP, "CSV Injection"; also after a semicolon, as a cell may end there."""

_MARKS = re.compile(r"[\\|`*_~]|(?<=\])(?=[(\[])")
"""What Markdown would read as markup: GitHub Flavored Markdown, 6; ``[Kind]`` alone is not a link."""


def csv_rows(connections: Connections) -> Iterator[str]:
    """Yield the connections as comma-separated values with a header."""
    return as_csv(_HEAD, _rows(connections))


def markdown_rows(connections: Connections) -> Iterator[str]:
    """Yield the connections as a Markdown table."""
    return as_markdown(_HEAD, _rows(connections))


def _rows(connections: Connections) -> Iterator[Sequence[str]]:
    for connection in connections:
        yield words(connection.source), words(connection.destination), str(connection.ports)


def as_csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as comma-separated values, quoted where necessary; no cell is a formula."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in (head, *rows):
        writer.writerow(_FORMULA.sub(r"\1'", escaped(each)) for each in row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def as_markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as a Markdown table; no cell contains markup."""
    yield f"| {' | '.join(head)} |\n"
    yield f"|{'|'.join('-' * (len(each) + 2) for each in head)}|\n"
    for row in rows:
        yield f"| {' | '.join(map(_plain, row))} |\n"


def _plain(cell: str) -> str:
    return escape(_MARKS.sub(r"\\\g<0>", escaped(cell)), quote=False)
