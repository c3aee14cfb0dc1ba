"""The alerts that a binding requests, checked against the rest of the environment."""

from flash_ticket.firewall.bind.environment import Environment, Origin
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import CniName, Compute
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.declare.sections.alerts import (
    Alerting,
    AlertsEntry,
    CloudWatchAlerting,
    CloudWatchEntry,
    Thresholds,
)
from flash_ticket.firewall.terms.input_error import InputError

_DASHBOARD_LABELS = (("grafana_dashboard", "1"),)
"""The default of Grafana's chart, ``sidecar.dashboards.label``."""


def bind_alerts(entry: AlertsEntry | None, environment: Environment) -> Alerting | None:
    """Return the alerts that the stack requests, or None if it requests none.

    Raises:
        InputError: The network plug-in has no such metric or log, or the topic is in another region.
    """
    if entry is None:
        return None
    cni = environment.cluster.cni
    for key, part in (("prometheus", entry.prometheus), ("grafana", entry.grafana)):
        if part and environment.cluster.compute is Compute.AUTO_MODE:
            raise _refuse(
                environment,
                key,
                "on Auto Mode the network policy agent is a service of each node, which Prometheus cannot read",
                "Remove it, and keep cloudwatch for the VPC's side",
            )
        if part and cni is CniName.CALICO:
            raise _refuse(
                environment,
                key,
                "open source Calico has no Prometheus metric for denied packets",
                "Remove it, and keep cloudwatch for the VPC's side",
            )
    return Alerting(
        entry.runbook,
        Thresholds(entry.thresholds.denied_per_second, entry.thresholds.denied_per_period),
        _labels(entry.prometheus.labels, ()) if entry.prometheus else None,
        _labels(entry.grafana.labels, _DASHBOARD_LABELS) if entry.grafana else None,
        _cloudwatch(entry.cloudwatch, environment) if entry.cloudwatch else None,
    )


def _labels(written: Labels | None, otherwise: Labels) -> Labels:
    return otherwise if written is None else written


def _cloudwatch(entry: CloudWatchEntry, environment: Environment) -> CloudWatchAlerting:
    cni = environment.cluster.cni
    if entry.agent_log_group and cni is not CniName.VPC_CNI:
        raise _refuse(
            environment,
            "cloudwatch.agentLogGroup",
            f"only the VPC CNI has a network policy agent, and this stack uses {cni}",
            "Remove it",
        )
    if entry.agent_log_group and environment.cluster.compute is Compute.AUTO_MODE:
        raise _refuse(
            environment,
            "cloudwatch.agentLogGroup",
            "on Auto Mode the network policy agent writes its log to a file of the node, and nothing exports it",
            "Remove it: the alarms about the flow log remain",
        )
    if environment.own_flow_log is None and not entry.agent_log_group:
        raise _refuse(
            environment,
            "cloudwatch",
            "this stack makes no flow log and names no log of the policy agent, so nothing could raise an alarm",
            "Remove it, or add flowLogs.destination or cloudwatch.agentLogGroup",
        )
    if not entry.topic.startswith("arn:"):
        origin = Origin(environment.partition, environment.region, environment.account)
        return CloudWatchAlerting(origin.arn("sns", entry.topic), entry.agent_log_group)
    region = entry.topic.split(":")[3]
    if region != environment.region:
        raise _refuse(
            environment,
            "cloudwatch.topic",
            f"the topic is in {region}, and an alarm can notify only topics in its own region, {environment.region}",
            "Name a topic there",
        )
    return CloudWatchAlerting(entry.topic, entry.agent_log_group)


def _refuse(environment: Environment, key: str, problem: str, remedy: str) -> InputError:
    return InputError(stack_file(environment.name), f"{BINDING_KEY}.alerts.{key}", problem, remedy)
