"""The metric filters, alarms and Contributor Insights rule of CloudWatch, as values."""

import json
from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS


class LogGroupMetrics(StrEnum):
    """A log group whose lines are counted."""

    FLOW_LOG = "flow-log"
    """The group of the stack's flow log; its name is known once it exists."""
    AGENT = "agent"
    """The group of the network policy agent; this program does not own it."""


class Missing(StrEnum):
    """How an alarm treats a period without data (CloudWatch API reference, PutMetricAlarm, TreatMissingData)."""

    FINE = "notBreaching"
    ALARM = "breaching"


class ComparisonOperator(StrEnum):
    """How an alarm compares (CloudWatch API reference, PutMetricAlarm, ComparisonOperator)."""

    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Counts the lines of a log that a pattern matches.

    Attributes:
        name: Unique in the log group.
        metric: The metric's name, in the namespace of `CloudWatchWatch`; several filters can share a metric.
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
    """The number of REJECT records of the busiest pair of addresses, from the Contributor Insights rule."""


Metric = Counted | LogEvents | BucketRequests | TopPair


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm.

    Attributes:
        subject: One word that distinguishes alarms with the same alert; empty if there is only one.
        seconds: The length of a period.
        periods: How many of the latest periods the alarm evaluates.
        breaches: How many of them must cross the threshold.
        description: The text for the person on call.
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
    """The CloudWatch monitoring of one firewall.

    Attributes:
        name: ``flash-ticket-dev``: a part of all names, which must be unique in the account.
        namespace: The namespace of the filters' metrics.
        topic: The ARN of the topic that alarms notify.
        agent_log_group: The log group of the network policy agent; None if no filter reads it.
        pairs_rule: The name of the Contributor Insights rule; None without a flow log in CloudWatch.
        runbook: The URL of the runbook.
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
        """Return the alarm's name, which begins with the alert's name."""
        return "-".join(part for part in (alarm.alert.value, self.name, alarm.subject) if part)

    def description(self, alarm: Alarm) -> str:
        """Return the text of the notification."""
        alert = alarm.alert
        return f"{alert.severity}: {alert.summary} {alarm.description} {alert.runbook_url(self.runbook)}"


METRICS_NAME = "flow-log"
"""The name of the metrics configuration, which is the metric's dimension ``FilterId``."""

RECORDS_PREFIX = "AWSLogs/"
"""The prefix of log delivery's files in a bucket (Amazon VPC User Guide, "Flow log files"); only these count."""


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
    """Return the metric math expression that reads the rule.

    Args:
        rule: The rule's name.
        metric: ``MaxContributorValue`` or ``UniqueContributors``.
    """
    return f"INSIGHT_RULE_METRIC('{rule}', '{metric}')"
