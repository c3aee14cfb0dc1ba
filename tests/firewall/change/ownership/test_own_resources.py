"""What has a stack's name in its tags is the stack's only if namespace, cluster and VPC fit; the rest is refused."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.change.ownership.own_resources import Tagged, own_flow_log
from flash_ticket.firewall.compile.owner import CLUSTER_TAG, NAMESPACE_TAG, STACK_TAG, Owner, tags_of
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.described import deployed
from tests.support.declared.owners import DEV, owner_of, tags
from tests.support.refusal import refusal

VPC = environment_of("dev").vpc
NEIGHBOUR = owner_of("dev", namespace="bookshop")
ELSEWHERE = owner_of("dev", cluster="green")


def shop(attachment: Attachment = Attachment.PODS) -> CompiledFirewall:
    environment = environment_of("dev")
    cluster = replace(environment.cluster, attachment=attachment)
    return compile_firewall(shop_matrix(), replace(environment, cluster=cluster))


def made_by(owner: Owner, vpc: str = VPC, firewall: CompiledFirewall | None = None) -> Tagged:
    """Return what a firewall like the shop's has in the account, with ids of its own."""
    found = deployed(firewall or shop())

    def renamed(id_: str) -> str:
        return id_ if id_.startswith("sg-dev") else f"{id_}-{owner.namespace}-{owner.cluster_name}-{vpc}"

    def tagged(described: Described) -> list[dict[str, Any]]:
        mine = {key: value for key, value in tags_of(described).items() if key not in owner.tags}
        return tags(owner, **{key: value.replace(DEV.name, owner.name) for key, value in mine.items()})

    groups = tuple(
        {**each, "GroupId": renamed(each["GroupId"]), "VpcId": vpc, "Tags": tagged(each)} for each in found.groups
    )
    rules = tuple(
        {
            **each,
            "SecurityGroupRuleId": renamed(each["SecurityGroupRuleId"]),
            "GroupId": renamed(each["GroupId"]),
            "Tags": tagged(each),
            **(
                {"ReferencedGroupInfo": {"GroupId": renamed(each["ReferencedGroupInfo"]["GroupId"])}}
                if "ReferencedGroupInfo" in each
                else {}
            ),
        }
        for each in found.rules
    )
    flow_log = {"FlowLogId": renamed("fl-1"), "ResourceId": vpc, "Tags": tags(owner, Name=owner.name)}
    return Tagged(groups, rules, (flow_log,))


