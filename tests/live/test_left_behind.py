"""Unused resources of a stack's record are found in the account, and the listed commands remove them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.flow_log import key_tags, log_group_prefix, name_prefix
from flash_ticket.firewall.compile.guard_rails.rights import left_behind_aws
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.live.left_behind import left_behind, left_behind_or_refusal
from tests.support.clouds.moto_account import MotoAccount
from tests.support.declared.owners import DEV, owner_of, tags
from tests.support.faults.typed import removing, typed

APPLICATION = "flash-ticket"
GROUP = log_group_prefix(APPLICATION, "dev")
NAME = name_prefix(APPLICATION, "dev")
NAMES_OF_MOTO = {"tag:GetResources": "tagging:GetResources", "s3:GetEncryptionConfiguration": "s3:ListBucket"}
ASKED = {right.action for right in left_behind_aws("aws", APPLICATION, "dev")} - {"athena:GetWorkGroup"}
LISTED = {"ec2:DescribeFlowLogs", "logs:DescribeLogGroups"}
RIGHTS = sorted(NAMES_OF_MOTO.get(action, action) for action in ASKED | LISTED)


def standing(*flow_logs: dict[str, Any]) -> Deployed:
    return Deployed((), (), (), (), (), (), (), flow_logs)


def flow_log(group: str, role: str = "") -> dict[str, Any]:
    return {"LogDestination": f"arn:aws:logs:eu-west-1:1:log-group:{group}", "DeliverLogsPermissionArn": role}


def make_key(moto: MotoAccount, owner: Owner = DEV) -> str:
    tags = [{"TagKey": key, "TagValue": value} for key, value in key_tags(owner).items()]
    return str(moto.client("kms").create_key(Tags=tags)["KeyMetadata"]["Arn"])


def make_role(moto: MotoAccount, name: str) -> str:
    iam = moto.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="write", PolicyDocument=document)
    return str(arn)


def make_bucket(moto: MotoAccount, name: str, key: str) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rules)


def named(account: AwsAccount, deployed: Deployed) -> Sequence[str]:
    return [left.where for left in left_behind(account, deployed)]


def test_unused_resources_are_listed_with_commands_that_remove_exactly_them(moto: MotoAccount) -> None:
    logs = moto.client("logs")
    used, orphan, other = make_key(moto), make_key(moto), make_key(moto, owner_of("prod"))
    logs.create_log_group(logGroupName=f"{GROUP}used", kmsKeyId=used)
    logs.create_log_group(logGroupName=f"{GROUP}orphan", kmsKeyId=orphan)
    role, _ = make_role(moto, f"{NAME}used"), make_role(moto, f"{NAME}orphan")
    make_role(moto, "another")
    make_bucket(moto, f"{NAME}orphan", orphan)
    stands = standing(flow_log(f"{GROUP}used", role))

    for left in left_behind(moto.connect(), stands):
        for command in removing(left):
            typed(command, moto.client)

    kms = moto.client("kms")
    assert named(moto.connect(), stands) == []
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == [f"{GROUP}used"]
    assert {each["RoleName"] for each in moto.client("iam").list_roles()["Roles"]} == {f"{NAME}used", "another"}
    assert moto.client("s3").list_buckets()["Buckets"] == []
    states = [kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in (used, orphan, other)]
    assert states == ["Enabled", "PendingDeletion", "Enabled"]


OTHERS = (owner_of("dev", cluster="green"), Owner.in_cluster("dev", APPLICATION, "eu-west-1", "flash-ticket-dev"))


@pytest.mark.parametrize("owner", OTHERS, ids=str)
def test_what_another_cluster_keeps_under_the_same_names_is_never_listed(moto: MotoAccount, owner: Owner) -> None:
    logs, s3 = moto.client("logs"), moto.client("s3")
    logs.create_log_group(logGroupName=f"{GROUP}theirs", tags=owner.tags)
    make_key(moto, owner)
    make_role(moto, f"{NAME}theirs")
    moto.client("iam").tag_role(RoleName=f"{NAME}theirs", Tags=tags(owner))
    make_bucket(moto, f"{NAME}theirs", make_key(moto, owner))
    s3.put_bucket_tagging(Bucket=f"{NAME}theirs", Tagging={"TagSet": tags(owner)})
    logs.create_log_group(logGroupName=f"{GROUP}used")
    role = make_role(moto, f"{NAME}used")
    made = moto.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    moto.client("ec2").create_flow_logs(
        ResourceIds=[made],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestination=f"arn:aws:logs:ap-northeast-2:123456789012:log-group:{GROUP}used",
        DeliverLogsPermissionArn=role,
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags(owner)}],
    )

    assert named(moto.connect(), standing(flow_log("elsewhere"))) == []


def test_stored_records_and_their_key_are_never_listed(moto: MotoAccount) -> None:
    logs, s3 = moto.client("logs"), moto.client("s3")
    first, second = make_key(moto), make_key(moto)
    logs.create_log_group(logGroupName=f"{GROUP}retained", kmsKeyId=first)
    logs.create_log_stream(logGroupName=f"{GROUP}retained", logStreamName="eni-1")
    make_bucket(moto, f"{NAME}retained", second)
    s3.put_bucket_versioning(Bucket=f"{NAME}retained", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=f"{NAME}retained", Key="record", Body=b"")
    s3.delete_object(Bucket=f"{NAME}retained", Key="record")

    assert named(moto.connect(), standing(flow_log("elsewhere"))) == []


def test_without_a_flow_log_nothing_is_asked_or_listed(moto: MotoAccount) -> None:
    make_key(moto)

    with moto.allowing():
        assert named(moto.connect(), standing()) == []


def test_the_documented_rights_are_sufficient(moto: MotoAccount) -> None:
    make_bucket(moto, f"{NAME}orphan", make_key(moto))
    moto.client("logs").create_log_group(logGroupName=f"{GROUP}orphan")
    make_role(moto, f"{NAME}orphan")

    with moto.allowing(*RIGHTS):
        assert len(named(moto.connect(), standing(flow_log("elsewhere")))) == 4


@pytest.mark.parametrize("missing", RIGHTS)
def test_a_refusal_by_the_account_does_not_end_the_verification(moto: MotoAccount, missing: str) -> None:
    make_bucket(moto, f"{NAME}orphan", make_key(moto))
    moto.client("logs").create_log_group(logGroupName=f"{GROUP}orphan")
    make_role(moto, f"{NAME}orphan")

    with moto.allowing(*(right for right in RIGHTS if right != missing)):
        refused = left_behind_or_refusal(moto.connect(), standing(flow_log("elsewhere")))

    assert isinstance(refused, RefusedError)
