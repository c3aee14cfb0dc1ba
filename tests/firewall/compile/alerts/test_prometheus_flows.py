"""The alert on flows that have ended while nothing was deployed, as Prometheus itself evaluates it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.prometheus import flow_groups
from flash_ticket.firewall.compile.alerts.prometheus_rule import rules_document
from flash_ticket.firewall.declare.matrix import Flow, LimitedFlow, Matrix
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.ports import tcp
from tests.firewall.compile.alerts.test_prometheus import run
from tests.support.alerts.alerted import alerted
from tests.support.declared.accounts import shop_matrix

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
"""promtool's clock starts here."""

ENDING = LimitedFlow(Flow("gateway", "pay", (tcp(3100),), "{{ fail"), until=date(1970, 1, 1))


def shop() -> Matrix:
    return replace(shop_matrix(), limited=(ENDING,)).within("dev", BEGIN)


@pytest.mark.parametrize(("hour", "times"), [(23, 0), (25, 1)])
def test_the_alert_fires_after_the_last_day_of_a_flow(hour: int, times: int, promtool: Path, tmp_path: Path) -> None:
    firing = {
        "exp_labels": {
            "severity": Alert.FLOW_OVER.severity.value,
            "namespace": "flash-ticket",
            "flow": "gateway -> pay",
            "until": "1970-01-01",
        },
        "exp_annotations": {
            "summary": Alert.FLOW_OVER.summary,
            "description": "gateway -> pay in flash-ticket ended after 1970-01-01 (UTC), and it is still open. "
            "`pulumi up` closes it.",
            "runbook_url": Alert.FLOW_OVER.runbook_url("https://wiki.example.com/runbook"),
        },
    }
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules_document(flow_groups(shop(), alerted()[1]))))
    look = {"eval_time": f"{hour}h", "alertname": Alert.FLOW_OVER.value, "exp_alerts": [firing] * times}
    promise = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": [], "alert_rule_test": [look]}],
    }
    (tmp_path / "promise.yaml").write_text(yaml.safe_dump(promise))
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yaml")
    tested = run(promtool, "test", "rules", tmp_path / "promise.yaml")

    assert checked.returncode == 0, checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_moment_of_a_compilation_decides_which_flows_it_holds_and_watches() -> None:
    matrix, (environment, _) = replace(shop_matrix(), limited=(ENDING,)), alerted()
    before, after = (
        compile_firewall(matrix, environment, replace(NONE_SUSPENDED, at=BEGIN + timedelta(days=days)))
        for days in (0, 1)
    )

    for firewall, held in ((before, True), (after, False)):
        assert firewall.proof().holds
        assert any(flow.target == "pay" and flow.source == "gateway" for flow in firewall.matrix.flows) is held
        assert any("gateway-egress-tcp-3100-to-pay" in rule.name for rule in firewall.vpc.rules) is held
        assert ("NetworkPolicyFlowOver" in str(firewall.watch.rule)) is held
    assert any("ends after 1970-01-01" in str(each) for each in before.notices())
    assert any("ended after 1970-01-01" in str(each) for each in after.notices())


def test_a_firewall_without_ends_has_no_such_alert() -> None:
    assert flow_groups(shop_matrix(), alerted()[1]) == ()
