"""A policy allows a call only if one statement names its action and resource, and all of its conditions hold."""

import json

import pytest

from lab.rights.policy import Need, Policy

GROUP = "arn:aws:ec2:ap-northeast-2:123456789012:security-group/sg-1"


def policy(**changed: object) -> Policy:
    statement = {
        "Sid": "DeleteOwn",
        "Effect": "Allow",
        "Action": ["ec2:DeleteSecurityGroup"],
        "Resource": "arn:aws:ec2:ap-northeast-2:123456789012:security-group/*",
        "Condition": {"StringEquals": {"aws:ResourceTag/stack": "prod", "ec2:Vpc": ["one", "two"]}},
        **changed,
    }
    return Policy.read(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def need(action: str = "ec2:DeleteSecurityGroup", resource: str = GROUP, **facts: str) -> Need:
    return Need(action, resource, tuple({"aws:ResourceTag/stack": "prod", "ec2:Vpc": "two", **facts}.items()))


def test_a_statement_allows_its_actions_on_its_resources_under_its_conditions() -> None:
    assert policy().allows(need())


@pytest.mark.parametrize(
    "asked",
    [
        need("ec2:CreateSecurityGroup"),
        need(resource="arn:aws:ec2:us-east-1:123456789012:security-group/sg-1"),
        need(**{"ec2:Vpc": "three"}),
        Need("ec2:DeleteSecurityGroup", GROUP, (("ec2:Vpc", "one"),)),
    ],
    ids=["another action", "another region", "another VPC", "no tag"],
)
def test_it_allows_nothing_else(asked: Need) -> None:
    assert not policy().allows(asked)


def test_without_the_action_the_policy_refuses_it() -> None:
    assert not policy().without("ec2:DeleteSecurityGroup").allows(need())


@pytest.mark.parametrize(
    "unknown",
    [{"Effect": "Deny"}, {"NotResource": "*"}, {"Action": "ec2:*"}, {"Condition": {"Bool": {"a": "true"}}}],
    ids=lambda each: next(iter(each)),
)
def test_what_this_reader_does_not_know_is_an_error_and_never_ignored(unknown: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="DeleteOwn"):
        policy(**unknown)
