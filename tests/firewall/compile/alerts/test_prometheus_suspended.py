"""The alerts on suspended policies, as Prometheus itself evaluates them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.prometheus import prometheus_rule, suspension_groups
from flash_ticket.firewall.compile.alerts.prometheus_rule import rules_document
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED, Suspension, Suspensions
from tests.firewall.compile.alerts.test_prometheus import run
from tests.support.alerts.alerted import alerted
from tests.support.declared.accounts import shop_matrix

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
"""promtool's clock starts here."""

SUSPENDED = Suspensions(
    (Suspension("04-allow-egress-api", BEGIN + timedelta(minutes=30), "{{ $value }} {{ fail", "{{"),), BEGIN
)
LABELS = {"namespace": "flash-ticket", "policy": "04-allow-egress-api"}


def expected(alert: Alert, text: str) -> dict[str, object]:
    return {
        "exp_labels": {"severity": alert.severity.value, **LABELS},
        "exp_annotations": {
            "summary": alert.summary,
            "description": text,
            "runbook_url": alert.runbook_url("https://wiki.example.com/runbook"),
        },
    }


OPEN = expected(
    Alert.SUSPENDED,
    "flash-ticket/04-allow-egress-api is open until 1970-01-01T00:30:00Z. Who and why: "
    "`kubectl -n flash-ticket describe networkpolicy 04-allow-egress-api`.",
)
OVER = expected(
    Alert.SUSPENSION_OVER,
    "The suspension of flash-ticket/04-allow-egress-api ended at 1970-01-01T00:30:00Z, and it is still open. "
    "`pulumi up` closes it.",
)


@pytest.mark.parametrize(
    ("minute", "alert", "firing"),
    [
        (1, Alert.SUSPENDED, [OPEN]),
        (29, Alert.SUSPENDED, [OPEN]),
        (31, Alert.SUSPENDED, []),
        (29, Alert.SUSPENSION_OVER, []),
        (33, Alert.SUSPENSION_OVER, []),
        (36, Alert.SUSPENSION_OVER, [OVER]),
    ],
)
def test_one_alert_fires_while_a_policy_is_open_and_another_if_it_stays_open(
    minute: int, alert: Alert, firing: list[object], promtool: Path, tmp_path: Path
) -> None:
    groups = suspension_groups(shop_matrix(), SUSPENDED, alerted()[1])
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules_document(groups)), encoding="utf-8")
    look = {"eval_time": f"{minute}m", "alertname": alert.value, "exp_alerts": firing}
    promise = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": [], "alert_rule_test": [look]}],
    }
    (tmp_path / "promise.yaml").write_text(yaml.safe_dump(promise), encoding="utf-8")
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yaml")
    tested = run(promtool, "test", "rules", tmp_path / "promise.yaml")

    assert checked.returncode == 0, checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("cni", ["cilium", "vpc-cni"])
def test_the_rules_of_suspensions_join_the_others_while_one_is_open(cni: str) -> None:
    environment, alerting = alerted(cni)
    closed = prometheus_rule(shop_matrix(), environment, alerting, NONE_SUSPENDED)
    opened = prometheus_rule(shop_matrix(), environment, alerting, SUSPENDED)

    assert closed
    assert opened
    assert opened.groups == (*closed.groups, *suspension_groups(shop_matrix(), SUSPENDED, alerting))
    assert opened.groups != closed.groups
