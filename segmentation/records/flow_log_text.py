"""Flow logs as text: fields between spaces, named by the first line of each file, plain or packed with gzip.

Source: Amazon VPC User Guide, "Flow log files". A custom format may name any fields in any order.
"""

import gzip
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from segmentation.input_error import InputError, shown
from segmentation.records.file_name_pattern import exactly
from segmentation.records.flow_log_query import NEEDED_FIELDS, NUMBER_FIELDS, TEXT_FIELDS, column, literal
from segmentation.records.lines import GZIP_MAGIC, unreadable

_LONGEST_HEADER: Final = 1 << 16

# Where one of these is no number, it is missing, and that is wrong; another may be missing, so it gets a wrong value.
_TIMES_AND_PROTOCOL: Final = {"start", "end", "protocol"}

_NO_DELIMITER: Final = "\x01\x02\x03\x04"

_Form = tuple[tuple[str, ...], bool]


def text_table(paths: Sequence[Path]) -> str:
    """Return what stands after FROM in DuckDB for these files, each read by its own first line.

    A line is read as a whole and cut at its spaces: so it is known where it stands, and one with a field too many is
    malformed by itself.

    Raises:
        InputError: A file cannot be read, or its first line lacks a field.
    """
    return _union(paths, placed=False)


def placed_text_table(path: Path) -> str:
    """Return the same of one file with the columns ``file``, ``row`` (which orders its lines) and ``line``."""
    return _union([path], placed=True)


def line_number(path: Path, line: str) -> int:
    """Return where in a file a line first stands, from 1."""
    wanted = line.encode("latin-1")
    with path.open("rb") as file:
        packed = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
        lines = gzip.GzipFile(fileobj=file) if packed else file
        return next((number for number, text in enumerate(lines, 1) if text.rstrip(b"\r\n") == wanted), 0)


def column_count_problem(path: Path, line: str) -> str:
    """Return what is wrong with a line's number of fields; empty where it is right."""
    fields, given = len(_header(path)[0]), len(line.split(" "))
    return "" if given == fields else f"it has {given} fields, and the first line names {fields}"


def _union(paths: Sequence[Path], *, placed: bool) -> str:
    forms: dict[_Form, list[Path]] = defaultdict(list)
    for path in paths:
        forms[_header(path)].append(path)
    return f"({' UNION ALL '.join(_select(form, found, placed=placed) for form, found in forms.items())})"


def _header(path: Path) -> _Form:
    """Return the fields that the first line of a file names, and whether the file is packed."""
    try:
        with path.open("rb") as file:
            packed = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
            line = (gzip.GzipFile(fileobj=file) if packed else file).readline(_LONGEST_HEADER)
    except (EOFError, zlib.error) as error:
        problem = f"is packed with gzip and cut short or damaged: {error}"
        raise InputError(str(path), "", problem, "Fetch the file again") from None
    except OSError as error:
        raise unreadable(str(path), error) from None
    fields = tuple(line.decode("latin-1").rstrip("\r\n").split(" "))
    if not set(fields) & {*NEEDED_FIELDS, "version", "account-id"}:
        problem = f"the first line names no field of a flow log: {shown(' '.join(fields))}"
        raise InputError(str(path), "", problem, "Give files that begin with the names of their fields, as S3 has them")
    for field in NEEDED_FIELDS:
        if field not in fields:
            problem = "the first line does not name this field, without which traffic cannot be told"
            raise InputError(str(path), field, problem, "Leave the file out, and record the field from now on")
    return fields, packed


def _select(form: _Form, paths: Sequence[Path], *, placed: bool) -> str:
    fields, packed = form
    columns = ", ".join(_columns(fields))
    place = ', filename AS file, "row", line' if placed else ""
    number = ', row_number() OVER () AS "row"' if placed else ""
    files = ", ".join(map(exactly, paths))
    # Latin-1 takes any byte for a character: a line that is no text is malformed like any other. The delimiter of
    # columns is one that does not occur.
    return f"""SELECT {columns}{place} FROM (
        SELECT *, CASE WHEN len(cut) = {len(fields)} THEN cut END AS field FROM (
            SELECT *, string_split(line, ' ') AS cut{number}
            FROM read_csv([{files}], columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = true,
                delim = {literal(_NO_DELIMITER)}, quote = '', escape = '', strict_mode = false, encoding = 'latin-1',
                compression = {"'gzip'" if packed else "'none'"}, filename = {str(placed).lower()})
            WHERE line IS NOT NULL))"""  # noqa: S608 - names of files are quoted


def _columns(fields: Sequence[str]) -> Iterator[str]:
    """Yield the columns that the query reads; NULL for a field that is not named."""
    for field in TEXT_FIELDS:
        text = f"field[{fields.index(field) + 1}]" if field in fields else "NULL::VARCHAR"
        yield f"{text} AS {column(field)}"
    for field in NUMBER_FIELDS:
        if field not in fields:
            yield f'NULL::BIGINT AS "{column(field)}"'
            continue
        text = f"field[{fields.index(field) + 1}]"
        number = f"TRY_CAST({text} AS BIGINT)"
        wrong = "NULL" if field in _TIMES_AND_PROTOCOL else "-1"
        # DuckDB takes 1.5, 1e3 and 0x1f for whole numbers: only what is written as one is one.
        yield f"""CASE WHEN {number}::VARCHAR = {text} THEN {number} WHEN {text} = '-' THEN NULL
            WHEN {text} IS NOT NULL THEN {wrong} END AS "{column(field)}\""""
