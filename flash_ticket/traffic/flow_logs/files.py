"""VPC flow logs in files, as in S3: Parquet or text, read by DuckDB in one query."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs.faults import FileFaults, Growth, Standing, TornFileError
from flash_ticket.traffic.flow_logs.layout import Window
from flash_ticket.traffic.flow_logs.parquet import PARQUET_COLUMNS_QUERY, listed, parquet_table
from flash_ticket.traffic.flow_logs.query import (
    PARTITION_MARGIN,
    Dialect,
    flow_log_query,
    literal,
    malformed_query,
)
from flash_ticket.traffic.flow_logs.rows import Unplaced, records_of
from flash_ticket.traffic.flow_logs.skew import Skew, parquet_ahead, text_ahead
from flash_ticket.traffic.flow_logs.text import (
    REJECTED_QUERY,
    column_count_problem,
    line_place,
    placed_text_table,
    text_table,
)
from flash_ticket.traffic.records.lines import LONGEST_LINE
from flash_ticket.traffic.records.record import Reading, Record, Scope

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY: Final = "512MB"
"""How much memory DuckDB uses before it writes to its temporary folder; Python and file buffers need more."""

_BATCH: Final = 2_048
"""How many rows are fetched at once: as many as DuckDB holds in one vector, so that they are still in the cache."""

_MOST_READINGS: Final = 5
"""How often files are read again that change while they are read."""


class FlowLogForm(StrEnum):
    """The format of a file."""

    PARQUET = "parquet"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FlowLogFiles:
    """Files of one or more flow logs, all in one format; their fields may differ.

    Attributes:
        name: The name that the user gave them.
        paths: The files; their folders may be hive-compatible or not.
        form: The format of all files.
    """

    name: str
    paths: tuple[Path, ...]
    form: FlowLogForm

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records of the files, and count in ``reading`` what was read; a torn file is a malformed line.

        The process uses less than a gigabyte of memory for files of any size: DuckDB sorts the rest in a private
        temporary folder, which is removed afterwards.

        Raises:
            InputError: A file cannot be read or lacks a field that every record needs, or all files are torn.
        """
        faults = FileFaults(self.name)
        yield from self.records_beside(faults, scope, reading)
        faults.tell(reading)

    def records_beside(self, faults: FileFaults, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records of the files that are not torn, and put the others into ``faults`` without counting them.

        Raises:
            InputError: A file cannot be read, or lacks a field that every record needs.
        """
        # Late records are in later folders, so only folders that ended before the period can be left out.
        window = Window(scope.since, None)
        paths = [path for path in self.paths if window.may_hold(path.absolute().as_posix())]
        if not paths:
            return
        unplaced = Unplaced()
        for path in paths:
            if not path.absolute().as_posix().isascii():
                _refuse_other_than_utf_8(path)
        with _database() as database:
            paths, rows = self._answered(database, paths, faults, scope)
            faults.sound += len(paths)
            with self._named_by_file(database, paths):
                yield from records_of(rows, reading, unplaced)
                if unplaced.count:
                    place, problem = _first_malformed(database, scope, paths, self.form, sorted(unplaced.addresses))
                    reading.refuse(place, problem, unplaced.count)
                if paths and self.form is FlowLogForm.TEXT:
                    shown = {str(path.absolute()): path for path in paths}
                    for file, line in database.execute(REJECTED_QUERY).fetchall():
                        if file in shown:  # not in a torn file
                            reading.refuse(f"{shown[file]}:{line}", f"it is longer than {LONGEST_LINE:,} bytes")
                if scope.since is not None:
                    self._look_at_clocks(database, paths, faults.skew)

    def _look_at_clocks(self, database: "DuckDBPyConnection", paths: Sequence[Path], skew: Skew) -> None:
        """Count the lines that are so far ahead of the time of their file that a period may lack others like them."""
        if self.form is FlowLogForm.PARQUET:
            found = parquet_ahead(database, paths)
        else:
            found = text_ahead(database, paths, lambda path: text_table([path]))
        for each in [*found]:
            table = _table(database, [each.path], self.form)
            counted = database.execute(f"SELECT COUNT(*) FROM {table} WHERE {each.condition}").fetchone()  # noqa: S608 - quoted
            skew.files += 1
            skew.lines += counted[0] if counted else 0
            skew.seconds = max(skew.seconds, each.last - each.limit + PARTITION_MARGIN)

    def _answered(
        self, database: "DuckDBPyConnection", paths: list[Path], faults: FileFaults, scope: Scope
    ) -> tuple[list[Path], Iterator[Sequence[Any]]]:
        """Return the files that are not torn, and the answer about them.

        Files that change meanwhile are read again. No row of an answer is seen before the last line of the last file.
        """
        changed: Sequence[Path] = paths
        for _ in range(_MOST_READINGS):
            before = Standing.of(paths, Growth.ALLOWED if self.form is FlowLogForm.TEXT else Growth.FORBIDDEN)
            try:
                with self._named_by_file(database, paths):
                    table = _table(database, paths, self.form)
                    answer = database.execute(flow_log_query(scope, Dialect.DUCKDB, table))
                    first = answer.fetchmany(_BATCH)
            except TornFileError as error:
                paths = self._without_torn(database, paths, faults, error)
                if not paths:
                    return [], iter(())
                continue
            if not (changed := before.changed()):
                return paths, chain(first, _fetched(answer))
        remedy = "Wait until nobody writes there, and run it again"
        raise InputError(str(changed[0]), "", "it changes again and again while it is read", remedy)

    def _without_torn(
        self, database: "DuckDBPyConnection", paths: Sequence[Path], faults: FileFaults, first: InputError
    ) -> list[Path]:
        """Return the files that can be read to their end, and put the others into ``faults``."""
        sound = []
        for path in paths:
            if str(path) == first.source:
                faults.torn.append(first)
                continue
            try:
                with self._named_by_file(database, [path]):
                    _read_through(database, path, self.form)
            except TornFileError as error:
                faults.torn.append(error)
            else:
                sound.append(path)
        return sound

    @contextmanager
    def _named_by_file(self, database: "DuckDBPyConnection", paths: Sequence[Path]) -> Iterator[None]:
        """Turn an error of DuckDB into an InputError that names the file."""
        import duckdb  # noqa: PLC0415 - it is loaded already

        try:
            yield
        except duckdb.OutOfMemoryException as error:
            problem = f"memory and temporary folder are too small for its records: {_in_short(error)}"
            remedy = "Free space in the folder of TMPDIR, or choose a shorter time"
            raise InputError(self.name, "", problem, remedy) from None
        except duckdb.Error as error:
            named = [path for path in paths if str(path.absolute()) in str(error)]
            broken = max(named, key=lambda path: len(str(path)), default=None) or next(
                (path for path in paths if not _is_readable(database, path, self.form)), self.name
            )
            problem = f"cannot be read as {self.form}: {_in_short(error)}"
            kind = TornFileError if isinstance(broken, Path) and _can_be_opened(broken) else InputError
            raise kind(str(broken), "", problem, "Download the file again, or leave it out") from None


def _refuse_other_than_utf_8(path: Path) -> None:
    try:
        path.absolute().as_posix().encode()
    except UnicodeEncodeError:
        problem = "the name of the file or of a folder above it is not UTF-8, and DuckDB reads no such file"
        raise InputError(str(path), "", problem, "Rename it") from None


_idle: Final[list["DuckDBPyConnection"]] = []
"""Databases that wait for the next files: starting one takes as long as a query."""


@contextmanager
def _database() -> Iterator["DuckDBPyConnection"]:
    """Lend a connection to a database that nobody else uses meanwhile, with an empty temporary folder."""
    with tempfile.TemporaryDirectory(prefix="flash-firewall-") as folder:
        lent = _idle.pop() if _idle else _started()
        keep = False
        try:
            with lent.cursor() as database:
                database.execute(f"SET temp_directory = {literal(folder)}; RESET disabled_optimizers")
                yield database
            # A database that has written to its temporary folder cannot have another one.
            keep = not any(Path(folder).iterdir())
        finally:
            if keep:
                _idle.append(lent)
            else:
                lent.close()


def _started() -> "DuckDBPyConnection":
    import duckdb  # noqa: PLC0415 - only flow logs need it, and it is slow to import

    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": _MEMORY,
            "threads": len(os.sched_getaffinity(0)),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_external_file_cache": False,  # a file may change before the next reading
        },
    )


def _table(database: "DuckDBPyConnection", paths: Sequence[Path], form: FlowLogForm, *, placed: bool = False) -> str:
    if form is FlowLogForm.TEXT:
        return placed_text_table(paths[0]) if placed else text_table(paths)
    schemas = database.execute(PARQUET_COLUMNS_QUERY.format(listed(paths))).fetchall()
    return parquet_table(paths, schemas, placed=placed)


def _fetched(answer: "DuckDBPyConnection") -> Iterator[Sequence[Any]]:
    while batch := answer.fetchmany(_BATCH):
        yield from batch


def _first_malformed(
    database: "DuckDBPyConnection", scope: Scope, paths: Sequence[Path], form: FlowLogForm, addresses: Sequence[str]
) -> tuple[str, str]:
    """Return the place of the first malformed line, and its problem."""
    # DuckDB would copy the long condition into the reading of each field: planning that takes ten times the answer.
    database.execute("SET disabled_optimizers = 'filter_pushdown'")
    for path in paths:
        table = _table(database, [path], form, placed=True)
        found = database.execute(malformed_query(scope, table, addresses)).fetchone()
        if found is None:
            continue
        _, row, line, problem = found
        if form is FlowLogForm.PARQUET:
            return f"{path}: row {row + 1}", problem
        return line_place(path, line), column_count_problem(path, line) or problem
    raise AssertionError("a counted malformed line is in one of the files")


def _in_short(error: Exception) -> str:
    """Return DuckDB's message, without the class of the error before it and the advice after it."""
    return str(error).partition("\n")[0].partition(": ")[2].rstrip(".")


def _is_readable(database: "DuckDBPyConnection", path: Path, form: FlowLogForm) -> bool:
    import duckdb  # noqa: PLC0415 - it is loaded already

    try:
        _read_through(database, path, form)
    except (duckdb.Error, InputError):
        return False
    return True


def _read_through(database: "DuckDBPyConnection", path: Path, form: FlowLogForm) -> None:
    database.execute(f"SELECT COUNT(COLUMNS(*)) FROM {_table(database, [path], form)}").fetchall()  # noqa: S608 - quoted


def _can_be_opened(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False
