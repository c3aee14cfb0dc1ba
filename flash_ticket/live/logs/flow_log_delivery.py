"""Where the account's flow logs deliver their records, and the fields of these.

This needs the right ec2:DescribeFlowLogs. Source: EC2 API reference, FlowLog.
"""

from collections.abc import Mapping, Sequence
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
        fields: The fields, with the names of the format: ``version``, ``account-id``.
        group: The log group. Empty for another destination.
        bucket: The bucket. Empty for another destination.
        prefix: The folder of the records of this account and region in the bucket.
        created: The time when it was created, in seconds since 1970.
    """

    id: str
    fields: tuple[str, ...]
    group: str
    bucket: str
    prefix: str
    created: float


def flow_logs_of_vpc(account: AwsAccount, vpc: str) -> Sequence[dict[str, Any]]:
    """Return the flow logs of a VPC, as DescribeFlowLogs returns them."""
    return account.pages("ec2", "describe_flow_logs", "FlowLogs", Filter=[{"Name": "resource-id", "Values": [vpc]}])


def deliveries_to_group(account: AwsAccount, group: str) -> Sequence[Delivery]:
    """Return the flow logs that deliver to a log group, the newest first."""
    chosen = {"Name": "log-destination-type", "Values": ["cloud-watch-logs"]}
    described = account.pages("ec2", "describe_flow_logs", "FlowLogs", Filter=[chosen])
    found = sorted((delivery_of(account, each) for each in described), key=lambda each: each.created, reverse=True)
    return [each for each in found if each.group == group]


def delivery_of(account: AwsAccount, described: Mapping[str, Any]) -> Delivery:
    """Return where a flow log, as DescribeFlowLogs returns it, delivers."""
    destination, kind = described.get("LogDestination", ""), described.get("LogDestinationType", "cloud-watch-logs")
    group, bucket, prefix = "", "", ""
    if kind == "cloud-watch-logs":
        # arn:aws:logs:REGION:ACCOUNT:log-group:NAME, which may end in ":*"
        group = described.get("LogGroupName") or destination.partition(":log-group:")[2].removesuffix(":*")
    if kind == "s3":
        bucket, _, folder = destination.partition(":::")[2].partition("/")
        prefix = _folder(account, described, folder.rstrip("/"))
    return Delivery(
        described["FlowLogId"],
        format_fields(described.get("LogFormat", "")),
        group,
        bucket,
        prefix,
        described["CreationTime"].timestamp(),
    )


def _folder(account: AwsAccount, described: Mapping[str, Any], above: str) -> str:
    if described.get("DestinationOptions", {}).get("HiveCompatiblePartitions"):
        found = s3_location(above, Origin(account.partition, account.region, account.id))
    else:
        found = f"{above}/AWSLogs/{account.id}/vpcflowlogs/{account.region}/"
    return found.removeprefix("/")
