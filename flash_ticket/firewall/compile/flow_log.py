"""The VPC flow log as values: the fields of its records, its settings, its names and its location.

Source: Amazon VPC User Guide, "Flow log records" (fields), "Flow log files" (S3 layout), "Flow log limitations".
Each stack chooses where to record its traffic and for how long:
`flash_ticket.firewall.bind.edges.flow_log_settings.FlowLogSettings`.
"""

import hashlib
import re
from typing import Final

from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.bind.environment import Origin
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.choices import LogDestination

RECORD_FIELDS: Final = (
    "version",
    "account-id",
    "vpc-id",
    "subnet-id",
    "interface-id",
    "instance-id",
    # srcaddr and dstaddr are the interface's own first address; only pkt-* shows the pod on that interface.
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
    # Distinguishes rejections by VPC Block Public Access or encryption controls from those by a group or network ACL.
    "reject-reason",
    "log-status",
)
"""The fields of a record, in the order of CloudWatch Logs and of the Parquet columns.

A flow log cannot be changed: any change of this list replaces it, and earlier files keep the old columns.
"""

AGGREGATION_SECONDS: Final = 60
"""The longest time that one record covers; AWS supports 60 and 600."""

RESULTS: Final = "query-results"
"""The content of the bucket for Athena's results, as its name says it."""

_PREFIX_LENGTH = 37
"""The 63 characters of a bucket's name, minus the 26 that make it unique. An IAM role's prefix may have 38."""


def declared_settings(settings: FlowLogSettings) -> dict[str, object]:
    """Return the declared settings of a flow log that cannot change in place, as DescribeFlowLogs returns them."""
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
    """Return the fields as CreateFlowLogs expects them: ``${version} ${account-id} ...``."""
    return " ".join(f"${{{field}}}" for field in RECORD_FIELDS)


def name_prefix(application: str, environment: str, content: str = "flow-logs") -> str:
    """Return the prefix of the names of a bucket or a role: at most 37 characters that S3 and IAM accept.

    A longer name is cut and ends with a hash of the whole name.
    """
    wanted = re.sub(r"[^a-z0-9-]+", "-", f"{application}-{environment}-{content}-".lower()).lstrip("-")
    if len(wanted) <= _PREFIX_LENGTH:
        return wanted
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:8]
    return f"{wanted[: _PREFIX_LENGTH - 10].rstrip('-')}-{digest}-"


def log_group_prefix(application: str, environment: str) -> str:
    """Return the prefix of the log group's name: ``/flash-ticket/prod/flow-logs-``."""
    return f"/{application}/{environment}/flow-logs-"


def key_tags(owner: Owner) -> dict[str, str]:
    """Return the tags that mark a key as a firewall's; CreateKey sets them at once."""
    return {"Name": f"{owner.name}-flow-logs", **owner.tags}


def s3_location(bucket_arn: str, origin: Origin) -> str:
    """Return the ARN of the folder with the hive-compatible records by year ("Flow log files")."""
    return (
        f"{bucket_arn}/AWSLogs/aws-account-id={origin.account_id}/aws-service=vpcflowlogs/aws-region={origin.region}/"
    )
