"""Everything that watches one firewall, compiled from the matrix and the environment."""

from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.cloudwatch import cloudwatch_watch
from flash_ticket.firewall.compile.alerts.cloudwatch_alarm import CloudWatchWatch
from flash_ticket.firewall.compile.alerts.grafana import grafana_dashboard
from flash_ticket.firewall.compile.alerts.prometheus import prometheus_rule
from flash_ticket.firewall.compile.alerts.watch_object import DashboardConfigMap, PrometheusRule
from flash_ticket.firewall.compile.suspended import Suspensions
from flash_ticket.firewall.declare.alerting import Alerting
from flash_ticket.firewall.declare.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Watch:
    """What is made; None for what nobody asked for."""

    rule: PrometheusRule | None = None
    dashboard: DashboardConfigMap | None = None
    cloudwatch: CloudWatchWatch | None = None


def compile_watch(matrix: Matrix, environment: Environment, suspensions: Suspensions) -> Watch:
    """Return what the environment asks for.

    Raises:
        InputError: The matrix is too large for what would carry it.
    """
    alerting = environment.alerting
    if alerting is None:
        return Watch()
    return Watch(
        prometheus_rule(matrix, environment, alerting, suspensions),
        _dashboard(matrix, environment, alerting),
        cloudwatch_watch(matrix, environment, alerting),
    )


def _dashboard(matrix: Matrix, environment: Environment, alerting: Alerting) -> DashboardConfigMap | None:
    if alerting.dashboard_labels is None:
        return None
    return DashboardConfigMap(matrix.namespace, alerting.dashboard_labels, grafana_dashboard(matrix, environment))
