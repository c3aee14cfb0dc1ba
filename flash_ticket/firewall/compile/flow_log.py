"""The VPC flow log as values: what each record holds, for whom, and where it is found.

Source: Amazon VPC User Guide, "Flow log records" (fields), "Flow log files" (S3 layout), "Flow log limitations".
Where a stack records its traffic and for how long is its own choice:
`flash_ticket.firewall.bind.environment.Recording`.
"""

import hashlib
import re
from typing import Final

from flash_ticket.firewall.bind.environment import FlowLogSettings, Origin
from flash_ticket.firewall.compile.vpc_layer import STACK_TAG
from flash_ticket.firewall.declare.choices import LogDestination

RECORD_FIELDS: Final = (
    "version",
    "account-id",
    "vpc-id",
    "subnet-id",
    "interface-id",
    "instance-id",
    # srcaddr and dstaddr are the interface's own first address; a pod on that interface shows in pkt-* alone.
    "srcaddr",
    "dstaddr",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "tcp-flags",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    # Tells a rejection by VPC Block Public Access or by encryption controls from one by a group or a network ACL.
    "reject-reason",
    "log-status",
)
"""The fields of a record, in the order in which CloudWatch Logs writes them and Parquet lays out its columns.

A flow log cannot be changed: a field more, less or elsewhere replaces it, and earlier files keep the old columns.
"""

AGGREGATION_SECONDS: Final = 60
"""The longest time that one record sums up; AWS knows 60 and 600."""

RESULTS: Final = "query-results"
"""What is in the bucket that Athena's results go to, in its name."""

_PREFIX_LENGTH = 37
"""AWS's 63 characters of a bucket's name, less the 26 that make it unique. An IAM role's prefix may have 38."""


def declared_settings(settings: FlowLogSettings) -> dict[str, object]:
    """Return what of a flow log is declared and never changes in its place, as DescribeFlowLogs tells it."""
    to_s3 = settings.destination is LogDestination.S3
    files = {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True}
    return {
        "TrafficType": "ALL",
        "LogFormat": log_format(),
        "MaxAggregationInterval": AGGREGATION_SECONDS,
        "LogDestinationType": "s3" if to_s3 else "cloud-watch-logs",
        **({"DestinationOptions": files} if to_s3 else {}),
    }


def log_format() -> str:
    """Return the fields as CreateFlowLogs takes them: ``${version} ${account-id} ...``."""
    return " ".join(f"${{{field}}}" for field in RECORD_FIELDS)


def name_prefix(application: str, environment: str, content: str = "flow-logs") -> str:
    """Return how the names of a bucket or a role begin: at most 37 characters that S3 and IAM accept.

    A longer name is cut and told apart by a hash of the whole.
    """
    wanted = re.sub(r"[^a-z0-9-]+", "-", f"{application}-{environment}-{content}-".lower()).lstrip("-")
    if len(wanted) <= _PREFIX_LENGTH:
        return wanted
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:8]
    return f"{wanted[: _PREFIX_LENGTH - 10].rstrip('-')}-{digest}-"


def log_group_prefix(application: str, environment: str) -> str:
    """Return how the name of the log group begins: ``/flash-ticket/prod/flow-logs-``."""
    return f"/{application}/{environment}/flow-logs-"


def key_tags(application: str, environment: str) -> dict[str, str]:
    """Return the tags by which a key is this stack's; CreateKey takes them with it."""
    return {"Name": f"{application}-{environment}-flow-logs", STACK_TAG: environment}


def s3_location(bucket_arn: str, origin: Origin) -> str:
    """Return the ARN of the folder that holds the years of hive-compatible records ("Flow log files")."""
    return (
        f"{bucket_arn}/AWSLogs/aws-account-id={origin.account_id}/aws-service=vpcflowlogs/aws-region={origin.region}/"
    )
