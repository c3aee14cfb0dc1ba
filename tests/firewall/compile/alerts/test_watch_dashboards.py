"""Both dashboards are valid for Grafana and CloudWatch, and show the series and logs that exist."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from flash_ticket.firewall.compile.alerts.cloudwatch import cloudwatch_watch
from flash_ticket.firewall.compile.alerts.cloudwatch_dashboard import dashboard_body
from flash_ticket.firewall.compile.alerts.grafana import grafana_dashboard
from flash_ticket.firewall.compile.alerts.prometheus import rule_groups
from flash_ticket.firewall.compile.alerts.prometheus_rule import RecordingRule
from tests.support.alerts.alerted import RUNBOOK, alerted
from tests.support.declared.accounts import shop_matrix

CNIS = ("cilium", "vpc-cni")
GROUP = "/flash-ticket/dev/flow-logs-1"
AGENT_GROUP = "/aws/eks/flash-ticket-dev/cluster"


def grafana(cni: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(grafana_dashboard(shop_matrix(), alerted(cni)[0]))
    return document


def expressions(cni: str) -> list[str]:
    return [target["expr"] for panel in grafana(cni)["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("cni", CNIS)
def test_grafanas_own_model_knows_every_field_of_the_dashboard(cni: str) -> None:
    register_default_plugins()
    document = grafana(cni)
    read: dict[str, Any] = json.loads(JSONEncoder().encode(Dashboard.from_json(document)))

    assert_within(document, read)


def test_grafanas_dashboard_has_a_short_name_that_tells_the_cluster() -> None:
    environment = alerted("cilium")[0]
    green, teal = (replace(environment, cluster=replace(environment.cluster, name=name)) for name in ("green", "teal"))
    documents = [json.loads(grafana_dashboard(shop_matrix(), each)) for each in (environment, green, teal)]

    assert documents[0]["uid"] == "flash-ticket-dev-network-policy"
    assert [each["title"].partition(" in ")[2] for each in documents] == ["", "green", "teal"]
    assert len({each["uid"] for each in documents}) == 3
    assert max(len(each["uid"]) for each in documents) <= 40


def assert_within(part: object, whole: object) -> None:
    if isinstance(part, dict):
        assert isinstance(whole, dict)
        for key, value in part.items():
            assert key in whole, key
            assert_within(value, whole[key])
    elif isinstance(part, list):
        assert isinstance(whole, list)
        assert len(part) == len(whole)
        for one, other in zip(part, whole, strict=True):
            assert_within(one, other)
    else:
        assert part == whole


@pytest.mark.parametrize("cni", CNIS)
def test_prometheus_reads_every_expression_of_the_dashboard(cni: str, promtool: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}:x", "expr": text} for number, text in enumerate(expressions(cni))]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    command = [str(promtool), "check", "rules", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the real promtool

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("cni", CNIS)
def test_the_dashboard_shows_series_that_the_rules_record(cni: str) -> None:
    environment, alerting = alerted(cni)
    groups = rule_groups(shop_matrix(), environment, alerting)
    recorded = {rule.record for group in groups for rule in group.rules if isinstance(rule, RecordingRule)}
    shown = {name for text in expressions(cni) for name in re.findall(r"networkpolicy:\w+:\w+", text)}

    assert shown == recorded


@pytest.mark.parametrize("cni", CNIS)
def test_the_dashboard_is_stable_fits_a_configmap_and_has_no_overlapping_panels(cni: str) -> None:
    environment, _ = alerted(cni)
    panels = grafana(cni)["panels"]
    ends = [panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels]

    assert grafana_dashboard(shop_matrix(), environment) == grafana_dashboard(shop_matrix(), environment)
    assert len(grafana_dashboard(shop_matrix(), environment)) < 1_000_000
    assert [panel["gridPos"]["y"] for panel in panels] == [0, *ends[:-1]]
    assert len({panel["id"] for panel in panels}) == len(panels)


def cloudwatch(stack: str, **place: str) -> list[dict[str, Any]]:
    asked = {"runbook": RUNBOOK, "cloudwatch": {"topic": "on-call", "agentLogGroup": AGENT_GROUP}}
    environment, alerting = alerted("vpc-cni", stack, asked)
    watch = cloudwatch_watch(shop_matrix(), environment, alerting)
    assert watch is not None
    widgets: list[dict[str, Any]] = json.loads(dashboard_body(watch, environment, **place))["widgets"]
    return widgets


def test_the_dashboard_queries_the_logs_of_both_layers_for_denied_pairs() -> None:
    queries = [widget["properties"]["query"] for widget in cloudwatch("dev", group=GROUP) if widget["type"] == "log"]

    assert [query.split(" | ")[0] for query in queries] == [f"SOURCE '{GROUP}'", f"SOURCE '{AGENT_GROUP}'"]
    assert 'f_action = "REJECT"' in queries[0]
    assert queries[0].count("*") == 26, "one for each field of a record, and one of count(*)"
    assert "PolicyVerdict: DENY" in queries[1]


def test_a_flow_log_in_s3_shows_its_files_instead_of_its_records() -> None:
    widgets = cloudwatch("prod", bucket="records")
    shown = [metric for widget in widgets if widget["type"] == "metric" for metric in widget["properties"]["metrics"]]

    assert ["AWS/S3", "PutRequests", "BucketName", "records", "FilterId", "flow-log"] in shown
    assert not [
        widget
        for widget in widgets
        if widget["type"] == "log" and "records" in widget["properties"]["query"].split(" | ")[0]
    ]


def test_every_alarm_is_on_the_dashboard() -> None:
    (shown,) = [
        widget["properties"]["alarms"] for widget in cloudwatch("dev", group=GROUP) if widget["type"] == "alarm"
    ]

    assert len(shown) == 6
    assert "arn:aws:cloudwatch:ap-northeast-2:111122223333:alarm:NetworkPolicyFlowLogMissing-flash-ticket-dev" in shown
