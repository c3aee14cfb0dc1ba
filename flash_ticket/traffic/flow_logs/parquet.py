"""Flow logs as Parquet: the columns that a file must have, and how files with different columns are read together.

Source: Amazon VPC User Guide, "Flow log files": names with underscores, numbers as INT_32 or INT_64, all else STRING.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs.query import NEEDED_FIELDS, NUMBER_FIELDS, TEXT_FIELDS, column, literal

_NUMBERS: Final = {"INT32", "INT64"}
_TEXT: Final = {"BYTE_ARRAY"}
PARQUET_COLUMNS_QUERY: Final = "SELECT file_name, list(name), list(type) FROM parquet_schema({}) GROUP BY file_name"
"""The query for the schemas that `parquet_table` needs; the placeholder is for a list of files."""


def exactly(path: Path) -> str:
    """Return the pattern, quoted for SQL, that matches only this file.

    The path is absolute: a relative path could look like the URL of a bucket.
    """
    return literal("".join(f"[{each}]" if each in "*?[" else each for each in str(path.absolute())))


def listed(paths: Iterable[Path]) -> str:
    """Return a list of files in DuckDB's syntax."""
    return f"[{', '.join(map(exactly, paths))}]"


def parquet_table(
    paths: Sequence[Path], schemas: Iterable[tuple[str, Sequence[str], Sequence[str | None]]], *, placed: bool = False
) -> str:
    """Return the table expression for these files, to put after FROM in DuckDB.

    Args:
        paths: The files.
        schemas: The answer to `PARQUET_COLUMNS_QUERY`: a file, its columns and their types.
        placed: Add the columns ``file``, ``row`` and ``line``.

    Raises:
        InputError: A file lacks a column, or a column has another type.
    """
    known: set[str] = set()
    shown = {str(path.absolute()): str(path) for path in paths}
    for file, names, types in sorted(schemas):
        columns = dict(zip(names, types, strict=True))
        for field in (*TEXT_FIELDS, *NUMBER_FIELDS):
            _check(shown[file], field, columns)
        known |= columns.keys()
    place = ', filename AS file, file_row_number AS "row", NULL::VARCHAR AS line' if placed else ""
    return f"""(SELECT {", ".join(_columns(known))}{place}
        FROM read_parquet({listed(paths)}, union_by_name = true, hive_partitioning = false))"""  # noqa: S608 - quoted


def _check(file: str, field: str, columns: dict[str, str | None]) -> None:
    name = column(field)
    if name not in columns:
        if field in NEEDED_FIELDS:
            problem = "the file has no such column, which every record needs"
            raise InputError(file, name, problem, "Leave the file out, and record the field from now on")
        return
    wanted, described = (_NUMBERS, "whole numbers") if field in NUMBER_FIELDS else (_TEXT, "text")
    if columns[name] not in wanted:
        problem = f"the column has the type {columns[name] or 'group'}; in a flow log it contains {described}"
        raise InputError(file, name, problem, "Use the files as AWS delivers them")


def _columns(known: set[str]) -> Iterator[str]:
    for fields, type_name in ((TEXT_FIELDS, "VARCHAR"), (NUMBER_FIELDS, "BIGINT")):
        for name in map(column, fields):
            yield f'"{name}"' if name in known else f'NULL::{type_name} AS "{name}"'