def before_namespaces(tagged: Tagged) -> Tagged:
    """Return the same as an earlier version of this program has tagged it."""

    def bare(described: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(
            {**each, "Tags": [tag for tag in each["Tags"] if tag["Key"] not in {NAMESPACE_TAG, CLUSTER_TAG}]}
            for each in described
        )

    return Tagged(bare(tagged.groups), bare(tagged.rules), bare(tagged.flow_logs))


def together(*each: Tagged) -> Tagged:
    return Tagged(
        tuple(group for one in each for group in one.groups),
        tuple(rule for one in each for rule in one.rules),
        tuple(log for one in each for log in one.flow_logs),
    )


def attached(tagged: Tagged) -> list[Any]:
    """Return the SecurityGroupPolicies that attach the groups of services."""
    return [
        {"spec": {"securityGroups": {"groupIds": [group["GroupId"]]}}}
        for group in tagged.groups
        if {"Key": "flash-firewall:group", "Value": "alb"} not in group["Tags"]
    ]


OURS = made_by(DEV)
OTHERS = {
    "another namespace in the VPC": made_by(NEIGHBOUR),
    "another cluster in the VPC": made_by(ELSEWHERE),
    "another cluster in another VPC": made_by(ELSEWHERE, "vpc-other"),
}


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
def test_nothing_of_another_firewall_with_the_same_stack_name_is_ours(others: Tagged) -> None:
    assert together(OURS, others).of(DEV, VPC, attached(OURS)) == OURS
    assert others.of(DEV, VPC, ()) == Tagged((), (), ())


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
def test_what_an_earlier_version_made_is_ours_if_our_pods_carry_its_groups(others: Tagged) -> None:
    former = before_namespaces(OURS)

    assert former.of(DEV, VPC, attached(former)) == former
    assert together(former, others).of(DEV, VPC, attached(former)) == former
    assert together(OURS, before_namespaces(made_by(NEIGHBOUR))).of(DEV, VPC, attached(OURS)) == OURS


def test_tags_that_are_only_half_completed_do_not_matter() -> None:
    former = before_namespaces(OURS)
    half = Tagged((*OURS.groups[:1], *former.groups[1:]), (*OURS.rules[:20], *former.rules[20:]), former.flow_logs)

    assert half.of(DEV, VPC, attached(half)) == half


def test_groups_of_an_earlier_version_that_nothing_proves_are_refused_with_the_command_that_claims_them() -> None:
    former = before_namespaces(made_by(DEV, firewall=shop(Attachment.NODES)))
    (group,) = (each["GroupId"] for each in former.groups)

    said = refusal(lambda: former.of(DEV, VPC, ()))

    command = said.partition("complete their tags: ")[2].partition(";")[0]
    named = command.partition("--resources ")[2].partition(" --tags")[0].split()
    rules = {each["SecurityGroupRuleId"] for each in former.rules}
    assert said.startswith(f"AWS: security groups: an earlier version of this program made {group} for a stack dev, ")
    assert set(named) == {group, *rules, former.flow_logs[0]["FlowLogId"]}
    assert command.endswith(
        f"--tags Key={STACK_TAG},Value=dev Key={NAMESPACE_TAG},Value=flash-ticket "
        f"Key={CLUSTER_TAG},Value=ap-northeast-2/flash-ticket-dev"
    )


def test_an_earlier_versions_groups_of_another_cluster_are_refused_until_we_have_groups_of_our_own() -> None:
    others = before_namespaces(made_by(ELSEWHERE))

    said = refusal(lambda: others.of(DEV, VPC, ()))

    assert "nothing says for which cluster" in said
    assert "deploy that one first" in said
    assert together(OURS, others).of(DEV, VPC, attached(OURS)) == OURS


def in_state(tagged: Tagged) -> frozenset[str]:
    ids = [each["GroupId"] for each in tagged.groups] + [each["SecurityGroupRuleId"] for each in tagged.rules]
    return frozenset([*ids, *(each["FlowLogId"] for each in tagged.flow_logs)])


FORMER = {
    "made by an earlier version": before_namespaces(made_by(DEV, firewall=shop(Attachment.NODES))),
    "in another namespace": made_by(NEIGHBOUR),
    "in another cluster": made_by(ELSEWHERE),
    "in another VPC": made_by(DEV, "vpc-former"),
}


@pytest.mark.parametrize("former", FORMER.values(), ids=FORMER)
def test_what_the_state_knows_is_ours_wherever_the_stack_was_before(former: Tagged) -> None:
    assert former.of(DEV, VPC, (), in_state(former)) == former


def test_earlier_groups_of_another_namespace_or_vpc_are_left_alone() -> None:
    for others in (made_by(NEIGHBOUR), made_by(DEV, "vpc-other")):
        assert before_namespaces(others).of(DEV, VPC, ()) == Tagged((), (), ())


def test_two_groups_that_claim_to_be_the_same_one_are_refused_with_their_ids() -> None:
    again = {**OURS.groups[1], "GroupId": "sg-again"}
    twice = replace(OURS, groups=(*OURS.groups, again))

    said = refusal(lambda: twice.of(DEV, VPC, ()))

    assert twice.of(DEV, VPC, (), in_state(OURS)) == twice
    assert f"{again['GroupId']} and {OURS.groups[1]['GroupId']} both have the tags of the group of api of {DEV}" in said
    assert "aws ec2 delete-tags --resources" in said


def test_our_groups_in_another_vpc_are_refused_with_their_ids() -> None:
    moved = made_by(DEV, "vpc-former")

    said = refusal(lambda: moved.of(DEV, VPC, ()))

    assert all(group["GroupId"] in said for group in moved.groups)
    assert "in vpc-former have the tags of" in said
    assert f"the binding's VPC is {VPC}" in said
    assert "run pulumi destroy first" in said


def test_only_our_own_flow_log_of_a_vpc_is_read() -> None:
    ours, neighbours, elsewhere = (each.flow_logs[0] for each in (OURS, made_by(NEIGHBOUR), made_by(ELSEWHERE)))
    (former,) = before_namespaces(OURS).flow_logs

    assert own_flow_log((neighbours, elsewhere, ours, former), DEV) == ours
    assert own_flow_log((neighbours, elsewhere, former), DEV) == former
    assert own_flow_log((neighbours, elsewhere), DEV) is None
