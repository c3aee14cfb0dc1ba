"""The options of the verbs that read recorded traffic, and the reading itself."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from flash_ticket.cli.options import chosen
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.moment import moment
from flash_ticket.live.logs.source import open_source
from flash_ticket.traffic.attribution.attributed_traffic import (
    AttributedTraffic,
    attribute_logs,
    attribute_logs_to,
    known_environment,
    refuse_other_stack,
)
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.attribution.inventory_file import read_inventory
from flash_ticket.traffic.attribution.pod_history import merged
from flash_ticket.traffic.records.record import Evidence, Log
from flash_ticket.traffic.source import Use

if TYPE_CHECKING:
    from flash_ticket.live.aws_account import AwsAccount
    from flash_ticket.live.live_stack import LiveStack


Result = TypeVar("Result")


class Engine(StrEnum):
    """What reads flow logs."""

    DUCKDB = "duckdb"
    ATHENA = "athena"


Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        help="A file or folder of logs, - for standard input, s3://BUCKET/PREFIX or cloudwatch:LOG_GROUP; "
        "default: the logs that the stack itself records.",
        show_default=False,
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="Only later records: 90m, 2h or 3d ago, or a time such as 2026-11-24T03:00Z."),
]
InventoryFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--inventory",
        help="A saved inventory, or the JSON of kubectl get pods,services -A -o json; repeatable, for several moments. "
        "If one holds an environment, the command asks neither cluster nor account.",
    ),
]
EngineChoice = Annotated[
    Engine, typer.Option("--engine", help="What reads the stack's flow log; athena reads it in its bucket.")
]


def recorded_traffic(  # noqa: PLR0913, PLR0917 - each is an option of the verbs
    project: Path,
    stack: str | None,
    sources: Sequence[str] | None,
    since: str | None = None,
    inventories: Sequence[Path] | None = None,
    engine: Engine = Engine.DUCKDB,
) -> AttributedTraffic:
    """Return the traffic in the sources, attributed by the project's matrix.

    Raises:
        InputError: An option, a file of the project, an inventory or a source cannot be used.
    """
    wanted, declared = begin(since), read_matrix(project / MATRIX_FILE)
    known = inventory(project, stack, inventories)
    environment = known_environment(known)
    declared = declared.within(environment.name, datetime.now(UTC))
    read = logs(project, sources or (), engine, declared, environment)
    return attribute_logs(declared, known, read, wanted)


_SLOW_SECONDS = 10.0
"""Seconds until a follower asks the cluster and the account again, and looks for new flow logs: these arrive minutes
late (VPC User Guide, "Flow log basics")."""

_PATIENCE_SECONDS = 0.5
"""How long a follower waits for these answers. If they take longer, a later read has them."""


@dataclass(slots=True)
class FollowedTraffic:
    """The traffic in sources that are read again and again.

    Each read covers the logs of the pod layer. Only a read every ten seconds also covers flow logs, asks who has which
    address now, and looks for new files. A thread does that, so that denials of the pod layer never wait for it.
    """

    project: Path
    stack: str | None
    sources: Sequence[str] | None
    inventories: Sequence[Path] | None
    _last: AttributedTraffic | None = None
    _prompt: tuple[Log, ...] = ()
    _due: float = 0.0
    _slow: Future[tuple[AttributedTraffic, tuple[Log, ...]]] | None = None

    def read(self, since: str) -> AttributedTraffic:
        """Return the traffic since a time.

        Raises:
            InputError: A file of the project, an inventory or a source cannot be used.
        """
        wanted, last = begin(since), self._last
        if last is None:
            return self._take(self._read_all(wanted, None))
        if self._slow is None and time.monotonic() >= self._due:
            self._slow = _in_thread(lambda: self._read_all(wanted, last.inventory))
        if self._slow is not None and wait_for([self._slow], _PATIENCE_SECONDS).done:
            ended, self._slow = self._slow, None
            self._due = time.monotonic() + _SLOW_SECONDS
            return self._take(ended.result())
        return attribute_logs_to(last.firewall, last.layers, last.inventory, self._prompt, wanted)

    def _take(self, found: tuple[AttributedTraffic, tuple[Log, ...]]) -> AttributedTraffic:
        traffic, read = found
        self._due = time.monotonic() + _SLOW_SECONDS
        self._last = traffic
        self._prompt = tuple(
            log for log, total in zip(read, traffic.totals, strict=True) if total.evidence != {Evidence.FLOW_LOG}
        )
        return traffic

    def _read_all(self, since: float | None, earlier: Inventory | None) -> tuple[AttributedTraffic, tuple[Log, ...]]:
        declared = read_matrix(self.project / MATRIX_FILE)
        known = inventory(self.project, self.stack, self.inventories, earlier)
        environment = known_environment(known)
        declared = declared.within(environment.name, datetime.now(UTC))
        read = logs(self.project, self.sources or (), Engine.DUCKDB, declared, environment, Use.AGAIN)
        return attribute_logs(declared, known, read, since), read


def _in_thread(work: Callable[[], Result]) -> Future[Result]:
    """Begin some work in a thread of its own. The process ends after the work does."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the caller of result() gets it
            future.set_exception(error)

    Thread(target=run).start()
    return future


