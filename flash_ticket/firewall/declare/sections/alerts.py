"""The binding's optional key ``alerts``: what people write, and the checked values."""

import re
from dataclasses import dataclass
from typing import Annotated, Self, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from flash_ticket.firewall.declare.fields import WrittenLabels
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal
from flash_ticket.firewall.terms.input_error import shown

# No braces: Prometheus reads an annotation as a template.
_URL = re.compile(r"https?://[A-Za-z0-9.:_~/?=&%+@-]+")
# SNS API reference, CreateTopic: a name's characters. Alarms cannot notify FIFO topics (CloudWatch User Guide).
_TOPIC = re.compile(r"(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:)?[A-Za-z0-9_-]{1,256}")
# CloudWatch Logs API reference, CreateLogGroup.
_LOG_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")


def _url(value: object) -> str:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise refusal(
            f"{shown(value)} is not the address of a page",
            "Write where docs/runbook.md is published, such as https://wiki.example.com/runbook, without an anchor",
        )
    return value


def _topic(value: object) -> str:
    if not isinstance(value, str) or not _TOPIC.fullmatch(value):
        raise refusal(f"{shown(value)} is not an SNS topic", "Write the name or the ARN of a standard topic")
    return value


def _log_group(value: object) -> str:
    if not isinstance(value, str) or not _LOG_GROUP.fullmatch(value):
        raise refusal(f"{shown(value)} is not a log group", "Write its name, such as /aws/eks/<cluster>/cluster")
    return value


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise refusal(f"{shown(value)} is not a rate", "Write a number above 0, without quotes")
    return float(value)


def _written(value: object) -> object:
    # YAML reads a key without a value as null. Without this check, the program would silently create nothing.
    if value is None:
        raise refusal("nothing is written here", "Write {} or keys with values, or remove it")
    return value


Part = TypeVar("Part")
Asked = Annotated[Part | None, BeforeValidator(_written)]
"""Something that the program creates only if its key is present."""

_TEXT = WithJsonSchema({"type": "string"})


class ThresholdsEntry(FileModel):
    """How much denied undeclared traffic raises an alert."""

    denied_per_second: Annotated[float, PlainValidator(_rate), WithJsonSchema({"type": "number"})] = Field(
        1.0, alias="deniedPerSecond"
    )
    """Packets per second from one source to one destination, over five minutes; with the VPC CNI, on one node."""
    denied_per_period: int = Field(100, alias="deniedPerPeriod", ge=1)
    """Log records in five minutes from one source to one destination; in the agent's log, of all together."""


class PrometheusEntry(FileModel):
    """A PrometheusRule, in the firewall's own namespace."""

    labels: WrittenLabels | None = None
    """The labels that Prometheus selects rules by: ``{release: kube-prometheus-stack}`` for the chart of that name."""


class GrafanaEntry(FileModel):
    """A ConfigMap with the dashboard, in the firewall's own namespace."""

    labels: WrittenLabels | None = None
    """The labels that Grafana's sidecar finds dashboards by; the chart's default is ``{grafana_dashboard: "1"}``."""


class CloudWatchEntry(FileModel):
    """Metric filters, alarms and a dashboard."""

    topic: Annotated[str, PlainValidator(_topic), _TEXT]
    """The SNS topic that the alarms notify: its name or its ARN."""
    agent_log_group: Annotated[str, PlainValidator(_log_group), _TEXT] | None = Field(None, alias="agentLogGroup")
    """The log group of the VPC CNI's network policy agent, ``/aws/eks/<cluster>/cluster``; not created here."""


class AlertsEntry(FileModel):
    """The alerts to create; without this key, the program creates none."""

    model_config = NOT_EMPTY

    runbook: Annotated[str, PlainValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
    """Where `docs/runbook.md` is published; each alert links to a heading there."""
    thresholds: ThresholdsEntry = Field(default_factory=lambda: ThresholdsEntry.model_validate({}))
    """How much denied traffic raises an alert."""
    prometheus: Asked[PrometheusEntry] = None
    """Rules for the Prometheus operator."""
    grafana: Asked[GrafanaEntry] = None
    """A dashboard for Grafana; it needs prometheus too."""
    cloudwatch: Asked[CloudWatchEntry] = None
    """Alarms and a dashboard in CloudWatch."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not (self.prometheus or self.grafana or self.cloudwatch):
            raise refusal("the alerts have no destination", "Add prometheus, grafana or cloudwatch, or remove alerts")
        if self.grafana and not self.prometheus:
            raise refusal("the Grafana dashboard shows metrics that the Prometheus rules record", "Add prometheus: {}")
        return self


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How much denied undeclared traffic raises an alert.

    Attributes:
        per_second: Packets per second from one source to one destination, over five minutes (Prometheus).
        per_period: Log records in five minutes from one source to one destination (CloudWatch).
    """

    per_second: float
    per_period: int


@dataclass(frozen=True, slots=True)
class CloudWatchAlerting:
    """Where CloudWatch alarms go.

    Attributes:
        topic: The ARN of an SNS topic in the stack's region.
        agent_log_group: The log group of the AWS network policy agent; None if no alarm reads it.
    """

    topic: str
    agent_log_group: str | None


@dataclass(frozen=True, slots=True)
class Alerting:
    """The alerts to create; None for what the binding does not request.

    Attributes:
        runbook: The URL of the published runbook, without an anchor.
        rule_labels: The labels that Prometheus selects its PrometheusRules by.
        dashboard_labels: The labels that Grafana's sidecar finds the ConfigMaps of dashboards by.
    """

    runbook: str
    thresholds: Thresholds
    rule_labels: Labels | None
    dashboard_labels: Labels | None
    cloudwatch: CloudWatchAlerting | None
