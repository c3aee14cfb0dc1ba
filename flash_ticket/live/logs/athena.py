"""Recorded traffic, read with Amazon Athena. This is for more traffic than one machine can read.

Source: Amazon Athena API reference, StartQueryExecution, GetQueryExecution and GetQueryResults; Athena User Guide,
"Data usage controls" (Athena cancels a query over the limit).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, Protocol

from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_refusal import RefusedError, patiently
from flash_ticket.live.progress import Progress
from flash_ticket.traffic.flow_logs.athena import TABLE, stack_name, table_name
from flash_ticket.traffic.flow_logs.query import Dialect, flow_log_query
from flash_ticket.traffic.flow_logs.rows import Unplaced, records_of
from flash_ticket.traffic.records.record import Log, Reading, Record, Scope

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 3.0
_PAGE_ROWS = 1000
"""The most rows that GetQueryResults returns at once."""

_UNDER_WAY = {"QUEUED", "RUNNING"}
_OVER_THE_LIMIT = "Bytes scanned limit"
_MISSING_RIGHT = ("not authorized", "Access Denied", "AccessDenied", "Insufficient permissions", "Insufficient Lake")
_NO_TABLE = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND")
_BYTES_OF_A_MEBIBYTE = 1024**2


class AthenaAccount(Protocol):
    """The part of an AWS account that this module needs, such as `flash_ticket.live.aws_account.AwsAccount`."""

    def ask(self, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Return one answer, as the SDK returns it.

        Raises:
            RefusedError: AWS refuses the call.
            InputError: The call fails for another reason.
        """


def athena_source(account: AthenaAccount, owner: Owner) -> tuple[Log, ...]:
    """Return the recorded traffic of a stack with the destination s3, read in place. This makes no call to AWS."""
    return (AthenaFlowLog(account, stack_name(owner), owner.stack),)


@dataclass(frozen=True, slots=True)
class AthenaFlowLog:
    """The records of a stack, read through the workgroup and the table that the stack made for them.

    Attributes:
        workgroup: The name of the workgroup and of the database.
        stack: The Pulumi stack that made the workgroup and the table.
        progress: Shows how long the query runs.
    """

    account: AthenaAccount
    workgroup: str
    stack: str
    progress: Progress = field(default_factory=Progress)

    @property
    def name(self) -> str:
        """The name of the log, such as ``athena:flash_ticket__prod.flow_logs``."""
        return f"athena:{self.workgroup}.{TABLE}"

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records of the table. Memory holds one page of groups at a time.

        Athena counts malformed lines, but does not say where they are.

        Raises:
            InputError: A right, the workgroup or the table is missing, or the query would read too much.
        """
        query = self._start(flow_log_query(scope, Dialect.ATHENA, table_name(self.workgroup)))
        self._wait(query)
        unplaced = Unplaced()
        yield from records_of(self._rows(query), reading, unplaced)
        if unplaced.count:
            known = f", such as the address {min(unplaced.addresses)!r}" if unplaced.addresses else ""
            reading.refuse(self.name, f"not understood{known}; read its folder in S3 for the place", unplaced.count)

    def _start(self, query: str) -> str:
        try:
            started = self._ask("start_query_execution", QueryString=query, WorkGroup=self.workgroup)
        except RefusedError as refused:
            if refused.code == "InvalidRequestException" and "WorkGroup" in refused.message:
                raise self._absent("workgroup", refused.message) from None
            raise
        return str(started["QueryExecutionId"])

    def _wait(self, query: str) -> None:
        """Wait until the query has succeeded. If the wait ends early, stop the query, because a query costs money."""
        begun, pause = time.monotonic(), _FIRST_PAUSE
        try:
            while (execution := self._execution(query))["Status"]["State"] in _UNDER_WAY:
                self.progress.say(f"{self.name}: {time.monotonic() - begun:.0f} s{_read(execution)}")
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        except BaseException:
            with suppress(InputError):
                self._ask("stop_query_execution", QueryExecutionId=query)
            raise
        finally:
            self.progress.end()
        if execution["Status"]["State"] != "SUCCEEDED":
            self._fail(execution["Status"])

    def _execution(self, query: str) -> dict[str, Any]:
        """Return the present state of the query."""
        return dict(self._ask("get_query_execution", QueryExecutionId=query)["QueryExecution"])

    def _rows(self, query: str) -> Iterator[Sequence[str | None]]:
        """Yield the rows of the answer, without the first row, which repeats the names of the columns."""
        page: dict[str, Any] = {}
        while not page or page.get("NextToken"):
            further = {"NextToken": page["NextToken"]} if page else {}
            page = self._ask("get_query_results", QueryExecutionId=query, MaxResults=_PAGE_ROWS, **further)
            rows = page["ResultSet"]["Rows"]
            for row in rows if further else rows[1:]:
                yield [cell.get("VarCharValue") for cell in row["Data"]]

    def _fail(self, status: dict[str, Any]) -> NoReturn:
        reason = str(status.get("StateChangeReason") or status["State"]).rstrip(".")
        if _OVER_THE_LIMIT in reason:
            raise InputError(
                "Athena",
                self.workgroup,
                f"the query would read more than the stack allows one ({reason})",
                "Ask for less with --since, or raise flowLogs.scanLimitGibibytes of the binding and deploy",
            )
        if any(word in reason for word in _NO_TABLE):
            raise self._absent("table", reason)
        if any(word in reason for word in _MISSING_RIGHT):
            raise InputError(
                "Athena",
                self.workgroup,
                f"a right is missing: {reason}",
                "Allow this identity what components/traffic_queries.py lists",
            )
        raise InputError("Athena", self.workgroup, f"the query ended: {reason}", "Try again, or fix what it says")

    def _absent(self, what: str, reason: str) -> InputError:
        return InputError(
            "Athena",
            self.workgroup,
            f"this account and region have no such {what} ({reason.rstrip('.')})",
            f"Deploy the stack {self.stack} with flowLogs.destination s3, or leave out --engine athena",
        )

    def _ask(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        return patiently(partial(self.account.ask, "athena", operation, **arguments))


def _read(execution: dict[str, Any]) -> str:
    scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
    return f", {scanned / _BYTES_OF_A_MEBIBYTE:,.0f} MiB read" if scanned else ""
