"""Clocks that differ: lines that ended long after the time in the name of their file or folder.

A period is looked for in files by that time. A line that is more than an hour ahead of it may be in a file that is left
out, so a total may be too small, and only the lines of the files that were read show it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flash_ticket.traffic.flow_logs.layout import span_of
from flash_ticket.traffic.flow_logs.parquet import listed
from flash_ticket.traffic.flow_logs.query import LAST_SECOND, PARTITION_MARGIN
from flash_ticket.traffic.records.record import Reading

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HOUR: Final = 3600
_NEWEST_TEXTS: Final = 20
"""How many files of text are looked at: text has no statistics, so that each file must be read again."""

_LAST_OF_PARQUET: Final = """SELECT file_name, MAX(TRY_CAST(stats_max_value AS BIGINT)) FROM parquet_metadata({})
    WHERE path_in_schema = 'end' GROUP BY file_name"""


@dataclass(slots=True)
class Skew:
    """Lines that are too far ahead of the time of their files.

    Attributes:
        lines: How many.
        files: In how many files.
        seconds: How far at most.
    """

    lines: int = 0
    files: int = 0
    seconds: float = 0

    def tell(self, reading: Reading) -> None:
        """Note them, if there are any."""
        if self.files:
            lines = "1 line ends" if self.lines == 1 else f"{self.lines:,} lines end"
            files = "1 file" if self.files == 1 else f"{self.files:,} files"
            reading.note(
                f"{lines} up to {self.seconds / _HOUR:.1f} hours after the time in the name of the file ({files}): the "
                "clocks of node and writer differ. A period is looked for by these times, so older files may have "
                "more lines of it. Ask for an earlier time, or leave --since out."
            )


@dataclass(frozen=True, slots=True)
class Ahead:
    """A file with such lines.

    Attributes:
        limit: The last time, in seconds since 1970, that its lines may have.
        last: The last time that they have.
    """

    path: Path
    limit: float
    last: int

    @property
    def condition(self) -> str:
        """The condition of these lines in SQL."""
        return f'"end" > {self.limit:.0f}'


def parquet_ahead(database: "DuckDBPyConnection", paths: Sequence[Path]) -> Iterator[Ahead]:
    """Yield the files of Parquet that have such lines, by what the files say of their columns: no line is read."""
    limits = _limits(paths)
    if limits:
        shown = {str(path.absolute()): path for path in limits}
        for file, last in database.execute(_LAST_OF_PARQUET.format(listed(limits))).fetchall():
            yield from _ahead(shown[file], limits[shown[file]], last)


def text_ahead(
    database: "DuckDBPyConnection", paths: Sequence[Path], table_of: Callable[[Path], str]
) -> Iterator[Ahead]:
    """Yield the newest files of text that have such lines.

    Args:
        database: It reads the files.
        paths: The files.
        table_of: Returns the table expression of one of them, to put after FROM.
    """
    limits = _limits(paths)
    for path in sorted(limits, key=limits.__getitem__)[-_NEWEST_TEXTS:]:
        found = database.execute(f'SELECT MAX("end") FROM {table_of(path)}').fetchone()  # noqa: S608 - quoted
        yield from _ahead(path, limits[path], found[0] if found else None)


def _limits(paths: Sequence[Path]) -> dict[Path, float]:
    """Return the last time that the lines of a file may have, for each file whose name or folder has a time."""
    spans = {path: span_of(path.absolute().as_posix()) for path in paths}
    return {path: span[1] + PARTITION_MARGIN for path, span in spans.items() if span}


def _ahead(path: Path, limit: float, last: int | None) -> Iterator[Ahead]:
    if last is not None and limit < last <= LAST_SECOND:
        yield Ahead(path, limit, last)
