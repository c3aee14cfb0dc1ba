"""The declared alert rule and dashboard: in one namespace, as compiled."""

import json

from components.prometheus_alerts import PrometheusAlerts, PrometheusAlertsArgs
from flash_ticket.firewall.compile.alerts.watch import compile_watch
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED
from tests.support.alerts.alerted import RUNBOOK, alerted
from tests.support.declared.accounts import shop_matrix
from tests.support.pulumi.pulumi_mocks import Deployment, deploy

COMPONENT = "flash-ticket-firewall:components:PrometheusAlerts"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"


def args(*asked: str) -> PrometheusAlertsArgs:
    environment, _ = alerted(alerts={"runbook": RUNBOOK, **{key: {} for key in asked}})
    watch = compile_watch(shop_matrix(), environment, NONE_SUSPENDED)
    return PrometheusAlertsArgs(watch.rule, watch.dashboard)


def deployed(*asked: str) -> Deployment:
    return deploy(lambda: PrometheusAlerts("alerts", args(*asked)).objects)


def test_the_rule_is_declared_as_it_was_compiled() -> None:
    rule = args("prometheus", "grafana").rule
    assert rule
    inputs = deployed("prometheus", "grafana").only(RULE).inputs

    assert {key: inputs[key] for key in ("apiVersion", "kind", "metadata", "spec")} == rule.manifest()


def test_the_dashboard_is_one_json_file_in_a_labelled_configmap() -> None:
    inputs = deployed("prometheus", "grafana").only(CONFIG_MAP).inputs

    assert inputs["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert [json.loads(text)["title"] for text in inputs["data"].values()] == ["Network policy: flash-ticket-dev"]
    assert all(name.endswith(".json") for name in inputs["data"])


def test_everything_is_in_the_firewalls_own_namespace() -> None:
    deployment = deployed("prometheus", "grafana")
    custom = [resource for resource in deployment.resources if resource.custom]

    assert {resource.inputs["metadata"]["namespace"] for resource in custom} == {"flash-ticket"}
    assert set(deployment.children(deployment.only(COMPONENT))) == set(custom)
    assert deployment.result == ["network-policy-alerts", "network-policy-dashboard"]


def test_the_dashboard_is_declared_only_on_request() -> None:
    assert deployed("prometheus").all(CONFIG_MAP) == ()
