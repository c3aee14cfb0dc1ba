"""What CloudWatch is told to count and to watch, as values."""

import json
from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS


class LogGroupMetrics(StrEnum):
    """A log group that lines are counted in."""

    FLOW_LOG = "flow-log"
    """The group that the stack's flow log writes to; its name is known once it is made."""
    AGENT = "agent"
    """The group that the network policy agent writes to, which somebody else owns."""


class Missing(StrEnum):
    """What an alarm makes of a period without data (CloudWatch API reference, PutMetricAlarm, TreatMissingData)."""

    FINE = "notBreaching"
    ALARM = "breaching"


class ComparisonOperator(StrEnum):
    """CloudWatch API reference, PutMetricAlarm, ComparisonOperator."""

    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Counts the lines of a log that a pattern matches.

    Attributes:
        name: Unique in the log group.
        metric: The metric's name, in the namespace of `CloudWatchWatch`; several filters may count into one.
    """

    name: str
    log: LogGroupMetrics
    pattern: str
    metric: str


@dataclass(frozen=True, slots=True)
class Counted:
    """The sum of a metric that metric filters fill."""

    metric: str


@dataclass(frozen=True, slots=True)
class LogEvents:
    """How many events arrive in the flow log's group (``AWS/Logs``, IncomingLogEvents)."""


@dataclass(frozen=True, slots=True)
class BucketRequests:
    """Requests to the flow log's part of its bucket (``AWS/S3``, request metrics).

    Attributes:
        metric: ``PutRequests`` or ``4xxErrors``.
    """

    metric: str


@dataclass(frozen=True, slots=True)
class TopPair:
    """How many REJECT records the busiest pair of addresses has, by the Contributor Insights rule."""


Metric = Counted | LogEvents | BucketRequests | TopPair


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm.

    Attributes:
        subject: What the same alert is about in this alarm, in a word; empty where there is one such alarm alone.
        seconds: The length of a period.
        periods: How many of the latest periods are looked at.
        breaches: How many of them must be beyond the threshold.
        description: What is said to the person who is called.
    """

    alert: Alert
    subject: str
    metric: Metric
    comparison: ComparisonOperator
    threshold: int
    seconds: int
    periods: int
    breaches: int
    missing: Missing
    description: str


@dataclass(frozen=True, slots=True)
class CloudWatchWatch:
    """Everything that CloudWatch does for one firewall.

    Attributes:
        name: ``flash-ticket-dev``: what names end or begin with, since they are the account's.
        namespace: Of the metrics that filters fill.
        topic: The ARN of the topic that alarms notify.
        agent_log_group: Where the network policy agent writes; None where that is not read.
        pairs_rule: The name of the Contributor Insights rule; None without a flow log to read.
        runbook: Where the runbook is published.
    """

    name: str
    namespace: str
    topic: str
    agent_log_group: str | None
    pairs_rule: str | None
    filters: tuple[MetricFilter, ...]
    alarms: tuple[Alarm, ...]
    runbook: str

    def alarm_name(self, alarm: Alarm) -> str:
        """Return the alarm's name, which begins with the alert's."""
        return "-".join(part for part in (alarm.alert.value, self.name, alarm.subject) if part)

    def description(self, alarm: Alarm) -> str:
        """Return what the notification says."""
        alert = alarm.alert
        return f"{alert.severity}: {alert.summary} {alarm.description} {alert.runbook_url(self.runbook)}"


METRICS_NAME = "flow-log"
"""The name of the metrics configuration, which is the metric's dimension ``FilterId``."""

RECORDS_PREFIX = "AWSLogs/"
"""Where log delivery writes in a bucket (Amazon VPC User Guide, "Flow log files"): requests elsewhere do not count."""


def bucket_name(location: str) -> str:
    """Return the bucket of a folder's ARN, ``arn:aws:s3:::bucket/AWSLogs/...``."""
    return location.rpartition(":")[2].partition("/")[0]


_KEYS = ("pkt-srcaddr", "pkt-dstaddr")
_ACTION = "action"


def pairs_rule_definition(log_group: str) -> str:
    """Return the rule's definition for the flow log's group, as JSON."""
    fields = {str(position): field for position, field in enumerate(RECORD_FIELDS, 1) if field in (*_KEYS, _ACTION)}
    definition = {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
        "LogGroupNames": [log_group],
        "LogFormat": "CLF",
        "Fields": fields,
        "Contribution": {"Keys": list(_KEYS), "Filters": [{"Match": _ACTION, "In": ["REJECT"]}]},
        "AggregateOn": "Count",
    }
    return json.dumps(definition)


def pairs_expression(rule: str, metric: str) -> str:
    """Return the metric math that reads the rule.

    Args:
        rule: The rule's name.
        metric: ``MaxContributorValue`` or ``UniqueContributors``.
    """
    return f"INSIGHT_RULE_METRIC('{rule}', '{metric}')"
