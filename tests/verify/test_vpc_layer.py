"""Findings about missing, changed, left-over and others' groups and rules, and about SecurityGroupPolicies."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from flash_ticket.firewall.change.object_difference import Difference
from flash_ticket.verify.finding import FindingKind
from tests.support.declared.owners import tags
from tests.support.verify.standing import edited, found, only, shop, standing, with_deployed, with_inventory

REDIS = "api-egress-tcp-6379-to-flash-ticket-dev-redis"
SSH: dict[str, Any] = {
    "SecurityGroupRuleId": "sgr-ssh",
    "GroupId": "sg-own-api",
    "IsEgress": False,
    "IpProtocol": "tcp",
    "FromPort": 22,
    "ToPort": 22,
    "CidrIpv4": "0.0.0.0/0",
}


def named(rules: tuple[Any, ...], name: str) -> Any:  # noqa: ANN401 - a described rule
    return next(each for each in rules if each["SecurityGroupRuleId"] == f"sgr-{name}")


def test_a_missing_group_is_one_finding_with_its_rules_counted() -> None:
    firewall = shop()
    before = standing(firewall)
    gone = "sg-own-pay"
    left = tuple(each for each in before.deployed.groups if each["GroupId"] != gone)
    rules = tuple(
        each
        for each in before.deployed.rules
        if gone not in {each["GroupId"], each.get("ReferencedGroupInfo", {}).get("GroupId")}
    )

    missing = only(firewall, with_deployed(before, groups=left, rules=rules))

    count = len(before.deployed.rules) - len(rules)
    assert (missing.kind, missing.where) == (FindingKind.MISSING, "security group of pay")
    assert missing.what == f"it does not exist, and neither do the {count} rules that use it"


def test_a_group_of_this_stack_that_nothing_declares_is_left_over() -> None:
    firewall = shop()
    before = standing(firewall)
    former = deepcopy(before.deployed.groups[0])
    former["GroupId"] = "sg-zzz"  # type: ignore[index]  # a mapping that is a dictionary

    left_over = only(firewall, with_deployed(before, groups=(*before.deployed.groups, former)))

    assert (left_over.kind, left_over.where) == (FindingKind.LEFT_OVER, "security group sg-zzz")


def test_a_rule_changed_in_place_is_found_by_field() -> None:
    firewall = shop()
    before = standing(firewall)
    rules = deepcopy(before.deployed.rules)
    named(rules, REDIS)["ToPort"] = 6380
    named(rules, REDIS)["Description"] = "quick fix"

    changed = only(firewall, with_deployed(before, rules=rules))

    assert (changed.kind, changed.where) == (FindingKind.CHANGED, f"rule {REDIS} in sg-own-api")
    assert changed.differences == (
        Difference("ToPort", "6379", "6380"),
        Difference("Description", '"api to redis"', '"quick fix"'),
    )


def test_a_rule_that_lost_its_tags_is_changed_and_not_missing() -> None:
    firewall = shop()
    before = standing(firewall)
    rules = deepcopy(before.deployed.rules)
    named(rules, REDIS)["Tags"] = []

    changed = only(firewall, with_deployed(before, rules=rules))

    assert changed.kind is FindingKind.CHANGED
    assert [each.path for each in changed.differences] == [
        "Tags.Name",
        "Tags.flash-firewall:stack",
        "Tags.flash-firewall:namespace",
        "Tags.flash-firewall:cluster",
    ]


def test_protocols_by_number_and_networks_in_another_form_are_no_change() -> None:
    firewall = shop("dev")
    before = standing(firewall)
    rules = deepcopy(before.deployed.rules)
    for each in rules:
        each["IpProtocol"] = {"tcp": "6", "udp": "17"}[each["IpProtocol"]]  # type: ignore[index]  # likewise

    assert found(firewall, with_deployed(before, rules=rules)) == []


def test_a_rule_of_others_in_our_group_widens_it_and_the_remedy_revokes_it() -> None:
    firewall = shop()
    before = standing(firewall)

    widening = only(firewall, replace(before, group_rules=(*before.deployed.rules, SSH)))

    assert (widening.kind, widening.where) == (FindingKind.WIDENING, "rule sgr-ssh in api")
    assert widening.what == "this program did not create it, and it opens TCP 22 from 0.0.0.0/0"
    assert widening.remedy == (
        "aws ec2 revoke-security-group-ingress --group-id sg-own-api --security-group-rule-ids sgr-ssh"
    )


def test_a_rule_that_allows_all_egress_is_found_as_all_traffic() -> None:
    firewall = shop()
    before = standing(firewall)
    everything = {**SSH, "IsEgress": True, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1}

    widening = only(firewall, replace(before, group_rules=(*before.deployed.rules, everything)))

    assert widening.what.endswith("opens all traffic to 0.0.0.0/0")
    assert "revoke-security-group-egress" in widening.remedy


def test_rules_of_others_in_groups_of_others_are_ignored() -> None:
    firewall = shop()
    before = standing(firewall)
    theirs = {**SSH, "GroupId": "sg-dev-redis"}

    assert found(firewall, replace(before, group_rules=(*before.deployed.rules, theirs))) == []


def test_a_rule_of_ours_that_nothing_declares_is_left_over_wherever_it_is() -> None:
    firewall = shop()
    before = standing(firewall)
    former = {**SSH, "GroupId": "sg-dev-redis", "Tags": tags(firewall.owner)}

    left_over = only(firewall, with_deployed(before, rules=(*before.deployed.rules, former)))

    assert (left_over.kind, left_over.where) == (FindingKind.LEFT_OVER, "rule sgr-ssh in sg-dev-redis")


def test_a_policy_that_puts_another_group_on_pods_is_changed() -> None:
    firewall = shop()
    before = standing(firewall)

    def exchange(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["spec"]["securityGroups"]["groupIds"] = ["sg-other", "sg-own-pods.flash-ticket"]

    changed = only(firewall, with_deployed(before, attachments=edited(before.deployed.attachments, "pay", exchange)))

    assert (changed.kind, changed.where) == (FindingKind.CHANGED, "SecurityGroupPolicy flash-ticket/pay")
    assert changed.differences == (Difference("spec.securityGroups.groupIds[0]", '"sg-own-pay"', '"sg-other"'),)


def foreign(name: str, **selector: Any) -> dict[str, Any]:  # noqa: ANN401 - a selector
    return {"metadata": {"name": name}, "spec": {**selector, "securityGroups": {"groupIds": ["sg-1"]}}}


def test_a_policy_of_others_that_puts_groups_on_our_pods_is_found_with_the_services() -> None:
    firewall = shop()
    expressions = [{"key": "app", "operator": "In", "values": ["flash-api", "flash-pay"]}]
    theirs = (
        foreign("both", podSelector={"matchExpressions": expressions}),
        foreign("elsewhere", podSelector={"matchLabels": {"app": "mail"}}),
        foreign("by-account", serviceAccountSelector={"matchLabels": {"team": "a"}}),
    )

    first, second = found(firewall, with_deployed(standing(firewall), foreign_attachments=theirs))

    assert (first.kind, first.where) == (FindingKind.WIDENING, "SecurityGroupPolicy flash-ticket/both")
    assert first.what == "this program did not create it, and it puts sg-1 on pods of api, pay"
    assert second.where == "SecurityGroupPolicy flash-ticket/by-account"


def test_a_policy_of_ours_that_attaches_for_no_service_is_left_over() -> None:
    firewall = shop()
    before = standing(firewall)
    former = {**before.deployed.attachments[0], "metadata": {"name": "mail"}}

    left_over = only(firewall, with_deployed(before, attachments=(*before.deployed.attachments, former)))

    assert (left_over.kind, left_over.where) == (FindingKind.LEFT_OVER, "SecurityGroupPolicy flash-ticket/mail")


def test_a_load_balancer_without_its_group_is_cut_off() -> None:
    firewall = shop()
    before = standing(firewall)
    left = tuple(each for each in before.inventory.interfaces if each.id != "eni-front")

    cut = only(firewall, with_inventory(before, interfaces=left))

    assert (cut.kind, cut.where) == (FindingKind.CUT_OFF, "load balancer alb")
    assert cut.remedy == "Name it on the Ingress: alb.ingress.kubernetes.io/security-groups: sg-own-alb"
