"""The monitoring that an environment requests, compiled, with notices about its gaps."""

from collections.abc import Iterator

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.cloudwatch import cloudwatch_watch
from flash_ticket.firewall.compile.alerts.cloudwatch_alarm import CloudWatchWatch
from flash_ticket.firewall.compile.alerts.grafana import grafana_dashboard
from flash_ticket.firewall.compile.alerts.hubble import APP_LABELS, ambiguous_endpoints
from flash_ticket.firewall.compile.alerts.prometheus import prometheus_rule
from flash_ticket.firewall.compile.alerts.prometheus_rule import DashboardConfigMap, PrometheusRule
from flash_ticket.firewall.declare.choices import CniName, LogDestination
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.alerts import Alerting
from flash_ticket.firewall.declare.suspensions import Suspensions
from flash_ticket.firewall.terms.notice import Notice


def requested_objects(
    matrix: Matrix, environment: Environment, alerting: Alerting, suspensions: Suspensions
) -> tuple[PrometheusRule | None, DashboardConfigMap | None, CloudWatchWatch | None]:
    """Return the objects to create; None for what the binding does not request.

    Raises:
        InputError: The matrix is too large for one object or log group.
    """
    return (
        prometheus_rule(matrix, environment, alerting, suspensions),
        _dashboard(matrix, environment, alerting),
        cloudwatch_watch(matrix, environment, alerting),
    )


def _dashboard(matrix: Matrix, environment: Environment, alerting: Alerting) -> DashboardConfigMap | None:
    if alerting.dashboard_labels is None:
        return None
    return DashboardConfigMap(matrix.namespace, alerting.dashboard_labels, grafana_dashboard(matrix, environment))


def requested_notices(matrix: Matrix, environment: Environment, alerting: Alerting) -> tuple[Notice, ...]:
    """Return the notices about what these alerts do not cover, always in the same order."""
    return (*_prometheus(matrix, environment, alerting), *_cloudwatch(environment, alerting))


def _prometheus(matrix: Matrix, environment: Environment, alerting: Alerting) -> Iterator[Notice]:
    if alerting.rule_labels is None:
        return
    cni = environment.cluster.cni
    names = ambiguous_endpoints(matrix, environment) if cni is CniName.CILIUM else ()
    if names:
        yield Notice(
            "alerts.prometheus",
            f"Hubble's metric cannot distinguish {', '.join(names)} from others, so their declared flows raise no "
            "critical alert when they are denied",
            f"Give their pods one of the labels {', '.join(APP_LABELS)} in traffic.yaml, and their places IPv4 "
            "addresses",
        )
    if cni is CniName.VPC_CNI and not (alerting.cloudwatch and alerting.cloudwatch.agent_log_group):
        yield Notice(
            "alerts.prometheus with cni vpc-cni",
            "the agent's metric has neither pods nor namespaces, so a denied declared flow raises no alert of its own",
            "Add cloudwatch.agentLogGroup: the agent's log names both ends",
        )


def _cloudwatch(environment: Environment, alerting: Alerting) -> Iterator[Notice]:
    if alerting.cloudwatch and environment.own_flow_log is None:
        made = "reads a flow log of others, and adds nothing to it" if environment.flow_logs else "has no flow log"
        yield Notice(
            "alerts.cloudwatch without a flow log of this stack",
            f"this stack {made}, so neither connections that security groups reject nor a flow log that stops raise "
            "an alarm",
            "Add flowLogs with destination cloudwatch, or run flash-firewall verify and denied on a schedule",
        )
    if alerting.cloudwatch and environment.records_to(LogDestination.S3):
        yield Notice(
            "alerts.cloudwatch with flowLogs.destination s3",
            "CloudWatch reads only log groups, so connections that security groups reject raise no alarm; only the "
            "delivery is watched",
            "Choose flowLogs.destination cloudwatch, or run flash-firewall denied on a schedule",
        )
