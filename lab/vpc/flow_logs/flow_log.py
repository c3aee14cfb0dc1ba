"""A flow log as the account describes it: what it records, in which form, and where it delivers.

Sources: EC2 API reference, FlowLog and DestinationOptionsResponse; Amazon VPC User Guide, "Flow log records".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

_FIELD = re.compile(r"\$\{([^}]+)\}")
_DEFAULT_FIELDS = (
    *("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol"),
    *("packets", "bytes", "start", "end", "action", "log-status"),
)
_DEFAULT_SECONDS = 600


class TrafficType(Enum):
    """Which records a flow log keeps."""

    ALL = "ALL"
    ACCEPT = "ACCEPT"
    REJECT = "REJECT"


class FileForm(Enum):
    """The form of a file in Amazon S3."""

    TEXT = "plain-text"
    PARQUET = "parquet"


class Layout(Enum):
    """How the folders of a bucket are named."""

    PLAIN = "plain"
    HIVE = "hive-compatible"


class Folder(Enum):
    """What one folder of a bucket holds."""

    DAY = "a day"
    HOUR = "an hour"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that a flow log delivers to.

    Attributes:
        name: The name of the bucket.
        prefix: The folder in it; empty for none. It has no slash at its end.
        form: The form of the files.
        layout: How folders are named.
        folder: What one folder holds.
    """

    name: str
    prefix: str
    form: FileForm
    layout: Layout
    folder: Folder


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group that a flow log delivers to."""

    name: str


@dataclass(frozen=True, slots=True)
class FlowLog:
    """A flow log.

    Attributes:
        id: ``fl-...``.
        resource: What it records: the id of a VPC, a subnet or a network interface.
        account: The account that owns it.
        region: The region.
        fields: The fields of a record, in the order of its format.
        traffic: Which records it keeps.
        seconds: The longest time that one record covers.
        destination: Where it delivers.
    """

    id: str
    resource: str
    account: str
    region: str
    fields: tuple[str, ...]
    traffic: TrafficType
    seconds: int
    destination: Bucket | LogGroup


def flow_logs(ec2: Any) -> Iterator[FlowLog]:  # noqa: ANN401 - boto3 clients have no static type
    """Yield the active flow logs of an account and region that deliver to a bucket or a log group.

    One whose delivery fails, because its destination is gone, is left out: it delivers nothing.
    """
    for page in ec2.get_paginator("describe_flow_logs").paginate():
        for described in page["FlowLogs"]:
            active = described.get("FlowLogStatus", "ACTIVE") == "ACTIVE"
            if active and described.get("DeliverLogsStatus") != "FAILED":
                yield from _flow_log(ec2, described)


def _flow_log(ec2: Any, described: Mapping[str, Any]) -> Iterator[FlowLog]:  # noqa: ANN401 - likewise
    if destination := _destination(described):
        yield FlowLog(
            described["FlowLogId"],
            described["ResourceId"],
            _account(ec2, described["ResourceId"]),
            ec2.meta.region_name,
            tuple(_FIELD.findall(described.get("LogFormat", ""))) or _DEFAULT_FIELDS,
            TrafficType(described.get("TrafficType", TrafficType.ALL.value)),
            int(described.get("MaxAggregationInterval", _DEFAULT_SECONDS)),
            destination,
        )


def _destination(described: Mapping[str, Any]) -> Bucket | LogGroup | None:
    named = described.get("LogDestination", "")
    match described.get("LogDestinationType", "cloud-watch-logs"):
        case "s3":
            bucket, _, prefix = named.rpartition(":::")[2].partition("/")
            options = described.get("DestinationOptions", {})
            return Bucket(
                bucket,
                prefix.strip("/"),
                FileForm(options.get("FileFormat", FileForm.TEXT.value)),
                Layout.HIVE if options.get("HiveCompatiblePartitions") else Layout.PLAIN,
                Folder.HOUR if options.get("PerHourPartition") else Folder.DAY,
            )
        case "cloud-watch-logs":
            # arn:aws:logs:REGION:ACCOUNT:log-group:NAME, which may end in ":*"
            return LogGroup(described.get("LogGroupName") or named.partition(":log-group:")[2].removesuffix(":*"))
    return None


def _account(ec2: Any, resource: str) -> str:  # noqa: ANN401 - likewise
    if resource.startswith("vpc-"):
        return str(ec2.describe_vpcs(VpcIds=[resource])["Vpcs"][0]["OwnerId"])
    if resource.startswith("subnet-"):
        return str(ec2.describe_subnets(SubnetIds=[resource])["Subnets"][0]["OwnerId"])
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[resource])["NetworkInterfaces"]
    return str(found[0]["OwnerId"])
