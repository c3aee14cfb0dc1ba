"""The meaning of flow log lines: callers, called ends and outcomes; Athena and DuckDB run the same query."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.traffic.flow_logs.files import FlowLogForm
from flash_ticket.traffic.flow_logs.query import ROW, Dialect, column, flow_log_query
from flash_ticket.traffic.flow_logs.rows import Unplaced, records_of
from flash_ticket.traffic.records.record import Reading, Scope
from tests.support.naive.naive_flow_log import Key, Line
from tests.support.traffic.flow_log_writing import lines, read, scopes, summed, write_parquet

CALL = Line(tcp_flags=2, flow_direction="egress", interface_id="eni-caller")
REPLY = Line(srcaddr="10.0.0.2", dstaddr="10.0.0.1", srcport=80, dstport=40000, tcp_flags=18)
REFUSED = replace(CALL, action="REJECT", flow_direction="ingress", interface_id="eni-called")


def counted(tmp_path: Path, *written: Line, scope: Scope | None = None) -> dict[Key, int]:
    """Return the counts of records by disposition, source, destination, protocol, port and further fields."""
    path = write_parquet(tmp_path / "flow.parquet", written)
    found = read([path], FlowLogForm.PARQUET, scope)[1]
    return {tuple(word for word in key if word not in {None, ""}): count for key, (count, _, _) in found.items()}


def test_a_reply_counts_for_the_connection_that_it_answers(tmp_path: Path) -> None:
    assert counted(tmp_path, CALL, REPLY) == {("passed", "10.0.0.1", "10.0.0.2", 6, 80): 2}


def test_syn_decides_who_called_for_any_ports(tmp_path: Path) -> None:
    upwards = replace(CALL, srcport=1024, dstport=50051)

    assert counted(
        tmp_path, replace(upwards, tcp_flags=3), replace(upwards, srcport=50051, dstport=1024, tcp_flags=19)
    ) == {
        ("passed", "10.0.0.1", "10.0.0.2", 6, 50051): 1,
        ("passed", "10.0.0.2", "10.0.0.1", 6, 50051): 1,
    }


def test_without_syn_a_known_port_decides_and_then_the_smaller_one(tmp_path: Path) -> None:
    upwards = replace(CALL, srcport=1024, dstport=50051, tcp_flags=0)
    known = Scope(listening=frozenset({(6, 50051)}))
    other = Scope(listening=frozenset({(17, 50051)}))
    both = Scope(listening=frozenset({(6, 50051), (6, 1024)}))

    assert counted(tmp_path, upwards, scope=known) == {("passed", "10.0.0.1", "10.0.0.2", 6, 50051): 1}
    for scope in (other, both):
        assert counted(tmp_path, upwards, scope=scope) == {("passed", "10.0.0.2", "10.0.0.1", 6, 1024): 1}
    downwards = replace(upwards, srcport=50051, dstport=1024)
    assert counted(tmp_path, downwards, scope=both) == {("passed", "10.0.0.1", "10.0.0.2", 6, 1024): 1}


def test_pods_are_identified_by_their_packet_addresses(tmp_path: Path) -> None:
    assert counted(tmp_path, replace(CALL, pkt_srcaddr="10.0.9.1", pkt_dstaddr="10.0.9.2", tcp_flags=0)) == {
        ("passed", "10.0.9.1", "10.0.9.2", 6, 80): 1
    }


def test_traffic_accepted_at_one_interface_and_rejected_at_the_other_was_stopped(tmp_path: Path) -> None:
    assert counted(tmp_path, CALL, REFUSED) == {
        ("stopped", "10.0.0.1", "10.0.0.2", 6, 80, "ingress", "eni-called"): 2,
    }


@pytest.mark.parametrize("line", [REPLY, replace(CALL, srcport=40001, tcp_flags=3)])
def test_traffic_that_was_rejected_once_and_passed_once_counts_as_both(tmp_path: Path, line: Line) -> None:
    assert counted(tmp_path, line, REFUSED) == {
        ("passed", "10.0.0.1", "10.0.0.2", 6, 80): 1,
        ("stopped", "10.0.0.1", "10.0.0.2", 6, 80, "ingress", "eni-called"): 1,
    }


def test_a_rejected_reply_is_no_answer(tmp_path: Path) -> None:
    refused = replace(REPLY, action="REJECT", flow_direction="egress", interface_id="eni-called")

    assert counted(tmp_path, CALL, refused) == {("stopped", "10.0.0.1", "10.0.0.2", 6, 80, "ingress", "eni-called"): 2}


def test_accepted_lines_belong_to_the_same_rejection_in_any_order(tmp_path: Path) -> None:
    elsewhere = replace(REFUSED, flow_direction="egress", interface_id="eni-2")
    by_vpc = replace(REFUSED, reject_reason="BPA")

    for refusals in ((by_vpc, elsewhere), (elsewhere, by_vpc)):
        assert counted(tmp_path, CALL, *refusals) == {
            ("stopped", "10.0.0.1", "10.0.0.2", 6, 80, "egress", "eni-2"): 2,
            ("stopped", "10.0.0.1", "10.0.0.2", 6, 80, "ingress", "BPA", "eni-called"): 1,
        }


def test_an_answer_before_an_address_moved_does_not_count_afterwards(tmp_path: Path) -> None:
    answered = [replace(line, start=0, end=9) for line in (CALL, REPLY)]

    found = counted(tmp_path, *answered, replace(CALL, start=10, end=20), scope=Scope(moments=(10,)))

    assert {key[0] for key in found} == {"passed", "unanswered"}


def test_an_accepted_syn_without_an_answer_is_unanswered(tmp_path: Path) -> None:
    at_called = replace(CALL, flow_direction="ingress", interface_id="eni-called")

    assert counted(tmp_path, CALL, at_called) == {("unanswered", "10.0.0.1", "10.0.0.2", 6, 80): 2}


@pytest.mark.parametrize("flags", [4, 18, 19, 0])
def test_any_answer_shows_that_the_pod_was_reached(tmp_path: Path, flags: int) -> None:
    assert counted(tmp_path, CALL, replace(REPLY, tcp_flags=flags)) == {("passed", "10.0.0.1", "10.0.0.2", 6, 80): 2}


@pytest.mark.parametrize("flags", [0, 3, 6])
def test_a_caller_that_sends_more_than_syn_got_an_answer(tmp_path: Path, flags: int) -> None:
    assert counted(tmp_path, CALL, replace(CALL, srcport=40001, tcp_flags=flags)) == {
        ("passed", "10.0.0.1", "10.0.0.2", 6, 80): 2
    }


@pytest.mark.parametrize(
    "call", [replace(CALL, tcp_flags=None), replace(CALL, protocol=17), replace(CALL, protocol=132)]
)
def test_without_flags_a_missing_answer_proves_nothing(tmp_path: Path, call: Line) -> None:
    assert {key[0] for key in counted(tmp_path, call)} == {"passed"}


def test_a_rejected_reply_was_recorded_at_the_called_end(tmp_path: Path) -> None:
    refused = replace(REPLY, action="REJECT", flow_direction="egress", interface_id="eni-called", reject_reason="BPA")
    on_arrival = replace(refused, flow_direction="ingress", interface_id="eni-caller")

    assert counted(tmp_path, refused, on_arrival) == {
        ("stopped", "10.0.0.1", "10.0.0.2", 6, 80, "ingress", "BPA", "eni-called"): 1,
        ("stopped", "10.0.0.1", "10.0.0.2", 6, 80, "egress", "BPA", "eni-caller"): 1,
    }


def test_a_protocol_without_ports_has_port_zero(tmp_path: Path) -> None:
    icmp = replace(CALL, protocol=1, srcport=0, dstport=0, tcp_flags=0)

    assert counted(tmp_path, icmp, replace(icmp, srcport=None, dstport=None, tcp_flags=None)) == {
        ("passed", "10.0.0.1", "10.0.0.2", 1, 0): 2
    }


def test_lines_before_after_and_across_a_moment_are_separate(tmp_path: Path) -> None:
    times = [(0, 9), (1, 8), (5, 10), (5, 12), (5, 12), (10, 20)]
    path = write_parquet(tmp_path / "flow.parquet", [replace(CALL, start=start, end=end) for start, end in times])

    records = read([path], FlowLogForm.PARQUET, Scope(moments=(9.5,)))[1]

    assert sorted(records.values()) == [(1, 5, 10), (1, 10, 20), (2, 0, 9), (2, 5, 12)]


@pytest.mark.parametrize("moment", [10, 15])
def test_a_missing_answer_across_a_moment_does_not_count(tmp_path: Path, moment: int) -> None:
    assert {key[0] for key in counted(tmp_path, replace(CALL, start=5, end=15), scope=Scope(moments=(moment,)))} == {
        "passed"
    }


def test_only_lines_of_the_period_are_recorded(tmp_path: Path) -> None:
    times = [replace(CALL, start=start, end=start + 10) for start in range(0, 100, 10)]

    assert sum(counted(tmp_path, *times, scope=Scope(since=39.5, until=70.5)).values()) == 5


def test_a_line_without_a_time_is_malformed_for_any_period(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "flow.parquet", [CALL, replace(CALL, start=None), replace(CALL, end=None)])

    assert read([path], FlowLogForm.PARQUET, Scope(since=150, until=200))[0].malformed == 2


# Trino documents each of these in "Functions and operators"; the others are part of its grammar.
OF_TRINO = {
    "BITWISE_AND",
    "BITWISE_OR",
    "BOOL_AND",
    "BOOL_OR",
    "CAST",
    "COALESCE",
    "CONCAT",
    "COUNT",
    "CHR",
    "FIRST_VALUE",
    "MAX",
    "MIN",
    "NULLIF",
    "SPLIT_PART",
    "SUM",
}
GRAMMAR = {"AND", "AS", "BY", "IN", "NOT", "OR", "OVER", "WHEN", "WHERE"}
WIDE = Scope(since=1, until=2.5, moments=(3, 4.5, 6), listening=frozenset({(6, 80), (17, 53)}))


@pytest.mark.parametrize("scope", [Scope(), WIDE])
def test_the_query_for_athena_uses_only_functions_of_its_engine(scope: Scope) -> None:
    text = flow_log_query(scope, Dialect.ATHENA, '"flash_ticket__dev"."flow_logs"')

    assert set(re.findall(r"([A-Z_]+)\s?\(", text)) <= OF_TRINO | GRAMMAR
    for dialect in ("athena", "trino"):
        parsed = sqlglot.parse_one(text, read=dialect)
        assert isinstance(parsed, exp.Query)
        assert parsed.named_selects == list(ROW)
        assert not list(parsed.find_all(exp.Anonymous))
    assert not re.search(r'(?<!")\bend\b(?!")', text)


def test_athena_reads_only_columns_that_the_table_has() -> None:
    text = flow_log_query(WIDE, Dialect.ATHENA, "flow_logs")
    (innermost,) = [each for each in sqlglot.parse_one(text, read="athena").find_all(exp.CTE) if each.alias == "lines"]
    of_table = {column(field) for field in RECORD_FIELDS} | {"year", "month", "day", "hour"}

    assert {each.name for each in innermost.find_all(exp.Column)} <= of_table


@given(st.lists(lines(), min_size=1, max_size=30), scopes())
def test_the_query_for_athena_gives_the_same_records(written: list[Line], scope: Scope) -> None:
    hours = "'1970' AS \"year\", '01' AS \"month\", '01' AS \"day\", '00' AS \"hour\""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        path = write_parquet(Path(folder) / "flow.parquet", written)
        database.execute(f"CREATE VIEW flow_logs AS SELECT *, {hours} FROM '{path}'")  # noqa: S608 - a folder of our own
        athenas = flow_log_query(scope, Dialect.ATHENA, "flow_logs")
        (text,) = sqlglot.transpile(athenas, read="athena", write="duckdb")
        rows = database.execute(text).fetchall()
        as_text = [tuple(None if value is None else str(value) for value in row) for row in rows]
        expected_reading, expected = read([path], FlowLogForm.PARQUET, scope)

    for answer in (rows, as_text):
        reading, unplaced = Reading(), Unplaced()
        assert summed(records_of(answer, reading, unplaced), scope) == expected
        assert (reading.recorded, reading.no_data) == (expected_reading.recorded, expected_reading.no_data)
        assert unplaced.count == expected_reading.malformed


@pytest.mark.parametrize(
    ("since", "folder", "is_read"),
    [
        ("2026-11-24T05:30Z", "2026/11/24/04", True),  # the margin: a line may end after the hour of its folder
        ("2026-11-24T05:30Z", "2026/11/24/03", False),
        ("2026-11-24T05:30Z", "2026/12/01/00", True),
        ("2026-11-24T05:30Z", "2027/01/01/00", True),
        ("2026-11-24T05:30Z", "2026/10/31/23", False),
        ("2026-01-01T00:10Z", "2025/12/31/23", True),
        ("2026-01-01T00:10Z", "2025/12/31/22", False),
    ],
)
def test_athena_skips_the_hours_that_ended_before(since: str, folder: str, *, is_read: bool) -> None:
    year, month, day, hour = folder.split("/")
    with duckdb.connect() as database:
        moment = database.execute(f"SELECT epoch('{since}'::TIMESTAMPTZ)").fetchall()[0][0]
        columns = ", ".join(f'NULL AS "{column(field)}"' for field in RECORD_FIELDS if field != "end")
        database.execute(
            f'CREATE VIEW flow_logs AS SELECT {columns}, NULL::BIGINT AS "end", '
            f"'{year}' AS \"year\", '{month}' AS \"month\", '{day}' AS \"day\", '{hour}' AS \"hour\""
        )
        text = flow_log_query(Scope(since=moment), Dialect.ATHENA, "flow_logs")
        (text,) = sqlglot.transpile(text, read="athena", write="duckdb")

        assert bool(database.execute(text).fetchall()) is is_read
