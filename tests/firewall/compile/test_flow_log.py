"""What is recorded, under which names, and that no policy grants more than AWS's documentation requires."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Origin
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS, log_format, log_group_prefix, name_prefix, s3_location
from flash_ticket.firewall.compile.flow_log_access import (
    AccessPolicy,
    as_json,
    bucket_key_policy,
    bucket_policy,
    delivery_role_permissions,
    delivery_role_trust,
    log_group_key_policy,
)

SEOUL = Origin("aws", "ap-northeast-2", "111122223333")
BEIJING = Origin("aws-cn", "cn-north-1", "444455556666")
BUCKET = "arn:aws:s3:::records"
GROUP = "arn:aws:logs:ap-northeast-2:111122223333:log-group:/shop/dev/flow-logs-1"

# VPC User Guide, "Available fields".
DOCUMENTED_FIELDS = {
    *("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets"),
    *("bytes", "start", "end", "action", "log-status", "vpc-id", "subnet-id", "instance-id", "tcp-flags", "type"),
    *("pkt-srcaddr", "pkt-dstaddr", "region", "az-id", "sublocation-type", "sublocation-id", "pkt-src-aws-service"),
    *("pkt-dst-aws-service", "flow-direction", "traffic-path", "ecs-cluster-arn", "ecs-cluster-name"),
    *("ecs-container-instance-arn", "ecs-container-instance-id", "ecs-container-id", "ecs-second-container-id"),
    *("ecs-service-name", "ecs-task-definition-arn", "ecs-task-arn", "ecs-task-id", "reject-reason", "resource-id"),
    *("encryption-status",),
}


def all_policies(origin: Origin) -> dict[str, AccessPolicy]:
    return {
        "bucket": bucket_policy(f"arn:{origin.partition}:s3:::records", origin),
        "bucket key": bucket_key_policy(origin),
        "log group key": log_group_key_policy("/shop/dev/flow-logs-", origin),
        "role trust": delivery_role_trust(origin),
        "role permissions": delivery_role_permissions(origin.arn("logs", "log-group:g")),
    }


def statements(policy: AccessPolicy) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def statement(policy: AccessPolicy, sid: str) -> dict[str, Any]:
    return next(found for found in statements(policy) if found["Sid"] == sid)


def test_a_record_has_the_fields_that_the_program_needs() -> None:
    needed = {"pkt-srcaddr", "pkt-dstaddr", "srcport", "dstport", "protocol", "tcp-flags", "flow-direction"}
    needed |= {"traffic-path", "interface-id", "subnet-id", "vpc-id", "action", "log-status", "start", "end"}

    assert needed <= set(RECORD_FIELDS)


def test_every_field_is_documented_and_unique() -> None:
    assert set(RECORD_FIELDS) <= DOCUMENTED_FIELDS
    assert len(set(RECORD_FIELDS)) == len(RECORD_FIELDS)


def test_the_format_names_the_fields_in_their_order() -> None:
    assert re.findall(r"\$\{([a-z-]+)\}", log_format()) == list(RECORD_FIELDS)
    assert log_format().startswith("${version} ${account-id} ")


def test_hourly_records_are_found_under_the_hive_layout() -> None:
    assert s3_location(BUCKET, SEOUL) == (
        "arn:aws:s3:::records/AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/"
    )


def test_names_contain_the_application_and_the_stack() -> None:
    assert name_prefix("flash-ticket", "prod") == "flash-ticket-prod-flow-logs-"
    assert log_group_prefix("flash-ticket", "prod") == "/flash-ticket/prod/flow-logs-"


@given(st.text("abzABZ019-_.", min_size=1, max_size=60), st.text("abzABZ019-_.", min_size=1, max_size=60))
def test_any_application_and_stack_give_names_that_s3_and_iam_accept(application: str, environment: str) -> None:
    # S3 User Guide, "General purpose bucket naming rules"; the provider adds 26 characters to reach 63.
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,36}", name_prefix(application, environment))


def test_long_names_that_differ_only_at_their_end_stay_different() -> None:
    prefixes = [name_prefix("flash-ticket", f"a-very-long-name-of-a-review-stack-{number}") for number in range(20)]

    assert len(set(prefixes)) == len(prefixes)


def test_only_log_delivery_of_this_account_and_region_writes_records() -> None:
    write = statement(bucket_policy(BUCKET, SEOUL), "AWSLogDeliveryWrite")

    assert write == {
        "Sid": "AWSLogDeliveryWrite",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::records/AWSLogs/aws-account-id=111122223333/*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "111122223333", "s3:x-amz-acl": "bucket-owner-full-control"},
            "ArnLike": {"aws:SourceArn": "arn:aws:logs:ap-northeast-2:111122223333:*"},
        },
    }


def test_records_are_written_where_they_are_read() -> None:
    writable = statement(bucket_policy(BUCKET, SEOUL), "AWSLogDeliveryWrite")["Resource"]

    assert s3_location(BUCKET, SEOUL).startswith(writable.removesuffix("*"))


def test_log_delivery_may_only_list_the_bucket_and_read_its_acl() -> None:
    check = statement(bucket_policy(BUCKET, SEOUL), "AWSLogDeliveryAclCheck")

    assert check["Action"] == ["s3:GetBucketAcl", "s3:ListBucket"]
    assert check["Resource"] == BUCKET
    assert check["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:logs:ap-northeast-2:111122223333:*"},
    }


def test_requests_to_the_bucket_or_a_record_need_tls() -> None:
    deny = statement(bucket_policy(BUCKET, SEOUL), "DenyInsecureTransport")

    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
    assert deny["Resource"] == [BUCKET, f"{BUCKET}/*"]
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_log_delivery_may_encrypt_with_the_buckets_key_for_this_account_and_region() -> None:
    delivery = statement(bucket_key_policy(SEOUL), "AllowLogDelivery")

    assert delivery["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert set(delivery["Action"]) == {
        *("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"),
    }
    assert delivery["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:logs:ap-northeast-2:111122223333:*"},
    }


def test_cloudwatch_may_use_the_groups_key_only_for_these_groups() -> None:
    service = statement(log_group_key_policy("/shop/dev/flow-logs-", SEOUL), "AllowCloudWatchLogs")

    assert service["Principal"] == {"Service": "logs.ap-northeast-2.amazonaws.com"}
    assert service["Condition"] == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": (
                "arn:aws:logs:ap-northeast-2:111122223333:log-group:/shop/dev/flow-logs-*"
            )
        }
    }


@pytest.mark.parametrize("policy", [bucket_key_policy(SEOUL), log_group_key_policy("/g-", SEOUL)])
def test_the_account_never_locks_itself_out_of_a_key(policy: AccessPolicy) -> None:
    owner = statement(policy, "AccountDecidesByIam")

    assert owner["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert owner["Action"] == "kms:*"


def test_only_flow_logs_of_this_account_and_region_may_assume_the_role() -> None:
    (trust,) = statements(delivery_role_trust(SEOUL))

    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ec2:ap-northeast-2:111122223333:vpc-flow-log/*"},
    }


def test_the_role_can_write_to_its_group_but_not_create_one() -> None:
    (permission,) = statements(delivery_role_permissions(GROUP))

    assert set(permission["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"}
    assert permission["Resource"] == f"{GROUP}:*"


@pytest.mark.parametrize("origin", [SEOUL, BEIJING])
def test_every_trusted_service_may_act_only_for_this_account_and_region(origin: Origin) -> None:
    trusting = [
        found
        for policy in all_policies(origin).values()
        for found in statements(policy)
        if "Service" in found.get("Principal", {})
    ]

    assert len(trusting) == 5
    for found in trusting:
        assert origin.account_id in json.dumps(found["Condition"])
        assert origin.region in json.dumps(found["Condition"])


def test_china_has_its_own_partition_and_cloudwatch_name() -> None:
    policies = {name: as_json(policy) for name, policy in all_policies(BEIJING).items()}

    for text in policies.values():
        assert "arn:aws:" not in text
    assert '"logs.cn-north-1.amazonaws.com.cn"' in policies["log group key"]
    # VPC User Guide for the China regions: the other services have their global names.
    assert '"delivery.logs.amazonaws.com"' in policies["bucket"]
    assert '"vpc-flow-logs.amazonaws.com"' in policies["role trust"]
