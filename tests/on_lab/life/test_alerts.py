"""Alerts on the real engine, providers and APIs: created with the stack, stable, and removed with it."""

import json

import pytest

from flash_ticket.firewall.declare.sections.alerts import AlertsEntry
from tests.support.alerts.deployed_alerts import ALERTS, Watched
from tests.support.engine.life import Life

pytestmark = [pytest.mark.engine, pytest.mark.parametrize("life", ["dev"], indirect=True)]


@pytest.fixture
def watched(life: Life) -> Watched:
    """The last declaration of dev, which has all alerts that its plug-in supports."""
    assert life.watched
    return life.watched


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
    assert watched.deployed.cloudwatch_dashboards == {"flash-ticket-dev-ap-northeast-2-network-policy"}


def test_a_second_preview_finds_nothing_to_change(watched: Watched) -> None:
    assert watched.second_preview.changes == ()


def test_destroy_removes_all_alerts_and_nothing_of_others(watched: Watched) -> None:
    assert watched.destroyed == watched.before
    assert watched.destroyed.agent_group
