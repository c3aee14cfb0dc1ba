"""A rule that others have already added is refused by name, because AWS keeps each rule once."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flash_ticket.firewall.change.deployed import Deployed, Described
from flash_ticket.firewall.change.ownership.rule_identity import added_by_others, taken_rules
from flash_ticket.firewall.compile.owner import STACK_TAG, Owner
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.declared.owners import DEV, owner_of, tags

NEIGHBOUR = owner_of("dev", namespace="bookshop")


def shop(attachment: Attachment) -> CompiledFirewall:
    environment = environment_of("dev")
    return compile_firewall(
        shop_matrix(), replace(environment, cluster=replace(environment.cluster, attachment=attachment))
    )


ON_NODES = shop(Attachment.NODES)
BETWEEN_OTHERS = tuple(
    each
    for each in deployed(ON_NODES).rules
    if each["GroupId"].startswith("sg-dev") and "sg-own" not in str(each.get("ReferencedGroupInfo"))
)


def as_of(owner: Owner, rules: Iterable[Described]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {**each, "SecurityGroupRuleId": f"{each['SecurityGroupRuleId']}-theirs", "Tags": tags(owner)} for each in rules
    )


def refused(rules: Iterable[Described], firewall: CompiledFirewall, stands: Deployed | None = None) -> list[str]:
    return [str(each) for each in taken_rules(DEV, firewall.vpc, stands or nothing_deployed(), rules)]


def test_two_firewalls_on_the_same_nodes_are_refused_with_the_other_and_the_remedy() -> None:
    (said,) = refused(as_of(NEIGHBOUR, BETWEEN_OTHERS), ON_NODES)

    assert len(BETWEEN_OTHERS) > 5
    assert said.startswith(f"AWS: security group rules: {NEIGHBOUR} has added what this stack would add")
    assert f"({BETWEEN_OTHERS[0]['SecurityGroupRuleId']}-theirs)" in said
    assert f" and {len(BETWEEN_OTHERS) - 5} more. " in said
    assert "Use cluster.attachment: pods here or there" in said


def test_pods_with_groups_of_their_own_share_no_rule() -> None:
    assert refused(as_of(NEIGHBOUR, BETWEEN_OTHERS), shop(Attachment.PODS)) == []


def test_rules_of_our_own_do_not_matter_even_without_their_tags() -> None:
    ours = deployed(ON_NODES)
    untagged = [{**each, "Tags": []} for each in BETWEEN_OTHERS]

    assert refused(ours.rules, ON_NODES, ours) == []
    assert refused(untagged, ON_NODES) == []


def test_the_rule_of_somebody_else_is_refused_with_the_command_that_removes_it() -> None:
    by_hand = {**BETWEEN_OTHERS[0], "Tags": [], "Description": "quick fix"}
    (said,) = refused([by_hand], ON_NODES)

    assert said.startswith("AWS: security group rules: somebody else has added what this stack would add")
    assert f"--security-group-rule-ids {by_hand['SecurityGroupRuleId']}" in said


def test_the_rule_of_an_earlier_version_is_refused_with_the_command_that_claims_it() -> None:
    former = {**BETWEEN_OTHERS[0], "Tags": [{"Key": STACK_TAG, "Value": "dev"}]}
    (said,) = refused([former], ON_NODES)

    assert f"aws ec2 create-tags --resources {former['SecurityGroupRuleId']} --tags " in said


def test_a_protocol_by_number_is_the_same_rule() -> None:
    numbers = {"tcp": "6", "udp": "17"}
    by_number = [{**each, "IpProtocol": numbers[each["IpProtocol"]]} for each in as_of(NEIGHBOUR, BETWEEN_OTHERS)]

    assert refused(by_number, ON_NODES) == refused(as_of(NEIGHBOUR, BETWEEN_OTHERS), ON_NODES)


STANDS = deployed(shop(Attachment.PODS))


def put_into(group: str, **described: Any) -> list[str]:  # noqa: ANN401 - the fields of a rule
    """Return what a preview says of a rule that somebody has put into a group."""
    ports = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}
    rule = {"SecurityGroupRuleId": "sgr-9", "GroupId": group, "IsEgress": False, "Tags": [], **ports, **described}
    firewall = shop(Attachment.PODS)
    return [str(each) for each in added_by_others(STANDS, firewall.vpc, (*STANDS.rules, rule))]


def test_a_rule_of_others_in_a_group_of_ours_is_named_with_the_command_that_removes_it() -> None:
    (said,) = put_into("sg-own-api")
    assert said.startswith("rule sgr-9 in api: this program did not create it, and it opens TCP 22 from 0.0.0.0/0. ")
    assert said.endswith(
        "Declare the flow in traffic.yaml, or run aws ec2 revoke-security-group-ingress --group-id sg-own-api "
        "--security-group-rule-ids sgr-9."
    )
    everything = {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1}
    assert "it opens all traffic from 0.0.0.0/0" in put_into("sg-own-api", **everything)[0]


def test_a_rule_of_others_in_a_group_of_theirs_is_not_one_in_ours() -> None:
    assert put_into("sg-dev-nodes") == []


def test_the_rule_that_aws_puts_into_a_new_group_is_left_to_its_own_warning() -> None:
    assert put_into("sg-own-api", IsEgress=True, IpProtocol="-1", FromPort=-1, ToPort=-1) == []
