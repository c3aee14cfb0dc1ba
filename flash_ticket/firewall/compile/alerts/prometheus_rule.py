"""Prometheus rules as values, and the Kubernetes objects for rules and dashboards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.declare.matrix import Labels


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A series that other rules read.

    Attributes:
        labels: Labels to add to every sample.
    """

    record: str
    expression: str
    labels: Labels = ()

    def document(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        rule: dict[str, Any] = {"record": self.record, "expr": self.expression}
        return {**rule, "labels": dict(self.labels)} if self.labels else rule


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """An alert.

    Attributes:
        minutes: How long the expression must hold before the alert fires.
        description: A Prometheus template.
        runbook: The URL of the runbook.
        labels: Labels besides the severity.
    """

    alert: Alert
    expression: str
    minutes: int
    description: str
    runbook: str
    labels: Labels = ()

    def document(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        return {
            "alert": self.alert.value,
            "expr": self.expression,
            "for": f"{self.minutes}m",
            "labels": {"severity": self.alert.severity.value, **dict(self.labels)},
            "annotations": {
                "summary": self.alert.summary,
                "description": self.description,
                "runbook_url": self.alert.runbook_url(self.runbook),
            },
        }


Rule = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that Prometheus evaluates in order, once a minute."""

    name: str
    rules: tuple[Rule, ...]

    def document(self) -> dict[str, Any]:
        """Return the group as Prometheus reads it."""
        return {"name": self.name, "interval": "1m", "rules": [rule.document() for rule in self.rules]}


def rules_document(groups: tuple[RuleGroup, ...]) -> dict[str, Any]:
    """Return the content of a rules file, which is also the ``spec`` of a PrometheusRule."""
    return {"groups": [group.document() for group in groups]}


PERIOD_SECONDS = 300
"""The range of the rates, ``5m``."""


@dataclass(frozen=True, slots=True)
class SeriesSelector:
    """Selects series of one metric: ``metric{label="value"}``."""

    metric: str
    matchers: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the selector as PromQL."""
        return f"{self.metric}{{{', '.join(self.matchers)}}}" if self.matchers else self.metric


def equal(label: str, value: str) -> str:
    """Return a matcher for one value; the empty value matches a missing label."""
    return f"{label}={_quoted(value)}"


def not_equal(label: str, value: str) -> str:
    """Return a matcher for every other value."""
    return f"{label}!={_quoted(value)}"


def among(label: str, values: Sequence[str]) -> str:
    """Return a matcher for some values without special characters."""
    return equal(label, values[0]) if len(values) == 1 else matching(label, "|".join(values))


def among_others(label: str, values: Sequence[str]) -> str:
    """Return a matcher for every value but these."""
    return not_equal(label, values[0]) if len(values) == 1 else f"{label}!~{_quoted('|'.join(values))}"


def matching(label: str, regex: str) -> str:
    """Return a matcher for a regular expression, which must match the whole value."""
    return f"{label}=~{_quoted(regex)}"


def grown(selector: SeriesSelector) -> str:
    """Return the increase of counters in five minutes, for each series.

    ``increase`` ignores the first sample of a series, but a counter of drops begins with a drop. So a new series counts
    with its whole value. A series is new if it had no sample during the hour before, so that a counter does not count
    twice after a gap in the scraping.
    """
    return f"(({selector} unless max_over_time({selector}[1h] offset 5m)) or increase({selector}[5m]))"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class PrometheusRule:
    """The object with rules for the Prometheus operator (``monitoring.coreos.com/v1``).

    Attributes:
        labels: The labels that the operator's Prometheus selects rules by.
    """

    namespace: str
    labels: Labels
    groups: tuple[RuleGroup, ...]

    def manifest(self) -> dict[str, Any]:
        """Return the object as the API server takes it."""
        return {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": _metadata(self.namespace, "network-policy-alerts", self.labels),
            "spec": rules_document(self.groups),
        }


@dataclass(frozen=True, slots=True)
class DashboardConfigMap:
    """The ConfigMap with a dashboard for the sidecar of Grafana's chart.

    Attributes:
        labels: The labels that the sidecar finds it by.
        dashboard: The dashboard's JSON.
    """

    namespace: str
    labels: Labels
    dashboard: str

    def manifest(self) -> dict[str, Any]:
        """Return the object as the API server takes it."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(self.namespace, "network-policy-dashboard", self.labels),
            "data": {f"{self.namespace}-network-policy.json": self.dashboard},
        }


def _metadata(namespace: str, name: str, labels: Labels) -> dict[str, Any]:
    own = {
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "app.kubernetes.io/part-of": namespace,
        "app.kubernetes.io/component": name,
    }
    return {"name": name, "namespace": namespace, "labels": own | dict(labels)}
