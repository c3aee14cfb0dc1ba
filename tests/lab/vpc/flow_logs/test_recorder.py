"""Flow logs of the lab's account deliver what was counted, and the program reads the same totals from each place."""

import gzip
import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS, log_format
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.logs.flow_log_bucket import FlowLogBucket
from flash_ticket.live.logs.flow_log_delivery import deliveries_to_group
from flash_ticket.live.logs.log_group import FlowLogGroup, LogGroup
from flash_ticket.traffic.records.record import Disposition, Log, Reading, Scope
from lab.surroundings import REGION
from lab.vpc.counted import Action, Counted, Direction, Window
from lab.vpc.flow_logs.delivery import Delivery
from lab.vpc.flow_logs.recorder import Recorder

ACCOUNT = "123456789012"
POD, STORE, IDLE = "10.10.10.61", "10.10.20.61", "10.10.21.61"
INT_32 = {"version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path"}
INT_64 = {"packets", "bytes", "start", "end"}
FILES = {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A VPC with two interfaces that talk, one that does not, and a flow log.

    Attributes:
        recorder: Of the VPC.
        interfaces: The id of each interface by its address.
        flow_log: The id of the flow log.
    """

    recorder: Recorder
    interfaces: dict[str, str]
    flow_log: str


@pytest.fixture(scope="module")
def interfaces(aws: Callable[[str], Any]) -> Iterator[dict[str, str]]:
    ec2, found = aws("ec2"), {}
    for address in (POD, STORE, IDLE):
        named = [{"Name": "cidr-block", "Values": [f"{address.rpartition('.')[0]}.0/24"]}]
        subnet = ec2.describe_subnets(Filters=named)["Subnets"][0]["SubnetId"]
        made = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address)
        found[address] = made["NetworkInterface"]["NetworkInterfaceId"]
    yield found
    for each in found.values():
        ec2.delete_network_interface(NetworkInterfaceId=each)


@contextmanager
def recorded(aws: Callable[[str], Any], vpc: str, interfaces: dict[str, str], **settings: object) -> Iterator[Recorded]:
    """Make a flow log for the length of a ``with`` block."""
    ec2, logs = aws("ec2"), aws("logs")
    made = ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", **settings)["FlowLogIds"][0]
    try:
        yield Recorded(Recorder(ec2, Delivery(aws("s3"), logs), vpc), interfaces, made)
    finally:
        ec2.delete_flow_logs(FlowLogIds=[made])


@contextmanager
def to_bucket(aws: Callable[[str], Any], name: str) -> Iterator[dict[str, object]]:
    """Make a bucket, and yield the settings of a flow log that delivers to it."""
    s3 = aws("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    kept = {"TrafficType": "ALL", "LogFormat": log_format(), "MaxAggregationInterval": 60}
    yield {**kept, "LogDestinationType": "s3", "LogDestination": f"arn:aws:s3:::{name}"}
    for each in s3.list_objects_v2(Bucket=name).get("Contents", ()):
        s3.delete_object(Bucket=name, Key=each["Key"])
    s3.delete_bucket(Bucket=name)


@contextmanager
def to_group(aws: Callable[[str], Any], name: str) -> Iterator[dict[str, object]]:
    """Make a log group, and yield the settings of a flow log that delivers to it."""
    logs, role = aws("logs"), f"arn:aws:iam::{ACCOUNT}:role/delivery"
    logs.create_log_group(logGroupName=name)
    kept = {"TrafficType": "ALL", "LogFormat": log_format(), "MaxAggregationInterval": 60}
    destination = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
    yield {
        **kept,
        "LogDestinationType": "cloud-watch-logs",
        "LogDestination": destination,
        "DeliverLogsPermissionArn": role,
    }
    logs.delete_log_group(logGroupName=name)


def begin() -> int:
    """Return the start of an hour that CloudWatch Logs still accepts."""
    return int(time.time()) // 3600 * 3600 - 3600


def minutes(interfaces: dict[str, str], attempts: int, calls: int) -> Iterator[Window]:
    """Yield an hour of windows: in each, calls that are answered, and attempts that the store rejects."""
    for number in range(60):
        at = begin() + 60 * number
        yield Window(at, at + 60, tuple(interfaces.values()), tuple(_packets(interfaces, attempts, calls)))


def _packets(interfaces: dict[str, str], attempts: int, calls: int) -> Iterator[Counted]:
    for number in range(attempts):
        yield from _passing(interfaces, (POD, 30000 + number), (STORE, 22), ((2, 1, 60),), Action.REJECT)
    for number in range(calls):
        there, back = (POD, 40000 + number), (STORE, 6379)
        yield from _passing(interfaces, there, back, ((2, 1, 60), (16, 2, 104), (17, 1, 52)), Action.ACCEPT)
        yield from _passing(interfaces, back, there, ((18, 1, 60), (24, 1, 152), (17, 1, 52)), Action.ACCEPT)


def _passing(
    interfaces: dict[str, str],
    source: tuple[str, int],
    target: tuple[str, int],
    sent: Sequence[tuple[int, int, int]],
    action: Action,
) -> Iterator[Counted]:
    addresses, ports = (ip_address(source[0]), ip_address(target[0])), (source[1], target[1])
    for flags, packets, length in sent:
        at = interfaces[source[0]], Direction.EGRESS, Action.ACCEPT
        yield Counted(*at, *addresses, 6, *ports, flags, packets, length)
        yield Counted(interfaces[target[0]], Direction.INGRESS, action, *addresses, 6, *ports, flags, packets, length)


def totals(log: Log) -> tuple[Counter[tuple[Disposition, int]], Reading]:
    """Return how many lines a log has for each outcome and called port."""
    reading, found = Reading(), Counter[tuple[Disposition, int]]()
    for each in log.records(Scope(), reading):
        found[each.disposition, each.port] += each.count
    return found, reading


def read_all(aws: Callable[[str], Any], bucket: str) -> list[tuple[str, bytes]]:
    s3 = aws("s3")
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    return [(each["Key"], s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()) for each in listed]


def test_parquet_in_the_folders_of_the_stack_has_the_totals_that_were_sent(
    aws: Callable[[str], Any], vpc: str, interfaces: dict[str, str], account: AwsAccount
) -> None:
    with (
        to_bucket(aws, "lab-records-parquet") as settings,
        recorded(aws, vpc, interfaces, **settings, DestinationOptions=FILES) as made,
    ):
        keys = made.recorder.record(minutes(interfaces, attempts=2, calls=3))[made.flow_log]
        files = read_all(aws, "lab-records-parquet")
        found, reading = totals(FlowLogBucket(account, "lab-records-parquet", ""))

    assert sorted(keys) == [key for key, _ in files]
    hour = datetime.fromtimestamp(begin(), UTC)
    service = f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={REGION}"
    folder = f"{service}/{hour:year=%Y/month=%m/day=%d/hour=%H}/"
    first = f"{folder}{ACCOUNT}_vpcflowlogs_{REGION}_{made.flow_log}_{hour:%Y%m%dT%H%MZ}_"
    assert [key for key in keys if key.startswith(first) and key.endswith(".log.parquet")]
    tables = [pq.read_table(io.BytesIO(body)) for _, body in files]
    for table in tables:
        assert table.column_names == [each.replace("-", "_") for each in RECORD_FIELDS]
        for name, kind in zip(table.column_names, table.schema.types, strict=True):
            wanted = pa.int32() if name in INT_32 else pa.int64() if name in INT_64 else pa.string()
            assert kind == wanted, name
    every = pa.concat_tables(tables)
    assert sum(every["packets"].drop_null().to_pylist()) == 60 * (2 * 2 + 3 * 14)
    assert sum(every["bytes"].drop_null().to_pylist()) == 60 * (2 * 2 * 60 + 3 * 2 * (216 + 264))
    # An attempt has a line at each of its two interfaces, a call and its answer have two each.
    assert found == {(Disposition.STOPPED, 22): 60 * 2 * 2, (Disposition.PASSED, 6379): 60 * 3 * 4}
    assert (reading.recorded, reading.malformed, reading.no_data, reading.skip_data) == (60 * 16, 0, 60, 0)


def test_text_in_daily_folders_has_the_same_totals(
    aws: Callable[[str], Any], vpc: str, interfaces: dict[str, str], account: AwsAccount
) -> None:
    with to_bucket(aws, "lab-records-text") as settings, recorded(aws, vpc, interfaces, **settings) as made:
        made.recorder.record(minutes(interfaces, attempts=2, calls=3))
        files = read_all(aws, "lab-records-text")
        found, reading = totals(FlowLogBucket(account, "lab-records-text", ""))

    days = {datetime.fromtimestamp(each, UTC) for each in (begin(), begin() + 3600)}
    folders = {f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{day:%Y/%m/%d}" for day in days}
    assert {key.rpartition("/")[0] for key, _ in files} <= folders
    assert {gzip.decompress(body).decode().splitlines()[0] for _, body in files} == {" ".join(RECORD_FIELDS)}
    assert found == {(Disposition.STOPPED, 22): 60 * 2 * 2, (Disposition.PASSED, 6379): 60 * 3 * 4}
    assert (reading.recorded, reading.malformed, reading.no_data) == (60 * 16, 0, 60)


def test_events_in_a_log_group_have_the_same_totals(
    aws: Callable[[str], Any], vpc: str, interfaces: dict[str, str], account: AwsAccount
) -> None:
    with (
        to_group(aws, "/lab/records") as settings,
        recorded(aws, vpc, interfaces, **settings) as made,
    ):
        recorded_minutes = minutes(interfaces, attempts=2, calls=3)
        streams = made.recorder.record(recorded_minutes, lost=(interfaces[IDLE],))[made.flow_log]
        (delivery,) = deliveries_to_group(account, "/lab/records")
        found, reading = totals(FlowLogGroup(LogGroup(account, "/lab/records"), delivery.fields))

    assert sorted(streams) == sorted(f"{each}-all" for each in interfaces.values())
    assert found == {(Disposition.STOPPED, 22): 60 * 2 * 2, (Disposition.PASSED, 6379): 60 * 3 * 4}
    assert (reading.recorded, reading.malformed, reading.no_data, reading.skip_data) == (60 * 16, 0, 0, 60)


def test_a_later_delivery_adds_a_file_and_replaces_none(
    aws: Callable[[str], Any], vpc: str, interfaces: dict[str, str]
) -> None:
    with (
        to_bucket(aws, "lab-records-twice") as settings,
        recorded(aws, vpc, interfaces, **settings, DestinationOptions=FILES) as made,
    ):
        windows = [*minutes(interfaces, attempts=1, calls=0)][:3]
        first, second = (made.recorder.record([each])[made.flow_log] for each in windows[:2])

    assert len({*first, *second}) == 2


def test_a_flow_log_whose_group_is_gone_delivers_nothing_and_hinders_no_other(
    aws: Callable[[str], Any], vpc: str, interfaces: dict[str, str]
) -> None:
    logs = aws("logs")
    with (
        to_group(aws, "/lab/kept") as kept,
        recorded(aws, vpc, interfaces, **kept) as delivering,
        to_group(aws, "/lab/gone") as gone,
        recorded(aws, vpc, interfaces, **gone) as failing,
    ):
        logs.delete_log_group(logGroupName="/lab/gone")
        delivered = delivering.recorder.record([next(minutes(interfaces, attempts=1, calls=0))])
        logs.create_log_group(logGroupName="/lab/gone")

    assert delivered[delivering.flow_log]
    assert failing.flow_log not in delivered
