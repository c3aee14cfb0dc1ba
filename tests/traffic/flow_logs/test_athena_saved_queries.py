"""The console has the queries of denied and replay, and they return the rows that these verbs use."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from flash_ticket.traffic.flow_logs.athena import RECENT_LINES, TABLE, SavedQuery, saved_queries
from flash_ticket.traffic.flow_logs.query import ROW, Dialect, flow_log_query
from flash_ticket.traffic.records.record import Scope
from tests.support.naive.naive_flow_log import Line
from tests.support.traffic.flow_log_writing import write_parquet

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATABASE = "flash_ticket__prod"
DENIED, REPLAY = saved_queries(DATABASE)
NOW = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
HOUR = 3600
# CreateNamedQuery, QueryString.
LONGEST = 262_144


def line(hours_ago: float, **changes: str | int | None) -> Line:
    end = int(NOW.timestamp() - hours_ago * HOUR)
    values: dict[str, Any] = {
        "srcaddr": "10.0.0.1",
        "dstaddr": "10.0.0.2",
        "srcport": 40000,
        "dstport": 6379,
        "protocol": 6,
    }
    rest: dict[str, Any] = {"tcp_flags": 3, "start": end - 60, "end": end, "action": "ACCEPT", "interface_id": "eni-1"}
    names = Line.__dataclass_fields__
    return Line(**{**dict.fromkeys(names), **values, **rest, **changes})


@contextmanager
def table(tmp_path: Path, *lines: Line) -> Iterator["DuckDBPyConnection"]:
    """A database with the stack's table, with each line in the folder of its hour."""
    for place, each in enumerate(lines):
        assert each.end is not None
        folder = time.strftime("year=%Y/month=%m/day=%d/hour=%H", time.gmtime(each.end))
        write_parquet(tmp_path / folder / f"{place}.parquet", [each])
    with duckdb.connect(":memory:") as database:
        database.execute(f"CREATE SCHEMA {DATABASE}")
        database.execute(
            f"CREATE VIEW {DATABASE}.{TABLE} AS SELECT * FROM "  # noqa: S608 - names and a folder of the test
            f"read_parquet('{tmp_path}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
        )
        yield database


def answer(database: "DuckDBPyConnection", query: SavedQuery) -> list[dict[str, object]]:
    moment = exp.cast(exp.Literal.string(NOW.strftime("%Y-%m-%d %H:%M:%S")), "timestamp")
    parsed = sqlglot.parse_one(query.sql, read="athena")
    at_that_moment = parsed.transform(lambda node: moment if isinstance(node, exp.CurrentTimestamp) else node)
    found = database.execute(at_that_moment.sql("duckdb"))
    assert tuple(each[0] for each in found.description or ()) == ROW
    return [dict(zip(ROW, row, strict=True)) for row in found.fetchall()]


def test_the_translated_query_is_kept_as_it_is_now(update_golden: bool) -> None:  # noqa: FBT001 - a fixture
    query = flow_log_query(Scope(), Dialect.ATHENA, "recent")
    text = sqlglot.transpile(query, read=Dialect.ATHENA, write=Dialect.ATHENA, pretty=True)[0] + "\n"

    if update_golden:
        RECENT_LINES.write_text(text, encoding="utf-8")
    assert RECENT_LINES.read_text(encoding="utf-8") == text, "recent_lines.sql is stale: run pytest --update-golden"


def test_the_saved_queries_have_the_names_of_the_verbs() -> None:
    assert [each.name for each in saved_queries(DATABASE)] == ["denied", "replay"]


@pytest.mark.parametrize("query", [DENIED, REPLAY], ids=["denied", "replay"])
def test_a_saved_query_is_the_same_at_each_preview_and_within_the_limits(query: SavedQuery) -> None:
    assert query in saved_queries(DATABASE)
    assert len(query.sql.encode()) < LONGEST
    assert 0 < len(query.description) <= 1024


@pytest.mark.parametrize("query", [DENIED, REPLAY], ids=["denied", "replay"])
def test_a_saved_query_reads_only_a_period_of_the_table_of_the_stack(query: SavedQuery) -> None:
    (parsed,) = sqlglot.parse(query.sql, read="athena")
    assert isinstance(parsed, exp.Select)
    recent = next(each for each in parsed.find_all(exp.CTE) if each.alias == "recent")

    assert [each.sql() for each in parsed.find_all(exp.Table) if each.db] == [f'"{DATABASE}"."{TABLE}"']
    where = recent.this.args["where"]
    assert {each.name for each in where.find_all(exp.Column)} == {"year", "month", "day", "hour", "end"}


def test_the_replay_query_returns_the_rows_of_the_verb(tmp_path: Path) -> None:
    lines = [
        line(1),
        line(2, action="REJECT", flow_direction="ingress"),
        line(3, action="REJECT", tcp_flags=2, dstaddr="10.0.0.3"),
        line(20 * 24, srcport=6379, dstport=40000, tcp_flags=19),
        line(4, log_status="NODATA", action=None, srcaddr=None),
        line(5, protocol=999),
    ]
    with table(tmp_path, *lines) as database:
        rows = answer(database, REPLAY)
        verbs = database.execute(flow_log_query(Scope(), Dialect.DUCKDB, f"{DATABASE}.{TABLE}")).fetchall()

    assert sorted(map(repr, (tuple(row.values()) for row in rows))) == sorted(map(repr, verbs))
    assert {row["kind"] for row in rows} == {"traffic", "no data", "malformed"}


def test_the_denied_query_returns_stopped_unanswered_and_malformed_lines(tmp_path: Path) -> None:
    lines = [
        line(1),
        line(2, dstport=22, action="REJECT", tcp_flags=2),
        line(3, dstport=23, tcp_flags=2),
        line(4, protocol=999),
    ]
    with table(tmp_path, *lines) as database:
        rows = answer(database, DENIED)

    found = {(row["kind"], row["disposition"], row["port"]) for row in rows}
    assert found == {("traffic", "stopped", 22), ("traffic", "unanswered", 23), ("malformed", None, None)}


@pytest.mark.parametrize(("query", "days"), [(DENIED, 1), (REPLAY, 30)], ids=["denied", "replay"])
def test_older_lines_are_left_out_in_any_folder(tmp_path: Path, query: SavedQuery, days: int) -> None:
    just_in, just_out = line(24 * days - 0.1, action="REJECT"), line(24 * days + 0.1, action="REJECT", dstport=22)
    with table(tmp_path, just_in, just_out, line(24 * days + 40, action="REJECT", dstport=23)) as database:
        rows = answer(database, query)

    assert [row["port"] for row in rows] == [6379]
