"""Flow logs as Parquet: what a file must hold, and how files of older and newer columns are read together.

Source: Amazon VPC User Guide, "Flow log files": names with underscores, numbers as INT_32 or INT_64, the rest STRING.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs.query import NEEDED_FIELDS, NUMBER_FIELDS, TEXT_FIELDS, column, literal


def exactly(path: Path) -> str:
    """Return the pattern, quoted for SQL, that means this file and no other.

    The path is absolute: a relative one could begin like the address of a bucket.
    """
    return literal("".join(f"[{each}]" if each in "*?[" else each for each in str(path.absolute())))


_NUMBERS: Final = {"INT32", "INT64"}
_TEXT: Final = {"BYTE_ARRAY"}

PARQUET_COLUMNS_QUERY: Final = "SELECT file_name, list(name), list(type) FROM parquet_schema({}) GROUP BY file_name"
"""What `parquet_table` must know of files; the place is for a list of files."""


def listed(paths: Iterable[Path]) -> str:
    """Return files as a list for DuckDB."""
    return f"[{', '.join(map(exactly, paths))}]"


def parquet_table(
    paths: Sequence[Path], schemas: Iterable[tuple[str, Sequence[str], Sequence[str | None]]], *, placed: bool = False
) -> str:
    """Return what stands after FROM in DuckDB for these files.

    Args:
        paths: The files.
        schemas: The answer of `PARQUET_COLUMNS_QUERY`: a file, its columns and their types.
        placed: With the columns ``file``, ``row`` and ``line`` too.

    Raises:
        InputError: A file lacks a column, or has one of another type.
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
            problem = "the file has no such column, without which traffic cannot be told"
            raise InputError(file, name, problem, "Leave the file out, and record the field from now on")
        return
    wanted, described = (_NUMBERS, "whole numbers") if field in NUMBER_FIELDS else (_TEXT, "text")
    if columns[name] not in wanted:
        problem = f"the column is of type {columns[name] or 'group'}; in a flow log it holds {described}"
        raise InputError(file, name, problem, "Give the files as AWS delivers them")


def _columns(known: set[str]) -> Iterator[str]:
    for fields, type_name in ((TEXT_FIELDS, "VARCHAR"), (NUMBER_FIELDS, "BIGINT")):
        for name in map(column, fields):
            yield f'"{name}"' if name in known else f'NULL::{type_name} AS "{name}"'
