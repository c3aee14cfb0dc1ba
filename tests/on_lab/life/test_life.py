"""The committed stacks on the real engine: first deployment, no change, a change, destroy."""

import pytest

from tests.support.engine.apis import NAMESPACE, TARGET
from tests.support.engine.declarations import DESTROY, FIRST
from tests.support.engine.life import Life
from tests.support.engine.rights import left_over

pytestmark = pytest.mark.engine

POLICIES = {
    "00-default-deny",
    "01-allow-gateway-from-alb",
    "02-allow-api-from-gateway",
    "03-allow-pay-from-api",
    "04-allow-egress-api",
    "04-allow-egress-gateway",
    "04-allow-egress-pay",
}
ELSEWHERE = ("ReadEndpoints", "InsightRules", "WatchBucket")
"""Statements of the documented policies that no recorded deployment of a life needs: no external is a service of AWS,
only a refresh reads the Insights rule, and moto has no metrics of buckets."""

OF_PROD = "ReadPrefixLists"
"""Only the clients of prod's load balancer are in a prefix list."""

REPLACEMENTS = {"replace", "create-replacement", "delete-replaced"}


def test_a_preview_shows_the_proof_and_changes_nothing(life: Life) -> None:
    assert any("The proof holds" in line for line in life.preview.diagnostics)
    assert life.preview.having("create")
    assert life.previewed == life.untouched


def test_up_creates_what_the_preview_showed(life: Life) -> None:
    assert sorted(life.up.having("create")) == sorted(life.preview.having("create"))


def test_the_documented_rights_of_the_deployer_are_enough_and_none_is_left_over(life: Life) -> None:
    further = (OF_PROD,) if life.watched else ()

    assert life.deployer.refused == set()
    assert left_over(life.deployer, *ELSEWHERE, *further) == []


def test_every_policy_is_deployed_under_its_name(life: Life) -> None:
    assert set(life.deployed.policies) == POLICIES == set(life.outputs["policies"])


def test_the_looks_after_single_writes_end_at_what_the_apis_show(life: Life) -> None:
    for run, shown in ((life.runs[FIRST].run, life.deployed), (life.runs[DESTROY].run, life.destroyed)):
        last = run.writes[-1].standing
        policies = {each["metadata"]["name"]: each for each in (*last.policies, *last.foreign_policies)}
        attachments = {each["metadata"]["name"]: each for each in (*last.attachments, *last.foreign_attachments)}
        groups = {each["GroupId"]: each for each in last.groups}

        assert {name: each["spec"] for name, each in policies.items()} == {
            name: each["spec"] for name, each in shown.policies.items()
        }
        assert {name: each["spec"] for name, each in attachments.items()} == {
            name: each["spec"] for name, each in shown.attachments.items()
        }
        assert groups == {name: each for name, each in shown.groups.items() if name not in life.untouched.groups}
        assert {tag["Value"] for rule in last.rules for tag in rule["Tags"] if tag["Key"] == "Name"} == (
            shown.rules - life.untouched.rules
        )
        assert {each["FlowLogId"] for each in last.flow_logs} == shown.flow_logs.keys()


def test_default_deny_is_created_after_every_allow_policy(life: Life) -> None:
    versions = {name: int(policy["metadata"]["resourceVersion"]) for name, policy in life.deployed.policies.items()}
    assert max(versions, key=versions.__getitem__) == "00-default-deny"


def test_each_service_and_the_load_balancer_have_their_own_group(life: Life) -> None:
    groups = life.outputs["groupIds"]
    assert set(groups) == {"alb", "api", "gateway", "pay", "pods.flash-ticket"}
    assert set(groups.values()) <= set(life.deployed.groups)
    assert life.outputs["loadBalancerGroupId"] == groups["alb"]
    for service in ("api", "gateway", "pay"):
        assert life.deployed.attachments[service]["spec"] == {
            "podSelector": {"matchLabels": {"app": f"flash-{service}"}},
            "securityGroups": {"groupIds": [groups[service], groups["pods.flash-ticket"]]},
        }


def test_our_groups_hold_only_our_rules(life: Life) -> None:
    for group_id in life.outputs["groupIds"].values():
        group = life.deployed.groups[group_id]
        open_to_all = [
            block
            for permission in group["IpPermissionsEgress"]
            for block in permission["IpRanges"]
            if block["CidrIp"] == "0.0.0.0/0"
        ]
        assert not open_to_all


