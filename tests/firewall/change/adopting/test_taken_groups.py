"""Groups of others are taken over with the rules that we would add, or refused if they belong to something else."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import Adopting, Group
from flash_ticket.firewall.change.adopting.taken_groups import (
    KeptGroup,
    TakenGroups,
    crowded_groups,
    taken_groups,
    with_taken_groups,
)
from flash_ticket.firewall.change.adopting.taking_over import TakingOver
from flash_ticket.firewall.change.adoption import unfinished_groups
from flash_ticket.firewall.change.deployed import Deployed, own_description
from flash_ticket.firewall.change.ownership.own_resources import Tagged
from flash_ticket.firewall.change.ownership.rule_identity import added_by_others
from flash_ticket.firewall.compile.owner import GROUP_TAG, tags_of
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.report.taking_over import taking_over_text
from tests.support.declared.described import Described, nothing_deployed
from tests.support.declared.described import rule as described_rule
from tests.support.declared.owners import DEV, PROD, tags
from tests.support.refusal import refusal
from tests.support.verify.standing import shop

API = "sg-own-api"
ADOPTING = Adopting(groups=(("api", Group(API, "shop-api")),))
KEY = "Pulumi.dev.yaml: flash-ticket-firewall:binding.adopt.groups.api"
NOTHING = Tagged((), (), ())
SSH: Described = {
    "SecurityGroupRuleId": "sgr-ssh",
    "GroupId": API,
    "IsEgress": False,
    "IpProtocol": "tcp",
    "FromPort": 22,
    "ToPort": 22,
    "CidrIpv4": "10.0.0.0/8",
}
ALL_OUT: Described = {
    "SecurityGroupRuleId": "sgr-out",
    "GroupId": API,
    "IsEgress": True,
    "IpProtocol": "-1",
    "FromPort": -1,
    "ToPort": -1,
    "CidrIpv4": "0.0.0.0/0",
}


def group(*, name: str = "shop-api", **own: str) -> Described:
    """Return a group that somebody has made for api."""
    listed = [{"Key": key, "Value": value} for key, value in own.items()]
    return {"GroupId": API, "GroupName": name, "Description": "made by hand", "VpcId": "vpc-dev", "Tags": listed}


def stands(found: Described) -> Deployed:
    """Return what is deployed when the binding takes over a group."""
    return nothing_deployed(groups=with_taken_groups(NOTHING, [found], ADOPTING, DEV).groups)


def of_api() -> tuple[Described, ...]:
    """Return the rules of api as somebody has made them, without tags and with other descriptions."""
    own = [each for each in shop().vpc.rules if OwnGroup("api") in {each.holder, each.peer}]
    beside = [each for each in own if {type(each.holder), type(each.peer)} != {OwnGroup}]
    return tuple({**described_rule(each, DEV), "Tags": [], "Description": "by hand"} for each in beside)


def taken(found: Described, *rules: Described, state: Any = None) -> TakenGroups:  # noqa: ANN401 - ids with tags
    return taken_groups(shop(), stands(found), rules, state or {})


def test_a_group_counts_as_deployed_with_the_tags_that_it_will_have() -> None:
    (found,) = with_taken_groups(NOTHING, [group(Team="shop")], ADOPTING, DEV).groups

    assert tags_of(found) == {"Team": "shop", **DEV.tags, GROUP_TAG: "api"}
    assert stands(group()).group_labels == {API: "api"}


def test_the_first_update_imports_the_group_and_the_rules_that_we_would_add_and_leaves_their_tags() -> None:
    rules = of_api()
    found = taken(group(Team="shop"), *rules, SSH, ALL_OUT)

    assert rules
    assert found.groups == (("api", API),)
    assert {each["SecurityGroupRuleId"] for each in found.rules} == {each["SecurityGroupRuleId"] for each in rules}
    assert {tags_of(each)["Name"] for each in found.rules} <= {rule.name for rule in shop().vpc.rules}
    assert found.imported == {API, *(each["SecurityGroupRuleId"] for each in rules)}
    assert found.left == (SSH, ALL_OUT)
    assert found.kept_of("api") == KeptGroup("shop-api", "made by hand", {"Team": "shop"})


def test_the_second_update_imports_nothing_and_keeps_what_the_state_holds() -> None:
    """The account shows the provider's default tags too; to declare them would change the group at each update."""
    state = {API: {"Team": "shop"}, **{each["SecurityGroupRuleId"]: {} for each in of_api()}}
    found = taken(group(Team="shop", Environment="dev"), *of_api(), state=state)

    assert (found.imported, found.groups) == (frozenset(), (("api", API),))
    assert found.kept_of("api") == KeptGroup("shop-api", "made by hand", {"Team": "shop"})


