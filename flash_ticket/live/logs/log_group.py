"""Records of traffic in a log group: the lines of flow logs, or the lines of the AWS network policy agent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError, patiently
from flash_ticket.live.progress import Progress
from flash_ticket.traffic.flow_logs.events import FlowLogEvents
from flash_ticket.traffic.records.lines import GivenLines
from flash_ticket.traffic.records.policy_agent import PolicyAgentReader
from flash_ticket.traffic.records.record import Reading, Record, Scope


class Event(NamedTuple):
    """An event of a log group.

    Attributes:
        time: The time of the event, in seconds since 1970.
        line: The message of the event.
    """

    time: float
    line: str


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group, or the streams in it whose names begin with a prefix."""

    account: AwsAccount
    group: str
    stream_prefix: str = ""
    progress: Progress = field(default_factory=Progress)

    @property
    def name(self) -> str:
        """Return ``cloudwatch:GROUP``."""
        return f"cloudwatch:{self.group}"

    def events(self, since: float | None, until: float | None) -> Iterator[Event]:
        """Yield the events of a time, in seconds since 1970, in the order of AWS.

        Raises:
            InputError: The group does not exist, a right is missing, or a call to AWS fails.
        """
        wanted: dict[str, Any] = {"logGroupName": self.group}
        if self.stream_prefix:
            wanted["logStreamNamePrefix"] = self.stream_prefix
        if since is not None:
            wanted["startTime"] = max(0, int(since * 1000))
        if until is not None:
            wanted["endTime"] = max(0, int(until * 1000))
        count = 0
        try:
            while True:
                page = self._page(wanted)
                for event in page["events"]:
                    if event.get("logStreamName", "").startswith(self.stream_prefix):
                        count += 1
                        yield Event(event["timestamp"] / 1000, event["message"])
                self.progress.say(f"{self.name}: {count:,} events")
                if not page.get("nextToken"):
                    return
                wanted["nextToken"] = page["nextToken"]
        finally:
            self.progress.end()

    def _page(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        try:
            page: dict[str, Any] = patiently(partial(self.account.ask, "logs", "filter_log_events", **wanted))
        except RefusedError as refused:
            raise self._explained(refused) from None
        return page

    def _explained(self, refused: RefusedError) -> InputError:
        if refused.key == "credentials":
            return InputError(self.name, refused.key, refused.problem, refused.remedy)
        said = f"{refused.code}: {refused.message}"
        if refused.code == "ResourceNotFoundException":
            problem = f"there is no such log group in {self.account.region}"
            return InputError(self.name, "", problem, "Correct its name or the region (AWS_REGION)")
        if refused.forbids and "kms" in refused.message.lower():
            return InputError(
                self.name, "", f"its key may not be used ({said})", "Allow kms:Decrypt on the group's key"
            )
        if refused.forbids:
            return InputError(self.name, "", f"it may not be read ({said})", "Allow logs:FilterLogEvents on it")
        return InputError(self.name, refused.key, said, refused.remedy)


AGENT_STREAMS: Final = "aws-network-policy-agent-audit-"
"""The beginning of the names of the agent's streams in the group of an EKS cluster."""

MOST_KEPT: Final = 500_000
"""The most lines of flow logs on the disk at one time, about 100 MB."""

_LONGEST_INTERVAL = 600
"""An event of a flow log has the time when its record begins. A record covers ten minutes at most."""


@dataclass(frozen=True, slots=True)
class FlowLogGroup:
    """A log group that flow logs deliver to.

    Implements ``flash_ticket.traffic.records.record.Log``.

    Attributes:
        fields: The fields of the flow log's format, in order.
    """

    group: LogGroup
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return ``cloudwatch:GROUP``."""
        return self.group.name

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records from the events of the time.

        Raises:
            InputError: The group cannot be read.
        """
        since = None if scope.since is None else scope.since - _LONGEST_INTERVAL
        lines = (event.line for event in self.group.events(since, scope.until))
        for first in lines:
            some = chain((first,), islice(lines, MOST_KEPT - 1))
            yield from FlowLogEvents(self.name, self.fields, some).records(scope, reading)


@dataclass(frozen=True, slots=True)
class PolicyAgentGroup:
    """The agent's streams in the log group of an EKS cluster.

    Implements ``flash_ticket.traffic.records.record.Log``.
    """

    group: LogGroup

    @property
    def name(self) -> str:
        """Return ``cloudwatch:GROUP``."""
        return self.group.name

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records from the agent's lines of the time.

        Raises:
            InputError: The group cannot be read.
        """
        events = self.group.events(scope.since, scope.until)
        # The agent's line has no time. This puts the time of the event before it, in milliseconds.
        lines = (f"{round(event.time * 1000)} {event.line}".encode() for event in events)
        return PolicyAgentReader(scope, reading).records(GivenLines(self.name, lines))
