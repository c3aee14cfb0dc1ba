"""Where the account's flow logs deliver their records, and with which fields.

This needs the right ec2:DescribeFlowLogs. Source: EC2 API reference, FlowLog.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.bind.environment import Origin
from flash_ticket.firewall.compile.flow_log import s3_location
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.traffic.flow_logs.events import format_fields


@dataclass(frozen=True, slots=True)
class Delivery:
    """A flow log and its destination: a log group, a bucket, or neither (Amazon Data Firehose).

    Attributes:
        id: The id of the flow log: ``fl-...``.
        name: The value of its tag Name. Empty if it has no such tag.
        fields: The fields, with the names of the format: ``version``, ``account-id``.
        group: The log group. Empty for another destination.
        bucket: The bucket. Empty for another destination.
        prefix: The folder of the records of this account and region in the bucket.
        created: The time when it was created, in seconds since 1970.
    """

    id: str
    name: str
    fields: tuple[str, ...]
    group: str
    bucket: str
    prefix: str
    created: float


def deliveries_of_vpc(account: AwsAccount, vpc: str) -> Sequence[Delivery]:
    """Return the flow logs of a VPC, the newest first."""
    return _deliveries(account, {"Name": "resource-id", "Values": [vpc]})


def deliveries_to_group(account: AwsAccount, group: str) -> Sequence[Delivery]:
    """Return the flow logs that deliver to a log group, the newest first."""
    found = _deliveries(account, {"Name": "log-destination-type", "Values": ["cloud-watch-logs"]})
    return [each for each in found if each.group == group]


def _deliveries(account: AwsAccount, chosen: dict[str, Any]) -> Sequence[Delivery]:
    described = account.pages("ec2", "describe_flow_logs", "FlowLogs", Filter=[chosen])
    return sorted((_delivery(account, each) for each in described), key=lambda each: each.created, reverse=True)


def _delivery(account: AwsAccount, described: dict[str, Any]) -> Delivery:
    destination, kind = described.get("LogDestination", ""), described.get("LogDestinationType", "cloud-watch-logs")
    group, bucket, prefix = "", "", ""
    if kind == "cloud-watch-logs":
        # arn:aws:logs:REGION:ACCOUNT:log-group:NAME, which may end in ":*"
        group = described.get("LogGroupName") or destination.partition(":log-group:")[2].removesuffix(":*")
    if kind == "s3":
        bucket, _, folder = destination.partition(":::")[2].partition("/")
        prefix = _folder(account, described, folder.rstrip("/"))
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", ())}
    return Delivery(
        described["FlowLogId"],
        tags.get("Name", ""),
        format_fields(described.get("LogFormat", "")),
        group,
        bucket,
        prefix,
        described["CreationTime"].timestamp(),
    )


def _folder(account: AwsAccount, described: dict[str, Any], above: str) -> str:
    if described.get("DestinationOptions", {}).get("HiveCompatiblePartitions"):
        found = s3_location(above, Origin(account.partition, account.region, account.id))
    else:
        found = f"{above}/AWSLogs/{account.id}/vpcflowlogs/{account.region}/"
    return found.removeprefix("/")
