"""Flow logs as text: fields between spaces, named by the first line of each file, plain or compressed with gzip.

Source: Amazon VPC User Guide, "Flow log files". A custom format may contain any fields in any order.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from flash_ticket.firewall.terms.folder import unreadable
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.traffic.flow_logs.faults import TornFileError
from flash_ticket.traffic.flow_logs.parquet import exactly
from flash_ticket.traffic.flow_logs.query import NEEDED_FIELDS, NUMBER_FIELDS, TEXT_FIELDS, column, literal
from flash_ticket.traffic.records.lines import LONGEST_LINE, unpacked

_LONGEST_HEADER: Final = 1 << 16

# If one of these is not a number, it counts as missing, which is an error. Others may be missing, so they get a wrong
# value instead.
_TIMES_AND_PROTOCOL: Final = {"start", "end", "protocol"}

REJECTED_QUERY: Final = """SELECT file_path, line FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
    GROUP BY file_path, line ORDER BY file_path, line"""
"""The lines that DuckDB skipped when it read a `text_table`: those that are longer than `LONGEST_LINE`."""

_NO_DELIMITER: Final = "\x01\x02\x03\x04"

_Form = tuple[tuple[str, ...], bool]


def text_table(paths: Sequence[Path]) -> str:
    """Return the table expression for these files, to put after FROM in DuckDB; each has its own first line.

    A line with too many or too few fields gets no fields at all: it is malformed.

    Raises:
        InputError: A file cannot be read, or its first line lacks a field.
    """
    forms: dict[_Form, list[Path]] = defaultdict(list)
    for path in paths:
        forms[_form(path)].append(path)
    return f"({' UNION ALL '.join(_select(form, found) for form, found in forms.items())})"


def placed_text_table(path: Path) -> str:
    """Return the same for one file with the columns ``file``, ``row`` (the order of its lines) and ``line``.

    Lines are read as a whole and split afterwards, which is slower.
    """
    fields, packed = _form(path)
    columns = ", ".join(_columns(fields, "NULLIF(field[{}], '')"))
    return f"""(SELECT {columns}, filename AS file, "row", line FROM (
        SELECT *, CASE WHEN len(cut) = {len(fields)} THEN cut END AS field FROM (
            SELECT *, string_split(rtrim(line, ' '), ' ') AS cut, row_number() OVER () AS "row"
            FROM {_read_csv(["line"], [path], _NO_DELIMITER, packed=packed)} WHERE line IS NOT NULL)))"""  # noqa: S608 - quoted


def line_place(path: Path, line: str) -> str:
    """Return the place of the first such line in a file: ``flows.log:17``."""
    wanted = line.encode("latin-1").rstrip()
    with path.open("rb") as file:
        lines = enumerate(unpacked(file), 1)
        next(lines)  # the names of the fields
        numbers = (number for number, text in lines if text.rstrip() == wanted)
        return f"{path}:{next(numbers, 0)}"


def column_count_problem(path: Path, line: str) -> str:
    """Return the problem with a line's number of fields; empty if the number is right."""
    fields, given = len(_form(path)[0]), len(line.rstrip(" ").split(" "))
    return "" if given == fields else f"it has {given} fields instead of {fields}"


def _form(path: Path) -> _Form:
    """Return the fields that the first line of a file names, and whether the file is compressed."""
    try:
        with path.open("rb") as file:
            lines = unpacked(file)
            line = lines.readline(_LONGEST_HEADER)
    except (EOFError, zlib.error) as error:
        problem = f"is compressed with gzip, and is truncated or damaged: {error}"
        raise TornFileError(str(path), "", problem, "Download the file again") from None
    except OSError as error:
        raise unreadable(str(path), error) from None
    fields = tuple(line.decode("latin-1").rstrip("\r\n ").split(" "))
    if not set(fields) & {*NEEDED_FIELDS, "version", "account-id"}:
        problem = f"the first line names no field of a flow log: {shown(' '.join(fields))}"
        raise InputError(str(path), "", problem, "Use files that begin with the names of their fields, as in S3")
    for field in NEEDED_FIELDS:
        if field not in fields:
            problem = "the first line does not name this field, which every record needs"
            raise InputError(str(path), field, problem, "Leave the file out, and record the field from now on")
    return fields, lines is not file


def _select(form: _Form, paths: Sequence[Path]) -> str:
    fields, packed = form
    count = len(fields)
    columns = ", ".join(_columns(fields, f"CASE WHEN f{count} IS NOT NULL AND f{count + 1} IS NULL THEN f{{}} END"))
    given = [f"f{number}" for number in range(1, count + 2)]
    return f"SELECT {columns} FROM {_read_csv(given, paths, ' ', packed=packed)}"  # noqa: S608 - quoted


def _read_csv(columns: Sequence[str], paths: Sequence[Path], delimiter: str, *, packed: bool) -> str:
    """Return the call that splits lines without checking them: missing fields are NULL, additional ones are cut.

    In Latin-1 every byte is a character, so a line of binary data is checked by its fields like any other.
    """
    named = ", ".join(f"'{name}': 'VARCHAR'" for name in columns)
    files = ", ".join(map(exactly, paths))
    return f"""read_csv([{files}], columns = {{{named}}}, auto_detect = false, header = true, filename = true,
        delim = {literal(delimiter)}, quote = '', escape = '', encoding = 'latin-1', strict_mode = false,
        null_padding = true, store_rejects = true, max_line_size = {LONGEST_LINE},
        compression = {"'gzip'" if packed else "'none'"})"""


def _columns(fields: Sequence[str], reference: str) -> Iterator[str]:
    """Yield the columns that the query reads; NULL for a field that the file does not have.

    Args:
        fields: The fields that the first line names.
        reference: The SQL for a field, with a placeholder for its number.
    """
    for field in (*TEXT_FIELDS, *NUMBER_FIELDS):
        text = reference.format(fields.index(field) + 1) if field in fields else "NULL::VARCHAR"
        if field in NUMBER_FIELDS:
            wrong = "NULL" if field in _TIMES_AND_PROTOCOL else "-1"
            # DuckDB accepts 1.5, 1e3 and 0x1f as whole numbers: only digits count here.
            text = f"""CASE WHEN TRY_CAST({text} AS BIGINT)::VARCHAR = {text} THEN TRY_CAST({text} AS BIGINT)
                WHEN {text} <> '-' THEN {wrong} END"""
        yield f'{text} AS "{column(field)}"'
