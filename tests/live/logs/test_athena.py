"""Athena gets the same question as DuckDB, and its answer becomes the same records.

moto accepts a query and returns a prepared answer. Here DuckDB computes that answer from the exact text that Athena
receives. These tests do not show that Athena itself runs the text.
"""

import json
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from botocore.exceptions import ClientError

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_refusal import RefusedError, explained_refusals
from flash_ticket.live.logs.athena import AthenaFlowLog, athena_source
from flash_ticket.traffic.flow_logs.files import FlowLogForm
from flash_ticket.traffic.flow_logs.query import ROW, Dialect, flow_log_query
from flash_ticket.traffic.records.record import Reading, Record, Scope
from lab.surroundings import REGION
from tests.support.clouds.moto_account import MotoAccount
from tests.support.declared.owners import DEV
from tests.support.naive.naive_flow_log import NAMES, Line
from tests.support.traffic.flow_log_writing import counts, read, summed, write_parquet

WORKGROUP = "flash_ticket__dev"
BASE: dict[str, Any] = {
    "srcaddr": "10.0.0.1",
    "dstaddr": "10.0.0.2",
    "srcport": 40000,
    "dstport": 6379,
    "protocol": 6,
    "tcp_flags": 3,
}
ROWS = [
    ["traffic", "passed", "10.0.0.1", "10.0.0.2", "6", str(port), None, None, None, "1", "0", "1"] for port in range(9)
]


def line(**changes: str | int | None) -> Line:
    rest: dict[str, Any] = {"interface_id": "eni-1", "start": 1000, "end": 1060, "action": "ACCEPT"}
    return Line(**{**dict.fromkeys(NAMES), **BASE, **rest, **changes})


SILENT = dict.fromkeys((*BASE, "interface_id", "action"))
LINES = (
    line(),
    line(srcport=6379, dstport=40000, tcp_flags=19, srcaddr="10.0.0.2", dstaddr="10.0.0.1"),
    line(dstport=22, tcp_flags=2, action="REJECT", flow_direction="ingress", reject_reason="BPA"),
    line(dstport=23, tcp_flags=2),
    line(protocol=1, srcport=0, dstport=0, tcp_flags=None),
    line(start=2000, end=2060, pkt_srcaddr="10.0.9.1"),
    line(protocol=999),
    line(srcaddr="10.0.0.256"),
    line(**SILENT, log_status="NODATA"),
    line(**SILENT, log_status="SKIPDATA"),
)


def row(cells: Sequence[object]) -> dict[str, Any]:
    """Return a row as GetQueryResults returns it: text, and no value for NULL."""
    return {"Data": [{} if each is None else {"VarCharValue": str(each)} for each in cells]}


def computed(path: Path, scope: Scope) -> list[dict[str, Any]]:
    """Return what Athena would answer for one file: DuckDB runs Athena's text."""
    sent = flow_log_query(scope, Dialect.ATHENA, f'"{WORKGROUP}"."flow_logs"')
    with duckdb.connect(":memory:") as database:
        database.execute(f"CREATE SCHEMA {WORKGROUP}")
        hour = "'1970' AS \"year\", '01' AS \"month\", '01' AS \"day\", '00' AS \"hour\""
        database.execute(
            f"CREATE VIEW {WORKGROUP}.flow_logs AS SELECT *, {hour} FROM read_parquet('{path}')"  # noqa: S608 - our own
        )
        rows = database.execute(sqlglot.transpile(sent, read="athena", write="duckdb")[0]).fetchall()
    return [row(ROW), *map(row, rows)]


