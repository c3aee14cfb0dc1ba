"""The rules as Prometheus itself reads and evaluates them: which alerts fire, and when."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.compile.alerts.prometheus import rule_groups
from flash_ticket.firewall.compile.alerts.prometheus_rule import AlertingRule, rules_document
from tests.support.alerts.alerted import alerted
from tests.support.declared.accounts import shop_matrix

CNIS = ("cilium", "vpc-cni")


def promises(cni: str) -> list[dict[str, Any]]:
    text = Path(__file__).with_name(f"{cni}.promtool.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


CASES = [pytest.param(cni, promise, id=f"{cni}: {promise['name']}") for cni in CNIS for promise in promises(cni)]


def written_rules(folder: Path, cni: str) -> Path:
    environment, alerting = alerted(cni)
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(rules_document(rule_groups(shop_matrix(), environment, alerting))), encoding="utf-8")
    return path


def run(promtool: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(promtool), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the real promtool


@pytest.mark.parametrize("cni", CNIS)
def test_promtool_accepts_the_rules_without_a_warning(cni: str, promtool: Path, tmp_path: Path) -> None:
    environment, alerting = alerted(cni)
    count = sum(len(group.rules) for group in rule_groups(shop_matrix(), environment, alerting))
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", written_rules(tmp_path, cni))

    assert checked.returncode == 0, checked.stderr
    assert f"SUCCESS: {count} rules found" in checked.stdout


@pytest.mark.parametrize(("cni", "promise"), CASES)
def test_an_alert_fires_when_it_should_and_only_then(
    cni: str, promise: dict[str, Any], promtool: Path, tmp_path: Path
) -> None:
    written_rules(tmp_path, cni)
    path = tmp_path / "promise.yaml"
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [promise]}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    tested = run(promtool, "test", "rules", path)

    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("cni", CNIS)
def test_every_alert_is_tested_firing_and_not_firing(cni: str) -> None:
    environment, alerting = alerted(cni)
    groups = rule_groups(shop_matrix(), environment, alerting)
    alerts = {rule.alert.value for group in groups for rule in group.rules if isinstance(rule, AlertingRule)}
    looks = [look for promise in promises(cni) for look in promise.get("alert_rule_test", ())]

    assert {look["alertname"] for look in looks if look["exp_alerts"]} == alerts
    assert {look["alertname"] for look in looks if not look["exp_alerts"]} == alerts