def begin(since: str | None) -> float | None:
    """Return the start of the wanted traffic, in seconds since 1970; None for all of it.

    Raises:
        InputError: It is not a time.
    """
    return None if since is None else moment(since, time.time())


def refuse_to_follow(sources: Sequence[str] | None, engine: Engine) -> None:
    """Refuse sources that cannot be read again and again.

    Raises:
        InputError: The source is standard input, or each look would be a query that costs money.
    """
    if "-" in (sources or ()):
        problem = "standard input can be read once, and --follow looks again and again"
        raise InputError("-", "", problem, "Write it to a file, and follow that")
    if engine is Engine.ATHENA:
        raise InputError(
            "--engine", "athena", "each look of --follow would be a query that costs money", "Leave one out"
        )


def inventory(
    project: Path, stack: str | None, files: Sequence[Path] | None, earlier: Inventory | None = None
) -> Inventory:
    """Return the saved inventories as one, with what runs now added if none of them holds an environment.

    Args:
        project: Where traffic.yaml is.
        stack: The stack, if it was named.
        files: Saved inventories.
        earlier: The inventory of the look before this one.

    Raises:
        InputError: A file cannot be used, or cluster and account cannot be asked.
    """
    saved = [read_inventory(path) for path in files or ()]
    if not any(each.environment for each in saved):
        saved.append(_live(project, chosen(project, stack)).inventory(read_matrix(project / MATRIX_FILE)))
    found = merged([*([earlier] if earlier else []), *saved])
    refuse_other_stack(found, stack)
    return found


def inventory_to_save(project: Path, stack: str | None) -> Inventory:
    """Return who has which address now, and everything else that a verification reads from a saved inventory.

    Raises:
        InputError: Cluster and account cannot be asked.
    """
    return _live(project, chosen(project, stack)).inventory_to_save(read_matrix(project / MATRIX_FILE))


def logs(  # noqa: PLR0913, PLR0917 - each is an option of the verbs, except for the last two
    project: Path,
    sources: Sequence[str],
    engine: Engine,
    matrix: Matrix,
    environment: Environment,
    use: Use = Use.ONCE,
) -> tuple[Log, ...]:
    """Return the logs that the sources name, or those of the stack itself. It reads none of them yet.

    Raises:
        InputError: A source does not exist, or the stack records nothing.
    """
    live = cache(lambda: _live(project, environment.name))

    def account() -> "AwsAccount":
        return live().account

    named = tuple(log for source in dict.fromkeys(sources) for log in open_source(source, account, use))
    if engine is Engine.ATHENA:
        return (*live().athena_logs(matrix, environment), *named)
    return named or live().own_logs(matrix, environment)


def _live(project: Path, stack: str) -> "LiveStack":
    from flash_ticket.live.live_stack import LiveStack  # noqa: PLC0415 - who reads files alone needs no client of a cloud

    return LiveStack(project, stack)
