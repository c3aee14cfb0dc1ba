"""The Kubernetes objects that watch a firewall: both in its own namespace, neither touching anything of others."""

from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.compile.alerts.prometheus_rule import RuleGroup, rules_document
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.declare.alerting import Labels


@dataclass(frozen=True, slots=True)
class PrometheusRule:
    """The object by which the Prometheus operator takes rules (``monitoring.coreos.com/v1``).

    Attributes:
        labels: What the operator's Prometheus selects rules by.
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
    """The ConfigMap in which the sidecar of Grafana's chart finds a dashboard.

    Attributes:
        labels: What the sidecar looks for.
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
