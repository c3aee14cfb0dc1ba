"""Prometheus rules as values, and the PrometheusRule that carries them."""

from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.declare.alerting import Labels


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A series that other rules read.

    Attributes:
        labels: Added to every sample.
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
        minutes: How long the expression must hold first.
        description: A template of Prometheus.
        runbook: Where the runbook is published.
        labels: Added to the severity.
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
    """Rules that Prometheus evaluates in their order, once a minute."""

    name: str
    rules: tuple[Rule, ...]

    def document(self) -> dict[str, Any]:
        """Return the group as Prometheus reads it."""
        return {"name": self.name, "interval": "1m", "rules": [rule.document() for rule in self.rules]}


def rules_document(groups: tuple[RuleGroup, ...]) -> dict[str, Any]:
    """Return the content of a rules file, which is also the ``spec`` of a PrometheusRule."""
    return {"groups": [group.document() for group in groups]}
