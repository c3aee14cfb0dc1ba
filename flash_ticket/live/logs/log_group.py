"""What a log group tells of traffic: the lines of flow logs, or those of the AWS network policy agent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from flash_ticket.live.logs.log_group_errors import Event, LogGroup
from flash_ticket.traffic.flow_logs.events import FlowLogEvents
from flash_ticket.traffic.records.lines import GivenLines
from flash_ticket.traffic.records.policy_agent import PolicyAgentLog
from flash_ticket.traffic.records.reading import Reading
from flash_ticket.traffic.records.record import Record, Scope

AGENT_STREAMS: Final = "aws-network-policy-agent-audit-"
"""How the agent's streams begin in the group of an EKS cluster."""

MOST_KEPT: Final = 500_000
"""Lines of flow logs that are on the disk at one time, about 100 MB."""

_LONGEST_INTERVAL = 600
"""An event of a flow log has the time at which its record begins, and a record sums up ten minutes at most."""


@dataclass(frozen=True, slots=True)
class FlowLogGroup:
    """A log group that flow logs deliver to. Implements ``flash_ticket.traffic.records.record.Log``.

    Attributes:
        fields: Those of the flow log's format, in order.
    """

    group: LogGroup
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return ``cloudwatch:GROUP``."""
        return self.group.name

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield what the events of the time tell.

        Raises:
            InputError: The group cannot be read.
        """
        since = None if scope.since is None else scope.since - _LONGEST_INTERVAL
        return self._told(self.group.events(since, scope.until), scope, reading)

    def _told(self, events: Iterable[Event], scope: Scope, reading: Reading) -> Iterator[Record]:
        lines = (event.line for event in events)
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
        """Yield what the agent's lines of the time tell.

        Raises:
            InputError: The group cannot be read.
        """
        return self._told(self.group.events(scope.since, scope.until), scope, reading)

    def _told(self, events: Iterable[Event], scope: Scope, reading: Reading) -> Iterator[Record]:
        # The agent's line has no time of its own; the event's stands before it, in milliseconds.
        lines = (f"{round(event.time * 1000)} {event.line}".encode() for event in events)
        return PolicyAgentLog(self.name, GivenLines(self.name, lines)).records(scope, reading)
