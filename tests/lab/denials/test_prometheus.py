"""The rules that a quick test evaluates differ from the deployed ones in when they are evaluated, in nothing else."""

import pytest

from flash_ticket.firewall.compile.alerts.prometheus import rule_groups
from flash_ticket.firewall.compile.alerts.prometheus_rule import rules_document
from lab.denials.prometheus import hurried
from tests.support.alerts.alerted import alerted
from tests.support.declared.accounts import shop_matrix


@pytest.mark.parametrize("cni", ["vpc-cni", "cilium"])
def test_a_minute_of_interval_and_for_is_a_second_and_all_else_is_the_same(cni: str) -> None:
    environment, alerting = alerted(cni)
    deployed = rules_document(rule_groups(shop_matrix(), environment, alerting))["groups"]

    quick = hurried(deployed)

    assert [each["interval"] for each in quick] == ["1s"]
    for before, after in zip(deployed, quick, strict=True):
        for rule, quick_rule in zip(before["rules"], after["rules"], strict=True):
            assert quick_rule.get("for") == (rule["for"].replace("m", "s") if "for" in rule else None)
            assert {**quick_rule, "for": rule.get("for")} == {"for": None, **rule}
        assert {**after, "interval": before["interval"], "rules": before["rules"]} == before


@pytest.mark.parametrize("duration", ["30s", "1h", "m", ""])
def test_a_duration_in_another_unit_is_refused(duration: str) -> None:
    with pytest.raises(ValueError, match="is not a number of minutes"):
        hurried([{"name": "x", "interval": duration, "rules": []}])
