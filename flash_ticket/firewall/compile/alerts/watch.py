"""All monitoring of one firewall. The modules that compile it are loaded only for a stack that requests some."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import Suspensions
from flash_ticket.firewall.terms.notice import Notice

if TYPE_CHECKING:
    from flash_ticket.firewall.compile.alerts.cloudwatch_alarm import CloudWatchWatch
    from flash_ticket.firewall.compile.alerts.prometheus_rule import DashboardConfigMap, PrometheusRule


@dataclass(frozen=True, slots=True)
class Watch:
    """The objects to create; None for what the binding does not request."""

    rule: "PrometheusRule | None" = None
    dashboard: "DashboardConfigMap | None" = None
    cloudwatch: "CloudWatchWatch | None" = None


def compile_watch(matrix: Matrix, environment: Environment, suspensions: Suspensions) -> Watch:
    """Return the monitoring that the environment requests.

    Raises:
        InputError: The matrix is too large for one object or log group.
    """
    if environment.alerting is None:
        return Watch()
    from flash_ticket.firewall.compile.alerts.requested_alerts import requested_objects  # noqa: PLC0415 - see the module

    return Watch(*requested_objects(matrix, environment, environment.alerting, suspensions))


def alert_notices(matrix: Matrix, environment: Environment) -> tuple[Notice, ...]:
    """Return the notices about what this environment's alerts do not cover, always in the same order."""
    if environment.alerting is None:
        return ()
    from flash_ticket.firewall.compile.alerts.requested_alerts import requested_notices  # noqa: PLC0415 - see the module

    return requested_notices(matrix, environment, environment.alerting)
