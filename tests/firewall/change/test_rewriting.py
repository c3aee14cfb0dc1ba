"""Manual additions to an object are overwritten, and nothing else is rewritten."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.rewriting import REWRITTEN, Rewriting, rewriting
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.described import deployed

SHOP = compile_firewall(shop_matrix(), environment_of("dev"))
STANDS = deployed(SHOP)
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
MOMENT, EARLIER = "2026-11-24T03:00:00Z", "2026-11-23T03:00:00Z"
POLICY = "04-allow-egress-api"


def found(standing: Deployed) -> Rewriting:
    return rewriting(standing, SHOP.deployed_pods, SHOP.vpc, NOW)


def with_policy(change: Callable[[dict[str, Any]], object]) -> Deployed:
    policies = tuple(copy.deepcopy(dict(policy)) for policy in STANDS.policies)
    change(next(policy for policy in policies if policy["metadata"]["name"] == POLICY))
    return replace(STANDS, policies=policies)


def with_attachment(change: Callable[[dict[str, Any]], object]) -> Deployed:
    attachments = tuple(copy.deepcopy(dict(each)) for each in STANDS.attachments)
    change(next(each for each in attachments if each["metadata"]["name"] == "api"))
    return replace(STANDS, attachments=attachments)


def test_unchanged_objects_are_not_rewritten() -> None:
    assert found(STANDS) == Rewriting()


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a rule that allows all": lambda policy: policy["spec"]["egress"].append({}),
    "a peer more": lambda policy: policy["spec"]["egress"][0]["to"].append({"podSelector": {}}),
    "a port more": lambda policy: policy["spec"]["egress"][0]["ports"].append({"protocol": "TCP", "port": 22}),
    "no ports": lambda policy: policy["spec"]["egress"][0].pop("ports"),
    "another direction": lambda policy: policy["spec"]["policyTypes"].append("Ingress"),
    "a label more to select by": lambda policy: policy["spec"]["podSelector"]["matchLabels"].update(x="y"),
    "an expression to select by": lambda policy: policy["spec"]["podSelector"].update(
        matchExpressions=[{"key": "x", "operator": "Exists"}]
    ),
    "every pod": lambda policy: policy["spec"].update(podSelector={}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_only_a_policy_with_other_rules_is_rewritten(change: Callable[[dict[str, Any]], object]) -> None:
    assert found(with_policy(change)) == Rewriting(((POLICY, MOMENT),))


def test_an_additional_group_on_pods_is_removed() -> None:
    standing = with_attachment(lambda each: each["spec"]["securityGroups"]["groupIds"].append("sg-0123456789abcdef0"))

    assert found(standing) == Rewriting((), (("api", MOMENT),))


def test_another_order_is_not_a_change() -> None:
    assert found(with_policy(lambda policy: policy["spec"]["egress"].reverse())) == Rewriting()


def test_a_rewritten_object_keeps_its_time_so_that_the_next_preview_changes_nothing() -> None:
    standing = with_policy(lambda policy: policy["metadata"]["annotations"].update({REWRITTEN: EARLIER}))

    assert found(standing).of_policy(POLICY) == {REWRITTEN: EARLIER}
    assert found(standing).of_policy("00-default-deny") == {}


def test_an_object_that_is_changed_again_is_rewritten_again() -> None:
    def change(policy: dict[str, Any]) -> None:
        policy["metadata"]["annotations"][REWRITTEN] = EARLIER
        policy["spec"]["egress"].append({})

    assert found(with_policy(change)).of_policy(POLICY) == {REWRITTEN: MOMENT}
