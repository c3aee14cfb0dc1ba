"""All alerts that the plug-in of dev supports, and what the APIs show of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config

from lab.running.engine import Result
from tests.support.engine.apis import NAMESPACE, Apis

AGENT_GROUP = "/aws/eks/flash-ticket-dev/cluster"
ALERTS: dict[str, Any] = {
    "runbook": "https://wiki.example.com/runbook",
    "prometheus": {"labels": {"release": "kube-prometheus-stack"}},
    "grafana": {"labels": {"grafana_dashboard": "1"}},
    "cloudwatch": {"topic": "on-call", "agentLogGroup": AGENT_GROUP},
}


@dataclass(frozen=True, slots=True)
class AlertsSeen:
    """The alerts that the APIs show.

    Attributes:
        rules: The namespace's PrometheusRules by name.
        dashboards: The namespace's ConfigMaps by name, without the one with the API server's certificate authority.
        alarms: The descriptions of alarms, by name.
        filters: The metrics of metric filters, by the filters' names.
        pairs_rules: The names of Contributor Insights rules.
        cloudwatch_dashboards: Their names.
        agent_group: Whether the agent's log group exists; it is not ours.
    """

    rules: Mapping[str, dict[str, Any]]
    dashboards: Mapping[str, dict[str, str]]
    alarms: Mapping[str, dict[str, Any]]
    filters: Mapping[str, str]
    pairs_rules: frozenset[str]
    cloudwatch_dashboards: frozenset[str]
    agent_group: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """A stack with alerts from their preview to destroy, and what the APIs show in between."""

    before: AlertsSeen
    preview: Result
    previewed: AlertsSeen
    deployed: AlertsSeen
    second_preview: Result
    destroyed: AlertsSeen


def look_at_alerts(apis: Apis) -> AlertsSeen:
    """Return the alerts that the APIs show now."""
    load: Any = config.new_client_from_config
    with load(config_file=str(apis.lab.kubeconfigs[apis.stack])) as api:
        listed: Any = client.CustomObjectsApi(api).list_namespaced_custom_object(
            "monitoring.coreos.com", "v1", NAMESPACE, "prometheusrules"
        )
        maps: list[Any] = client.CoreV1Api(api).list_namespaced_config_map(NAMESPACE).items
    cloudwatch, logs = apis.aws("cloudwatch"), apis.aws("logs")
    filters = logs.describe_metric_filters()["metricFilters"]
    groups = logs.describe_log_groups(logGroupNamePrefix=AGENT_GROUP)["logGroups"]
    return AlertsSeen(
        {each["metadata"]["name"]: each for each in listed["items"]},
        {each.metadata.name: each.data for each in maps if each.metadata.name != "kube-root-ca.crt"},
        {each["AlarmName"]: each for each in cloudwatch.describe_alarms()["MetricAlarms"]},
        {each["filterName"]: each["metricTransformations"][0]["metricName"] for each in filters},
        frozenset(each["Name"] for each in cloudwatch.describe_insight_rules()["InsightRules"]),
        frozenset(each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]),
        bool(groups),
    )
