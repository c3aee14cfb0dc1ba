"""``verify`` on a lab that drifts: it finds each manual change, and nothing after the changes are undone."""

import json
from typing import Any

import pytest

from lab.running.firewall_command import Ran
from tests.support.engine.apis import NAMESPACE
from tests.support.engine.drift import REDIS_RULE, Drift
from tests.support.engine.life import Life

pytestmark = pytest.mark.engine

on_dev = pytest.mark.parametrize("life", ["dev"], indirect=True)
"""Tests of a stack that records to a log group."""
on_prod = pytest.mark.parametrize("life", ["prod"], indirect=True)
"""Tests of a stack that records to a bucket."""


@pytest.fixture
def drift(life: Life) -> Drift:
    return life.drift


def reported(ran: Ran | None) -> list[dict[str, Any]]:
    """Return the findings in a JSON answer."""
    assert ran
    return list(json.loads(ran.stdout)["findings"])


def test_right_after_a_deployment_nothing_differs(drift: Drift) -> None:
    assert drift.fresh.returncode == 0, drift.fresh.stdout + drift.fresh.stderr
    assert ": as declared. Looked at: NetworkPolicies 7" in drift.fresh.stdout
    assert drift.fresh.stderr == ""
    assert reported(drift.fresh_json) == []
    assert json.loads(drift.fresh_json.stdout)["unseen"] == []


@on_dev
def test_each_manual_change_is_found(drift: Drift) -> None:
    assert drift.drifted
    assert drift.drifted.returncode == 1, drift.drifted.stderr
    found = {(each["kind"], each["where"].partition(" in sg-")[0]) for each in reported(drift.drifted_json)}

    assert {
        ("widening", f"NetworkPolicy {NAMESPACE}/debug-pay"),
        ("missing", f"NetworkPolicy {NAMESPACE}/04-allow-egress-api"),
        ("changed", f"NetworkPolicy {NAMESPACE}/03-allow-pay-from-api"),
        ("missing", f"rule {REDIS_RULE}"),
        ("cut off", f"pod api-0 in {NAMESPACE}"),
        ("cut off", f"pod pay-0 in {NAMESPACE}"),
        ("unknown pod", f"pod debug-shell in {NAMESPACE}"),
        ("open", f"pod debug-shell in {NAMESPACE}"),
        ("cut off", "flash-ticket-firewall:binding.cluster.dns.groups"),
    } <= found
    assert [each for each in reported(drift.drifted_json) if each["kind"] == "widening" and "TCP 22" in each["what"]]
    (failing,) = [each for each in reported(drift.drifted_json) if "delivery is FAILED: Access error" in each["what"]]
    assert failing["kind"] == "not recording"


@on_dev
def test_a_changed_policy_is_reported_field_by_field(drift: Drift) -> None:
    (changed,) = [each for each in reported(drift.drifted_json) if each["where"].endswith("/03-allow-pay-from-api")]

    assert changed["differences"] == [
        {"path": "spec.ingress[0].ports[0].port", "declared": "3100", "live": "9999"},
    ]


@on_dev
def test_a_pod_older_than_its_group_is_reported_with_its_start_time(drift: Drift) -> None:
    (bare,) = [each for each in reported(drift.drifted_json) if "lacks sg-" in each["what"]]

    assert "it started at 2026-01-05T03:00:00Z" in bare["what"]
    assert bare["remedy"].endswith(f"kubectl delete pod --namespace {NAMESPACE} pay-0")


def test_after_the_changes_are_undone_nothing_differs(drift: Drift) -> None:
    assert drift.mended.returncode == 0, drift.mended.stdout + drift.mended.stderr
    assert (drift.quiet.returncode, drift.quiet.stdout, drift.quiet.stderr) == (0, "", "")


def words(ran: Ran | None) -> list[tuple[str, str]]:
    """Return kind and words of each finding."""
    return [(each["kind"], each["what"]) for each in reported(ran)]


@on_prod
def test_each_missing_guard_of_a_bucket_is_reported(drift: Drift) -> None:
    assert drift.bare
    assert drift.bare.returncode == 1
    assert words(drift.bare) == [
        ("changed", "its policy is not as declared"),
        ("changed", "its records are not encrypted with the stack's key"),
        ("changed", "public access is not blocked"),
    ]


@on_prod
def test_a_deleted_flow_log_is_reported(drift: Drift) -> None:
    assert words(drift.absent) == [
        (
            "not recording",
            "there is no flow log with the tags of the stack prod for flash-ticket in ap-northeast-2/flash-ticket-prod",
        )
    ]
