"""Who may write and read a flow log's records: every policy, as AWS documents it, as plain data.

A policy trusts a service only if it acts for this account and region (`Origin`). Without those conditions, somebody
else could make the same service act here (IAM User Guide, "The confused deputy problem").
"""

import json
from typing import Any

from flash_ticket.firewall.bind.environment import Origin

AccessPolicy = dict[str, Any]
"""A policy document, ready for JSON."""

_DELIVERY_SERVICE = "delivery.logs.amazonaws.com"
_USE_KEY = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"]


def as_json(policy: AccessPolicy) -> str:
    """Return the document as text; the text is stable, so that a second preview finds no change."""
    return json.dumps(policy)


def bucket_policy(bucket_arn: str, origin: Origin) -> AccessPolicy:
    """Return the policy of the records' bucket: log delivery may write this account's records, and only over TLS.

    If the first two statements are missing when a flow log is created, AWS attaches them and overwrites the policy. So
    they must exist before, letter by letter, including ``Sid`` (VPC User Guide, "Amazon S3 bucket permissions for flow
    logs", hive-compatible prefixes). Records have the ACL ``bucket-owner-full-control``, the only one that a bucket
    without ACLs accepts (S3 User Guide, "Controlling ownership of objects").
    """
    return _document(
        {
            "Sid": "AWSLogDeliveryWrite",
            "Effect": "Allow",
            "Principal": {"Service": _DELIVERY_SERVICE},
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/AWSLogs/aws-account-id={origin.account_id}/*",
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": origin.account_id,
                    "s3:x-amz-acl": "bucket-owner-full-control",
                },
                "ArnLike": {"aws:SourceArn": origin.arn("logs", "*")},
            },
        },
        {
            "Sid": "AWSLogDeliveryAclCheck",
            "Effect": "Allow",
            "Principal": {"Service": _DELIVERY_SERVICE},
            "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
            "Resource": bucket_arn,
            "Condition": _acts_for(origin, origin.arn("logs", "*")),
        },
        _only_over_tls(bucket_arn),
    )


def results_bucket_policy(bucket_arn: str) -> AccessPolicy:
    """Return the policy of the bucket for query results: IAM decides who may use it, and only over TLS.

    Athena writes and reads there as the person who runs the query (Athena User Guide, "Access to Amazon S3 from
    Athena").
    """
    return _document(_only_over_tls(bucket_arn))


def bucket_key_policy(origin: Origin) -> AccessPolicy:
    """Return the policy of the bucket's key: the account may use it by its IAM policies, and log delivery may.

    CloudWatch Logs User Guide, "Logs sent to Amazon S3", "Amazon S3 bucket server-side encryption"; AWS KMS Developer
    Guide, "Default key policy", for the account.
    """
    return _document(
        _account_decides(origin),
        {
            "Sid": "AllowLogDelivery",
            "Effect": "Allow",
            "Principal": {"Service": _DELIVERY_SERVICE},
            "Action": [*_USE_KEY, "kms:DescribeKey"],
            "Resource": "*",
            "Condition": _acts_for(origin, origin.arn("logs", "*")),
        },
    )


def log_group_key_policy(group_prefix: str, origin: Origin) -> AccessPolicy:
    """Return the policy of the log group's key: the account's IAM policies apply, and CloudWatch Logs may use it.

    CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS Key Management Service". The key exists
    before the group and its unique name, so the policy allows all group names with the prefix.
    """
    return _document(
        _account_decides(origin),
        {
            "Sid": "AllowCloudWatchLogs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{origin.region}.{_dns_suffix(origin.partition)}"},
            "Action": [*_USE_KEY, "kms:Describe*"],
            "Resource": "*",
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": origin.arn("logs", f"log-group:{group_prefix}*")}
            },
        },
    )


def delivery_role_trust(origin: Origin) -> AccessPolicy:
    """Return the trust policy of the role that writes to the log group: only flow logs of this account and region.

    VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs". As that page suggests, the ARN ends in
    ``*``, because the role exists before the flow log has an id.
    """
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": _acts_for(origin, origin.arn("ec2", "vpc-flow-log/*")),
        }
    )


def delivery_role_permissions(group_arn: str) -> AccessPolicy:
    """Return the rights of that role: find, create and fill the streams of this group, one for each interface.

    That page grants two more rights, on every group of the account. ``CreateLogGroup`` would let a late delivery create
    the deleted group again, without key and retention. ``DescribeLogGroups`` would show every other group. Neither is
    needed once the group exists: the AWS CDK grants these three (aws-cdk-lib/aws-ec2, ``vpc-flow-logs.ts``).

    Args:
        group_arn: The group's ARN, without ``:*`` at its end.
    """
    return _document(
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            "Resource": f"{group_arn}:*",
        }
    )


def _document(*statements: AccessPolicy) -> AccessPolicy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _only_over_tls(bucket_arn: str) -> AccessPolicy:
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _acts_for(origin: Origin, source_arn: str) -> AccessPolicy:
    return {
        "StringEquals": {"aws:SourceAccount": origin.account_id},
        "ArnLike": {"aws:SourceArn": source_arn},
    }


def _account_decides(origin: Origin) -> AccessPolicy:
    return {
        "Sid": "AccountDecidesByIam",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{origin.partition}:iam::{origin.account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def _dns_suffix(partition: str) -> str:
    """Return the suffix of the service's name; of the services here, only CloudWatch Logs has another in China."""
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