def answer_with(moto: MotoAccount, rows: list[dict[str, Any]]) -> None:
    """Make moto return these rows for the next query."""
    wanted = {"region": REGION, "results": [{"rows": rows, "column_info": []}]}
    path = f"{moto.endpoint}/moto-api/static/athena/query-results"
    request = urllib.request.Request(path, json.dumps(wanted).encode(), {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        assert answer.status == 201


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("flash_ticket.live.logs.athena.time.sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "scope", [Scope(), Scope(since=1500.0), Scope(moments=(1030.0,), listening=frozenset({(6, 23)}))]
)
def test_athena_gives_the_records_and_counts_that_duckdb_gives(moto: MotoAccount, tmp_path: Path, scope: Scope) -> None:
    path = write_parquet(tmp_path / "flows.parquet", LINES)
    moto.client("athena").create_work_group(Name=WORKGROUP, Configuration={})
    answer_with(moto, computed(path, scope))
    (log,) = athena_source(moto.connect(), DEV)
    reading = Reading()
    found = summed(log.records(scope, reading), scope)
    duckdb_reading, duckdb_found = read([path], FlowLogForm.PARQUET, scope)

    assert found == duckdb_found
    assert counts(reading) == counts(duckdb_reading)
    assert found


def test_the_query_runs_in_the_stacks_workgroup_over_the_stacks_table(moto: MotoAccount) -> None:
    client = moto.client("athena")
    client.create_work_group(Name=WORKGROUP, Configuration={})
    (log,) = athena_source(moto.connect(), DEV)
    assert list(log.records(Scope(), Reading())) == []

    (query,) = client.list_query_executions(WorkGroup=WORKGROUP)["QueryExecutionIds"]
    execution = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
    assert f'FROM "{WORKGROUP}"."flow_logs"' in execution["Query"]
    assert "OutputLocation" not in (execution.get("ResultConfiguration") or {})
    assert log.name == f"athena:{WORKGROUP}.flow_logs"


def test_without_a_workgroup_the_message_says_what_to_deploy(moto: MotoAccount) -> None:
    (log,) = athena_source(moto.connect(), DEV)
    with pytest.raises(InputError) as refused:
        list(log.records(Scope(), Reading()))

    assert str(refused.value) == (
        f"Athena: {WORKGROUP}: this account and region have no such workgroup (WorkGroup does not exist). "
        "Deploy the stack dev with flowLogs.destination s3, or leave out --engine athena."
    )


class Scripted:
    """An account whose query goes through these states and returns these pages."""

    def __init__(
        self, *states: dict[str, Any] | BaseException, pages: Sequence[Sequence[Sequence[object]]] = ()
    ) -> None:
        self.states = list(states)
        self.pages = list(pages)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's signature
        assert service == "athena"
        self.asked.append((operation, arguments))
        answers: dict[str, Callable[[], Any]] = {
            "start_query_execution": lambda: {"QueryExecutionId": "q"},
            "get_query_execution": self._state,
            "get_query_results": lambda: self._page(arguments),
            "stop_query_execution": dict,
        }
        return answers[operation]()

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    def _state(self) -> dict[str, Any]:
        state = self.states.pop(0)
        if isinstance(state, BaseException):
            raise state
        return {"QueryExecution": {"Status": state}}

    def _page(self, arguments: dict[str, Any]) -> dict[str, Any]:
        number = int(arguments.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {"ResultSet": {"Rows": [row(cells) for cells in self.pages[number]]}, **more}


DONE = {"State": "SUCCEEDED"}
RUNNING = {"State": "RUNNING"}


def asked(account: Scripted, reading: Reading | None = None) -> list[Record]:
    return list(AthenaFlowLog(account, WORKGROUP, "dev").records(Scope(), reading or Reading()))


def test_a_missing_right_to_query_is_named() -> None:
    """Moto's refusals differ from Athena's; this one is Athena's (API reference, "Common errors")."""

    class Forbidden(Scripted):
        def ask(self, service: str, operation: str, **_: Any) -> Any:  # noqa: ANN401 - the SDK's signature
            refused: Any = {"Error": {"Code": "AccessDeniedException", "Message": "You are not authorized"}}
            with explained_refusals(service, operation):
                raise ClientError(refused, operation)

    with pytest.raises(InputError, match=r"You are not authorized\. Allow athena:StartQueryExecution to this identity"):
        asked(Forbidden())


def test_every_page_is_read_and_only_the_first_has_a_header() -> None:
    account = Scripted(DONE, pages=[[ROW, *ROWS[:4]], ROWS[4:8], ROWS[8:]])

    assert [each.port for each in asked(account)] == list(range(9))
    assert all(arguments["MaxResults"] <= 1000 for name, arguments in account.asked if name == "get_query_results")


def test_pages_are_fetched_as_records_are_consumed() -> None:
    account = Scripted(DONE, pages=[[ROW, *ROWS[:4]], ROWS[4:8], ROWS[8:]])
    records = AthenaFlowLog(account, WORKGROUP, "dev").records(Scope(), Reading())
    next(records)

    assert account.operations.count("get_query_results") == 1


def test_a_long_query_is_polled_less_and_less_often(no_waiting: list[float]) -> None:
    asked(Scripted({"State": "QUEUED"}, *[RUNNING] * 9, DONE, pages=[[ROW]]))

    assert len(no_waiting) == 10
    assert no_waiting == sorted(no_waiting)
    assert no_waiting[-1] <= 5


def test_throttling_does_not_end_the_query() -> None:
    throttled = RefusedError("AWS", "athena:GetQueryExecution", "x", "y", "ThrottlingException", "Rate exceeded")
    account = Scripted(throttled, RUNNING, throttled, DONE, pages=[[ROW, ROWS[1]]])

    assert [each.port for each in asked(account)] == [1]
    assert "stop_query_execution" not in account.operations


@pytest.mark.parametrize("end", [KeyboardInterrupt(), InputError("AWS", "athena", "it cannot be reached", "x")])
def test_an_interrupt_stops_the_query(end: BaseException) -> None:
    account = Scripted(RUNNING, end)
    with pytest.raises(type(end)):
        asked(account)

    assert account.asked[-1] == ("stop_query_execution", {"QueryExecutionId": "q"})


# fmt: off
ENDS = [
    ("CANCELLED", "Query cancelled! : Bytes scanned limit was exceeded",
        ("the query would read more than the stack allows one (Query cancelled! : Bytes scanned limit was exceeded). "
        "Ask for less with --since, or raise flowLogs.scanLimitGibibytes of the binding and deploy.")),
    ("FAILED", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.x.flow_logs' does not exist",
        ("this account and region have no such table (TABLE_NOT_FOUND: line 1:15: Table "
        "'awsdatacatalog.x.flow_logs' does not exist). "
        "Deploy the stack dev with flowLogs.destination s3, or leave out --engine athena.")),
    ("FAILED", "Access Denied (Service: Amazon S3; Status Code: 403)",
        ("a right is missing: Access Denied (Service: Amazon S3; Status Code: 403). "
        "Allow this identity what components/traffic_queries.py lists.")),
    ("CANCELLED", "",
        "the query ended: CANCELLED. Try again, or fix what it says."),
    ("FAILED", "an \x1b[31merror\nin lines",
        r"the query ended: an \x1b[31merror\nin lines. Try again, or fix what it says."),
]
# fmt: on


@pytest.mark.parametrize(
    ("state", "reason", "message"), ENDS, ids=["too much", "no table", "no right", "cancelled", "terminal escapes"]
)
def test_a_failed_query_is_reported_in_one_line(state: str, reason: str, message: str) -> None:
    account = Scripted({"State": state, "StateChangeReason": reason} if reason else {"State": state})
    with pytest.raises(InputError) as refused:
        asked(account)

    assert str(refused.value) == f"Athena: {WORKGROUP}: {message}"
    assert "stop_query_execution" not in account.operations


def test_malformed_lines_are_counted_and_reported_once_with_their_place() -> None:
    malformed = ["malformed", *[None] * 8, "3", "0", "1"]
    no_address = ["traffic", "passed", "10.0.0", *ROWS[0][3:9], "2", "0", "1"]
    reading = Reading()
    found = asked(Scripted(DONE, pages=[[ROW, malformed, no_address, ROWS[2]]]), reading)

    assert [each.port for each in found] == [2]
    assert (reading.recorded, reading.malformed, reading.read) == (1, 5, 6)
    assert reading.first_malformed.startswith(f"athena:{WORKGROUP}.flow_logs: ")
    assert "'10.0.0'" in reading.first_malformed
