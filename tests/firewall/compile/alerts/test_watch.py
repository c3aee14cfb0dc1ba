"""The objects for alerts: none by default, and none outside the firewall's own namespace."""

from dataclasses import replace

import pytest

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.watch import Watch, alert_notices, compile_watch
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from tests.support.alerts.alerted import EVERYTHING, RUNBOOK, alerted
from tests.support.declared.accounts import STACKS, environment_of, shop_matrix


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_stacks_have_no_alerts(stack: str) -> None:
    assert compile_watch(shop_matrix(), environment_of(stack), NONE_SUSPENDED) == Watch()
    assert alert_notices(shop_matrix(), environment_of(stack)) == ()


@pytest.mark.parametrize("cni", ["cilium", "vpc-cni"])
def test_every_object_is_in_the_firewalls_own_namespace_and_found_by_its_labels(cni: str) -> None:
    watch = compile_watch(shop_matrix(), alerted(cni)[0], NONE_SUSPENDED)
    assert watch.rule
    assert watch.dashboard
    rule, dashboard = watch.rule.manifest()["metadata"], watch.dashboard.manifest()["metadata"]

    assert {rule["namespace"], dashboard["namespace"]} == {"flash-ticket"}
    assert rule["labels"]["release"] == "kube-prometheus-stack"
    assert dashboard["labels"]["grafana_dashboard"] == "1"


def test_only_requested_objects_are_created() -> None:
    rules = compile_watch(shop_matrix(), alerted(alerts={"runbook": RUNBOOK, "prometheus": {}})[0], NONE_SUSPENDED)
    alarms = compile_watch(
        shop_matrix(), alerted(alerts={"runbook": RUNBOOK, "cloudwatch": {"topic": "t"}})[0], NONE_SUSPENDED
    )

    assert rules.rule
    assert (rules.dashboard, rules.cloudwatch) == (None, None)
    assert alarms.cloudwatch
    assert (alarms.rule, alarms.dashboard) == (None, None)


def test_calico_has_cloudwatch_alarms() -> None:
    environment, _ = alerted("calico", alerts={"runbook": RUNBOOK, "cloudwatch": {"topic": "on-call"}})

    assert environment.cluster.cni is CniName.CALICO
    assert compile_watch(shop_matrix(), environment, NONE_SUSPENDED).cloudwatch


def test_a_gap_of_a_metric_is_a_warning_at_preview() -> None:
    settings = [
        notice.where for notice in compile_firewall(shop_matrix(), alerted("vpc-cni", "prod", EVERYTHING)[0]).notices()
    ]

    assert settings == ["alerts.prometheus with cni vpc-cni", "alerts.cloudwatch with flowLogs.destination s3"]


def test_a_service_that_hubble_cannot_name_is_a_warning_at_preview() -> None:
    shop = shop_matrix()
    services = tuple(
        replace(service, pods=(("component", service.name),)) if service.name == "pay" else service
        for service in shop.services
    )
    (notice,) = alert_notices(replace(shop, services=services), alerted()[0])

    assert notice.what.startswith("Hubble's metric cannot distinguish pay from others")
    assert alert_notices(shop, alerted()[0]) == ()


def test_alerts_follow_the_conventions_of_the_mixins() -> None:
    for alert in Alert:
        assert alert.value.startswith("NetworkPolicy")
        assert alert.summary.endswith(".")
        assert "{" not in alert.summary
    assert Alert("NetworkPolicyDeniedTraffic") is Alert.DENIED_TRAFFIC
