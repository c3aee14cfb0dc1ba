"""Rows for spreadsheets (CSV) and for documents (Markdown)."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from segmentation.connection import Connections, words

_HEAD = ("src", "dst", "conn")


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
    """Yield rows as comma-separated values, quoted where need be."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in (head, *rows):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def as_markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as a Markdown table."""
    yield f"| {' | '.join(head)} |\n"
    yield f"|{'|'.join('-' * (len(each) + 2) for each in head)}|\n"
    for row in rows:
        yield f"| {' | '.join(each.replace('|', chr(92) + '|') for each in row)} |\n"
