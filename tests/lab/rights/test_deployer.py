"""A call that the policy does not allow gets AWS's answer and changes nothing; any other call passes."""

from urllib.parse import urlencode

import pytest

from lab.recording.message import Request, Response
from lab.rights.deployer import Deployer
from lab.rights.policy import Policy
from tests.support.engine.rights import FOLDER

PASSED = Response(200, (), b"")
TAGS = {"flash-firewall:stack": "prod", "flash-firewall:namespace": "flash-ticket"}


def documented(name: str) -> Policy:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    return Policy.read(text.replace("111122223333", "123456789012"))


def creation(tags: dict[str, str]) -> Request:
    """Return a request to create a group, as a client sends it."""
    asked = {"Action": "CreateSecurityGroup", "GroupName": "api", "VpcId": "vpc-0a1b2c3d4e5f60718"}
    for number, (key, value) in enumerate(tags.items(), 1):
        asked |= {
            f"TagSpecification.1.Tag.{number}.Key": key,
            f"TagSpecification.1.Tag.{number}.Value": value,
        }
    signed = "AWS4-HMAC-SHA256 Credential=lab/20261127/ap-northeast-2/ec2/aws4_request, Signature=0"
    headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", signed))
    return Request("POST", "/", headers, urlencode(asked).encode())


def answered(policy: Policy, request: Request) -> tuple[Deployer, Response]:
    deployer = Deployer(policy, "http://127.0.0.1:9")
    answer = deployer.before(lambda _request, forward: forward())(request, lambda: PASSED)
    assert answer
    return deployer, answer


def test_a_group_with_the_tags_of_the_stack_may_be_created() -> None:
    deployer, answer = answered(documented("network"), creation(TAGS))

    assert answer is PASSED
    assert {need.action for need in deployer.needed} == {"ec2:CreateSecurityGroup", "ec2:CreateTags"}
    assert deployer.refused == set()


@pytest.mark.parametrize(
    ("policy", "tags", "action"),
    [
        (documented("network").without("ec2:CreateSecurityGroup"), TAGS, "ec2:CreateSecurityGroup"),
        (documented("network").without("ec2:CreateTags"), TAGS, "ec2:CreateTags"),
        (documented("network"), TAGS | {"flash-firewall:stack": "dev"}, "ec2:CreateSecurityGroup"),
        (documented("network"), {}, "ec2:CreateSecurityGroup"),
    ],
    ids=["no right to create", "no right to tag", "the tags of another stack", "no tags"],
)
def test_anything_else_is_refused_with_the_action_and_the_resource(
    policy: Policy, tags: dict[str, str], action: str
) -> None:
    deployer, answer = answered(policy, creation(tags))

    assert answer.status == 403
    assert f"not authorized to perform: {action} on resource: arn:aws:ec2:".encode() in answer.body
    assert [need.action for need in deployer.refused] == [action]
