"""Alerts on the real engine, providers and APIs: created with the stack, stable, and removed with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from flash_ticket.firewall.declare.alerts import AlertsEntry
from flash_ticket.firewall.declare.binding import BINDING_KEY
from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.life import NAMESPACE, REPOSITORY, Apis

pytestmark = pytest.mark.engine

STACK = "dev"
AGENT_GROUP = "/aws/eks/flash-ticket-dev/cluster"
ALERTS: dict[str, Any] = {
    "runbook": "https://wiki.example.com/runbook",
    "prometheus": {"labels": {"release": "kube-prometheus-stack"}},
    "grafana": {"labels": {"grafana_dashboard": "1"}},
    "cloudwatch": {"topic": "on-call", "agentLogGroup": AGENT_GROUP},
}


@dataclass(frozen=True, slots=True)
class Seen:
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
    """A stack with alerts from preview to destroy, and what the APIs show in between."""

    before: Seen
    preview: Result
    previewed: Seen
    up: Result
    deployed: Seen
    second_preview: Result
    destroyed: Seen


def look(apis: Apis) -> Seen:
    load: Any = config.new_client_from_config
    with load(config_file=str(apis.lab.kubeconfigs[STACK])) as api:
        listed: Any = client.CustomObjectsApi(api).list_namespaced_custom_object(
            "monitoring.coreos.com", "v1", NAMESPACE, "prometheusrules"
        )
        maps: list[Any] = client.CoreV1Api(api).list_namespaced_config_map(NAMESPACE).items
    cloudwatch, logs = apis.aws("cloudwatch"), apis.aws("logs")
    filters = logs.describe_metric_filters()["metricFilters"]
    groups = logs.describe_log_groups(logGroupNamePrefix=AGENT_GROUP)["logGroups"]
    return Seen(
        {each["metadata"]["name"]: each for each in listed["items"]},
        {each.metadata.name: each.data for each in maps if each.metadata.name != "kube-root-ca.crt"},
        {each["AlarmName"]: each for each in cloudwatch.describe_alarms()["MetricAlarms"]},
        {each["filterName"]: each["metricTransformations"][0]["metricName"] for each in filters},
        frozenset(each["Name"] for each in cloudwatch.describe_insight_rules()["InsightRules"]),
        frozenset(each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]),
        bool(groups),
    )


@pytest.fixture(scope="module")
def watched(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """The committed dev stack with all alerts that its plug-in supports."""
    settings = yaml.safe_load((REPOSITORY / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8"))
    settings["config"][BINDING_KEY]["alerts"] = ALERTS
    folder = tmp_path_factory.mktemp("alerts") / "program"
    engine = Engine(lab, STACK, copy_program(REPOSITORY, folder, {f"Pulumi.{STACK}.yaml": yaml.safe_dump(settings)}))
    apis = Apis(lab, STACK)
    apis.aws("logs").create_log_group(logGroupName=AGENT_GROUP)
    before = look(apis)
    preview = engine.preview().checked()
    previewed = look(apis)
    up = engine.up().checked()
    deployed, second_preview = look(apis), engine.preview().checked()
    engine.destroy().checked()
    destroyed = look(apis)
    apis.aws("logs").delete_log_group(logGroupName=AGENT_GROUP)
    return Watched(before, preview, previewed, up, deployed, second_preview, destroyed)


def test_a_preview_has_no_warnings_and_changes_nothing(watched: Watched) -> None:
    assert AlertsEntry.model_validate(ALERTS)
    assert watched.preview.having("create")
    assert not [line for line in watched.preview.diagnostics if "alerts." in line]
    assert watched.previewed == watched.before


def test_the_rule_and_the_dashboard_are_deployed_with_their_labels(watched: Watched) -> None:
    (rule,) = watched.deployed.rules.values()
    (dashboard,) = watched.deployed.dashboards.values()
    alerts = {each["alert"] for group in rule["spec"]["groups"] for each in group["rules"] if "alert" in each}

    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert alerts == {"NetworkPolicyDeniedTraffic", "NetworkPolicyMetricMissing"}
    assert [json.loads(text)["title"] for text in dashboard.values()] == ["Network policy: flash-ticket-dev"]


def test_alarms_read_the_metrics_of_both_logs_and_notify_the_topic(watched: Watched) -> None:
    alarms = watched.deployed.alarms

    assert set(alarms) == {
        "NetworkPolicyDeclaredFlowDenied-flash-ticket-dev-vpc",
        "NetworkPolicyDeniedTraffic-flash-ticket-dev-vpc",
        "NetworkPolicyFlowLogMissing-flash-ticket-dev",
        "NetworkPolicyDeclaredFlowDenied-flash-ticket-dev-pods",
        "NetworkPolicyDeniedTraffic-flash-ticket-dev-pods",
        "NetworkPolicyAgentLogMissing-flash-ticket-dev",
    }
    read = {alarm["MetricName"] for alarm in alarms.values() if alarm.get("Namespace", "").startswith("flash-ticket/")}
    assert read <= set(watched.deployed.filters.values())
    for alarm in alarms.values():
        assert [arn.rpartition(":")[2] for arn in alarm["AlarmActions"]] == ["on-call"]
    assert watched.deployed.pairs_rules == {"flash-ticket-dev-rejected-pairs"}
    assert watched.deployed.cloudwatch_dashboards == {"flash-ticket-dev-network-policy"}


def test_a_second_preview_finds_nothing_to_change(watched: Watched) -> None:
    assert watched.second_preview.changes == ()


def test_destroy_removes_all_alerts_and_nothing_of_others(watched: Watched) -> None:
    assert watched.destroyed == watched.before
    assert watched.destroyed.agent_group
