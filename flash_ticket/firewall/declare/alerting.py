"""What a stack asks for of alerts: where they go, and from which rate on denied traffic is worth one."""

from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]
"""Label keys with their values, sorted."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on undeclared traffic that is denied is worth an alert.

    Attributes:
        per_second: Packets a second from one source to one destination, over five minutes (Prometheus).
        per_period: Log records in five minutes from one source to one destination (CloudWatch).
    """

    per_second: float
    per_period: int


@dataclass(frozen=True, slots=True)
class CloudWatchAlerting:
    """Where alarms go.

    Attributes:
        topic: The ARN of an SNS topic of the stack's region.
        agent_log_group: The log group that the AWS network policy agent writes to; None where it is not to be read.
    """

    topic: str
    agent_log_group: str | None


@dataclass(frozen=True, slots=True)
class Alerting:
    """What is made; None for what nobody asked for.

    Attributes:
        runbook: Where the runbook is published, without an anchor.
        rule_labels: The labels by which Prometheus selects its PrometheusRules.
        dashboard_labels: The labels by which Grafana's sidecar finds the ConfigMaps of dashboards.
    """

    runbook: str
    thresholds: Thresholds
    rule_labels: Labels | None
    dashboard_labels: Labels | None
    cloudwatch: CloudWatchAlerting | None
