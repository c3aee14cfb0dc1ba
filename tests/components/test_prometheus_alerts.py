"""The rule and the dashboard as the engine is asked for them: in one namespace, as compiled."""

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


def test_the_dashboard_lies_in_a_labelled_configmap_as_one_json_file() -> None:
    inputs = deployed("prometheus", "grafana").only(CONFIG_MAP).inputs

    assert inputs["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert [json.loads(text)["title"] for text in inputs["data"].values()] == ["Network policy: flash-ticket-dev"]
    assert all(name.endswith(".json") for name in inputs["data"])


def test_only_the_firewalls_own_namespace_is_touched() -> None:
    deployment = deployed("prometheus", "grafana")
    custom = [resource for resource in deployment.resources if resource.custom]

    assert {resource.inputs["metadata"]["namespace"] for resource in custom} == {"flash-ticket"}
    assert set(deployment.children(deployment.only(COMPONENT))) == set(custom)
    assert deployment.result == ["network-policy-alerts", "network-policy-dashboard"]


def test_what_is_not_asked_for_is_not_declared() -> None:
    assert deployed("prometheus").all(CONFIG_MAP) == ()
