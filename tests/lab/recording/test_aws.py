"""A look after a write asks the account for what the write can have changed."""

from urllib.parse import urlencode

import pytest

from lab.recording.aws import AwsApi
from lab.recording.journal import Part, Reach
from lab.recording.message import Request


def call(service: str, **parameters: str) -> Request:
    scope = f"AWS4-HMAC-SHA256 Credential=lab/20261127/ap-northeast-2/{service}/aws4_request"
    headers = (("Authorization", scope), ("Content-Type", "application/x-www-form-urlencoded"))
    return Request("POST", "/", headers, urlencode(parameters).encode())


@pytest.mark.parametrize(
    "action",
    [
        "AuthorizeSecurityGroupIngress",
        "RevokeSecurityGroupEgress",
        "ModifySecurityGroupRules",
        "DeleteSecurityGroup",
    ],
)
def test_a_write_to_one_group_reaches_that_group(action: str) -> None:
    assert AwsApi().reach(call("ec2", Action=action, GroupId="sg-1")) == Reach(Part.GROUP, "sg-1")


@pytest.mark.parametrize("action", ["CreateSecurityGroup", "CreateTags", "DeleteFlowLogs", "DeleteSecurityGroup"])
def test_a_write_that_names_no_group_reaches_the_whole_vpc(action: str) -> None:
    assert AwsApi().reach(call("ec2", Action=action)) == Reach(Part.VPC)


def test_a_write_to_another_service_reaches_nothing() -> None:
    assert AwsApi().reach(call("iam", Action="CreateRole")) == Reach(Part.NONE)