def test_the_flow_log_records_pods_every_minute(life: Life) -> None:
    (flow_log,) = life.deployed.flow_logs.values()
    assert flow_log["FlowLogId"] == life.outputs["flowLogId"]
    assert flow_log["MaxAggregationInterval"] == 60
    assert "${pkt-srcaddr}" in flow_log["LogFormat"]
    assert "${pkt-dstaddr}" in flow_log["LogFormat"]


def test_a_second_preview_and_a_refresh_find_nothing_to_change(life: Life) -> None:
    assert life.second_preview.changes == ()
    assert life.refresh.changes == ()


def test_an_update_with_refresh_shows_and_reverts_manual_changes(life: Life) -> None:
    assert any("added    api => pay : TCP 3100" in line for line in life.drifted_preview.diagnostics)
    specs = {name: policy["spec"] for name, policy in life.deployed.policies.items()}
    assert specs == {name: policy["spec"] for name, policy in life.after_mending.policies.items()}
    carried = {name: each["spec"] for name, each in life.deployed.attachments.items()}
    assert carried == {name: each["spec"] for name, each in life.after_mending.attachments.items()}


def test_manual_additions_are_reverted_though_the_engine_would_not_see_them(life: Life) -> None:
    updated = set(life.drifted_preview.having("update"))

    assert {"firewall-policies-04-allow-egress-gateway", "firewall-groups-api-pods"} <= updated


def test_a_changed_matrix_replaces_no_group_and_no_policy(life: Life) -> None:
    for result in (life.changed_preview, life.changed):
        assert not REPLACEMENTS & {step.operation for step in result.changes}
    kept = set(life.deployed.groups)
    assert kept <= set(life.after_change.groups)
    for name in POLICIES:
        before, after = life.after_mending.policies[name], life.after_change.policies[name]
        assert before["metadata"]["uid"] == after["metadata"]["uid"]


def test_a_changed_matrix_changes_exactly_what_it_must(life: Life) -> None:
    updated = set(life.changed_preview.having("update"))
    assert {"firewall-policies-04-allow-egress-pay", "firewall-policies-04-allow-egress-api"} <= updated
    assert "firewall-policies-01-allow-gateway-from-alb" not in updated
    assert {"allow-ingress-mail", "allow-egress-mail"} <= set(life.after_change.policies)
    assert "pay-egress-tcp-2525-to-mail" in life.after_change.rules
    assert not any("6379" in rule for rule in life.after_change.rules)
    assert not any("pay" in rule and "redis" in rule for rule in life.after_change.rules)


def test_a_targeted_update_changes_only_that_resource(life: Life) -> None:
    assert [step.name for step in life.targeted.changes if "components" not in step.type] == [
        f"firewall-policies-{TARGET}"
    ]


def test_destroy_removes_default_deny_before_any_allow_policy(life: Life) -> None:
    deleted = [name for name in life.destroy.having("delete") if name.startswith("firewall-policies-0")]
    assert deleted[0] == "firewall-policies-00-default-deny"


def test_destroy_keeps_the_namespace_and_everything_of_others(life: Life) -> None:
    assert life.destroyed.policies == {}
    assert life.destroyed.attachments == {}
    assert life.destroyed.rules == life.untouched.rules
    assert life.destroyed.groups == life.untouched.groups
    assert life.destroyed.namespaces == life.untouched.namespaces
    assert NAMESPACE in life.destroyed.namespaces


def test_other_namespaces_are_never_touched(life: Life) -> None:
    assert life.untouched.elsewhere
    assert (
        life.untouched.elsewhere == life.deployed.elsewhere == life.after_change.elsewhere == life.destroyed.elsewhere
    )


def test_destroy_keeps_retained_records_and_says_so_in_advance(life: Life) -> None:
    retained = life.outputs["retainedOnDestroy"]
    left = (life.destroyed.buckets | life.destroyed.log_groups) - life.untouched.buckets - life.untouched.log_groups
    assert len(left) == len([arn for arn in retained if ":kms:" not in arn])
    for name in left:
        assert any(arn.endswith(name) for arn in retained)
    made = set(life.destroyed.keys) - set(life.untouched.keys)
    assert {life.destroyed.keys[key] for key in made} == ({"Enabled"} if retained else {"PendingDeletion"})
    assert not life.destroyed.flow_logs
