"""The forms in which connections can be written."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from flash_ticket.firewall.terms.connections import Connections
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report import graph, table, text
from flash_ticket.report import json_form as document


class Format(StrEnum):
    """A form of output."""

    TXT = "txt"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    DOT = "dot"
    SVG = "svg"
    HTML = "html"
    """A page of this project: matrix, proof and picture."""


def _svg(connections: Connections) -> Iterator[str]:
    from flash_ticket.report.picture.connection_picture import connections_svg  # noqa: PLC0415 - every verb reads the forms

    yield connections_svg(connections)


_WRITERS: Mapping[Format, Callable[[Connections], Iterator[str]]] = {
    Format.TXT: text.lines,
    Format.JSON: document.json_array,
    Format.CSV: table.csv_rows,
    Format.MD: table.markdown_rows,
    Format.DOT: graph.dot,
    Format.SVG: _svg,
}


def written(connections: Connections, form: Format) -> Iterator[str]:
    """Yield the pieces of a listing in a form, in order.

    Raises:
        InputError: There is too much for a picture, or the form is for this project alone.
    """
    if form is Format.HTML:
        raise InputError("--output", "html", "the page is of this project", "Leave out --dir, or choose another form")
    return _WRITERS[form](connections)