def test_after_that_the_group_is_ours_and_keeps_its_name_even_without_the_key() -> None:
    ours = {**group(), "Tags": tags(DEV, **{GROUP_TAG: "api", "Team": "shop"})}
    found = taken_groups(shop(), nothing_deployed(groups=(ours,)), (SSH,), {})

    assert with_taken_groups(NOTHING, [ours], ADOPTING, DEV).groups == ()
    assert (found.groups, found.imported, found.left) == ((), frozenset(), ())
    assert found.kept_of("api") == KeptGroup("shop-api", "made by hand", {"Team": "shop"})


def test_a_group_that_this_program_has_made_keeps_nothing() -> None:
    ours = {**group(), "Description": own_description("api"), "Tags": tags(DEV, **{GROUP_TAG: "api"})}

    assert taken_groups(shop(), nothing_deployed(groups=(ours,)), (), {}).kept == ()


HOLDERS: dict[str, tuple[Described, str]] = {
    "another stack": (group(**PROD.tags), "sg-own-api belongs to the stack prod for flash-ticket in "),
    "the default group": (group(name="default"), "sg-own-api belongs to vpc-dev, whose default group it is."),
    "CloudFormation": (
        group(**{"aws:cloudformation:stack-name": "net"}),
        "sg-own-api belongs to the CloudFormation stack net (tag aws:cloudformation:stack-name).",
    ),
    "a controller": (
        group(**{"elbv2.k8s.aws/cluster": "shop"}),
        "sg-own-api belongs to the AWS Load Balancer Controller of shop (tag elbv2.k8s.aws/cluster).",
    ),
    "another service": (group(**{**DEV.tags, GROUP_TAG: "pay"}), "sg-own-api is the group of pay of this stack."),
}


@pytest.mark.parametrize("case", HOLDERS.values(), ids=HOLDERS)
def test_a_group_that_belongs_to_something_else_is_refused(case: tuple[Described, str]) -> None:
    found, said = case

    assert refusal(lambda: with_taken_groups(NOTHING, [found], ADOPTING, DEV)).startswith(f"{KEY}: {said}")


def test_a_second_group_for_a_service_is_refused() -> None:
    own = {**group(), "GroupId": "sg-1", "Tags": tags(DEV, **{GROUP_TAG: "api"})}
    line = refusal(lambda: with_taken_groups(replace(NOTHING, groups=(own,)), [group()], ADOPTING, DEV))

    assert line == (
        f"{KEY}: this stack has the group sg-1 for api, and its running pods would lose it to sg-own-api. Remove it "
        "here."
    )


def test_rules_that_stay_are_deleted_after_the_update_and_nothing_says_so_before() -> None:
    before = stands(group())
    ours = nothing_deployed(groups=({**group(), "Tags": tags(DEV, **{GROUP_TAG: "api"})},))
    permissions = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    open_group = nothing_deployed(groups=({**ours.groups[0], "IpPermissionsEgress": permissions},))

    assert list(added_by_others(before, shop().vpc, (SSH, ALL_OUT))) == []
    assert [each.where for each in added_by_others(ours, shop().vpc, (SSH, ALL_OUT))] == [
        "rule sgr-ssh in api",
        "rule sgr-out in api",
    ]
    assert list(unfinished_groups(open_group)) == []


def test_a_group_that_our_rules_and_those_of_others_would_overflow_is_refused() -> None:
    planned = shop()
    held = [
        each for each in planned.vpc.rules if each.holder == OwnGroup("api") and each.direction is Direction.INGRESS
    ]
    room = 60 - len(held)
    others = tuple(
        {**SSH, "SecurityGroupRuleId": f"sgr-{number}", "FromPort": 10_000 + number} for number in range(room + 1)
    )
    (crowded,) = crowded_groups(planned, taken(group(), *others))

    assert list(crowded_groups(planned, taken(group(), *others[:room]))) == []
    assert str(crowded).startswith(
        f"{KEY}: {API} would hold {len(held)} ingress rules of this program for IPv4 and {room + 1} of others, and AWS "
        "allows 60. Delete rules there that are no longer needed, such as sgr-0, or have AWS"
    )


def test_a_preview_names_the_groups_and_the_rules_to_delete() -> None:
    first = taking_over_text(TakingOver("flash-ticket", (), (), (), taken(group(), *of_api(), SSH)))
    state: dict[str, dict[str, str]] = {API: {}, **{each["SecurityGroupRuleId"]: {} for each in of_api()}}
    second = taking_over_text(TakingOver("flash-ticket", (), (), (), taken(group(), *of_api(), state=state)))

    assert first.startswith(f"This takes over the security groups {API} of api, with {len(of_api())} of their rules: ")
    assert first.endswith(
        f"  aws ec2 revoke-security-group-ingress --group-id {API} --security-group-rule-ids sgr-ssh "
        "# TCP 22 from 10.0.0.0/8"
    )
    assert second == f"This gives the security groups {API} of api the tags of this stack."
