"""The objects of one firewall for the Prometheus operator and Grafana: its rules and its dashboard.

Not here on purpose: Prometheus, Grafana, their scrape targets, and objects of other namespaces.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap

from flash_ticket.firewall.change import resource_names
from flash_ticket.firewall.compile.alerts.prometheus_rule import DashboardConfigMap, PrometheusRule


@dataclass(frozen=True, slots=True)
class PrometheusAlertsArgs:
    """What `PrometheusAlerts` declares; None for objects that the binding does not request."""

    rule: PrometheusRule | None
    dashboard: DashboardConfigMap | None


class PrometheusAlerts(pulumi.ComponentResource):
    """The PrometheusRule of one firewall, and the ConfigMap with its Grafana dashboard.

    Attributes:
        objects: The names of the objects.
    """

    objects: pulumi.Output[list[str]]

    def __init__(self, name: str, args: PrometheusAlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:PrometheusAlerts", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        names = []
        if args.rule:
            manifest = args.rule.manifest()
            CustomResource(
                resource_names.joined(name, resource_names.RULE),
                api_version=manifest["apiVersion"],
                kind=manifest["kind"],
                metadata=manifest["metadata"],
                spec=manifest["spec"],
                opts=inside,
            )
            names.append(manifest["metadata"]["name"])
        if args.dashboard:
            manifest = args.dashboard.manifest()
            ConfigMap(f"{name}-dashboard", metadata=manifest["metadata"], data=manifest["data"], opts=inside)
            names.append(manifest["metadata"]["name"])
        self.objects = pulumi.Output.from_input(names)
        self.register_outputs({"objects": self.objects})
