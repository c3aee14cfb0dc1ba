"""Flow logs of real packets: the program reads the totals that were sent, and drafts the matrix of the shop that ran.

The shop's ends are network namespaces, judged by the groups and rules that the shop's own firewall has in the account.
Its flow logs deliver to a bucket and to a log group, as the stack declares them.
"""

import io
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.compile.flow_log import log_format
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.traffic_file import parse_matrix, read_matrix
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.stack.settings import read_stack_file
from flash_ticket.traffic.attribution.inventory import Interface, Inventory, Pod
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from lab.surroundings import REGION
from lab.vpc.flow_logs.delivery import Delivery
from lab.vpc.flow_logs.recorder import Recorder
from tests.support.command.flash_firewall import copy_project, run
from tests.support.declared.accounts import ROOT
from tests.support.vpc.network import lacking
from tests.support.vpc.shop import ENDS, NODE, PODS, Attempts, Ran, RunningShop

BUCKET, GROUP = "lab-packets-of-the-shop", "/flash-ticket/dev/flow-logs-lab"
SHOP = read_matrix(ROOT / MATRIX_FILE)
ROUNDS = 20
ATTEMPTS = (
    Attempts("gateway", "redis", 6379, protocol=6, count=5),
    Attempts("stranger", "alb", 22, protocol=6, count=4),
    Attempts("redis", "api", 4000, protocol=6, count=3),
    Attempts("api", "redis", 6379, protocol=17, count=2, packets=3),
)
CALLS = (
    *((flow.source, flow.target, port.first) for flow in SHOP.flows for port in flow.ports),
    ("client", "alb", 443),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What ran, and where it is recorded.

    Attributes:
        project: The folder of the shop's files.
        inventory: Who had which address.
    """

    ran: Ran
    project: Path
    inventory: Path


@pytest.fixture(scope="module")
def recorded(aws: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    if reason := lacking():
        pytest.skip(reason)
    ec2, folder, begin = aws("ec2"), tmp_path_factory.mktemp("shop"), int(time.time()) // 3600 * 3600 - 7200
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["flash-ticket-dev"]}])["Vpcs"]
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": ec2.meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
            "NO_PROXY": "127.0.0.1",
        }.items():
            patch.setenv(name, value)
        settings = read_stack_file(ROOT, "dev")
        owner = settings.owner(SHOP.namespace)
        environment = bind(SHOP, settings.binding, "dev", AwsAccount.connect(REGION, None, owner))
        stack.callback(_flow_logs(aws, vpc["VpcId"], owner))
        shop = RunningShop(ec2, vpc["VpcId"], compile_firewall(SHOP, environment))
        ran = stack.enter_context(shop.ran(CALLS, ATTEMPTS, ROUNDS, begin))
        Recorder(ec2, Delivery(aws("s3"), aws("logs")), vpc["VpcId"]).record(ran.windows)
        pods = [
            Pod("flash-ticket", f"{name}-1", (("app", f"flash-{name}"),), (address,), NODE, begin - 86400, None)
            for name, address in PODS.items()
        ]
        interfaces = [Interface(ran.interfaces[name], (ENDS[name],), tuple(ran.groups[name])) for name in ENDS]
        inventory = folder / "inventory.json"
        inventory.write_text(
            inventory_json(Inventory(time.time(), environment, None, tuple(pods), tuple(interfaces))), encoding="utf-8"
        )
        yield Recorded(ran, copy_project(folder / "project", "dev"), inventory)


def _flow_logs(aws: Callable[[str], Any], vpc: str, owner: Owner) -> Callable[[], None]:
    """Make a flow log to a bucket, and the stack's own to a log group; return what removes them."""
    ec2, s3, logs = aws("ec2"), aws("s3"), aws("logs")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    logs.create_log_group(logGroupName=GROUP)
    recorded: dict[str, Any] = {
        "ResourceIds": [vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogFormat": log_format(),
        "MaxAggregationInterval": 60,
    }
    files = {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True}
    to_bucket = ec2.create_flow_logs(
        **recorded, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}", DestinationOptions=files
    )
    tags = [{"Key": key, "Value": value} for key, value in {"Name": owner.name, **owner.tags}.items()]
    own = ec2.create_flow_logs(
        **recorded,
        LogDestinationType="cloud-watch-logs",
        LogDestination=f"arn:aws:logs:{REGION}:123456789012:log-group:{GROUP}",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/delivery",
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags}],
    )

    def remove() -> None:
        ec2.delete_flow_logs(FlowLogIds=[*to_bucket["FlowLogIds"], *own["FlowLogIds"]])
        logs.delete_log_group(logGroupName=GROUP)
        for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            s3.delete_object(Bucket=BUCKET, Key=each["Key"])
        s3.delete_bucket(Bucket=BUCKET)

    return remove


@pytest.fixture(scope="module")
def table(aws: Callable[[str], Any], recorded: Recorded) -> pa.Table:
    """All records in the bucket, as DuckDB and Athena see them."""
    del recorded
    s3 = aws("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    bodies = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    return pa.concat_tables([pq.read_table(io.BytesIO(body)) for body in bodies])


SOURCES = pytest.mark.parametrize("source", [(f"s3://{BUCKET}",), (f"cloudwatch:{GROUP}",), ()], ids=str)
"""The bucket, the log group, and what the stack itself records, without a name."""


def answer(recorded: Recorded, verb: str, *arguments: str) -> dict[str, Any]:
    given = ("--stack", "dev", "--project", recorded.project, "--inventory", recorded.inventory, "--output", "json")
    result = run(verb, *arguments, *given)
    assert result.exit_code in {0, 1}, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_packets_in_the_records_are_those_that_the_ends_sent_and_received(
    recorded: Recorded, table: pa.Table
) -> None:
    read: Counter[tuple[str, str, str]] = Counter()
    for row in table.to_pylist():
        if row["log_status"] == "OK":
            read[row["interface_id"], row["flow_direction"], row["action"]] += row["packets"]
    totals = {}
    for name, interface in recorded.ran.interfaces.items():
        out = read[interface, "egress", "ACCEPT"] + read[interface, "egress", "REJECT"]
        totals[name] = (out, read[interface, "ingress", "ACCEPT"])
        sys.stdout.write(
            f"{name}: sent {recorded.ran.sent[name]}, received {recorded.ran.received[name]}; read {totals[name]}\n"
        )

    assert totals == {name: (recorded.ran.sent[name], recorded.ran.received[name]) for name in ENDS}
    assert sum(recorded.ran.sent.values()) > ROUNDS * len(CALLS) * 5


def test_each_connection_is_recorded_once_where_it_is_called(table: pa.Table) -> None:
    calls: Counter[tuple[str, int]] = Counter()
    for row in table.to_pylist():
        opens = row["tcp_flags"] is not None and row["tcp_flags"] & 18 == 2
        if opens and (row["flow_direction"], row["action"]) == ("ingress", "ACCEPT"):
            calls[row["pkt_dstaddr"], row["dstport"]] += 1

    assert calls == Counter((ENDS[target], port) for _, target, port in CALLS for _ in range(ROUNDS))


@SOURCES
def test_denied_lists_each_rejected_attempt_and_nothing_else(recorded: Recorded, source: tuple[str, ...]) -> None:
    found = answer(recorded, "denied", *source)

    # A packet that leaves one interface and is rejected at another one has a line at both.
    assert {(each["src"], each["dst"], each["port"], each["protocol"]): each["lines"] for each in found["denials"]} == {
        ("gateway", "redis", 6379, 6): 5,
        ("the internet", "alb", 22, 6): 4,
        ("redis", "api", 4000, 6): 2 * 3,
        ("api", "redis", 6379, 17): 2,
    }
    assert found["unanswered"] == []
    assert found["holds"]
    total = found["total"]
    assert (total["malformed"], total["unattributed"], total["skip_data"]) == (0, 0, 0)
    assert total["read"] == found["passed"] + 5 + 4 + 6 + 2


def test_every_source_has_the_same_totals(recorded: Recorded, table: pa.Table) -> None:
    answers = [answer(recorded, "denied", *source)["total"] for source in ((f"s3://{BUCKET}",), ())]

    assert answers[0] == answers[1]
    assert answers[0]["read"] == sum(1 for status in table["log_status"].to_pylist() if status == "OK")


@SOURCES
def test_learn_drafts_the_matrix_of_the_shop(recorded: Recorded, source: tuple[str, ...]) -> None:
    given = ("--stack", "dev", "--project", recorded.project, "--inventory", recorded.inventory)
    result = run("learn", *source, *given)

    assert result.exit_code == 0, result.output
    drafted = parse_matrix(parse_document(result.stdout, "draft.yaml"), "draft.yaml")
    assert (drafted.services, drafted.externals) == (SHOP.services, SHOP.externals)
    assert set(_lines(drafted)) == set(_lines(SHOP))


def _lines(matrix: Any) -> Iterator[tuple[str, str, int]]:  # noqa: ANN401 - a Matrix
    yield from ((flow.source, flow.target, port.first) for flow in matrix.flows for port in flow.ports)


@SOURCES
def test_replay_finds_that_the_declaration_cuts_nothing_that_worked(
    recorded: Recorded, source: tuple[str, ...]
) -> None:
    given = ("--stack", "dev", "--project", recorded.project, "--inventory", recorded.inventory)

    assert run("replay", *source, *given).exit_code == 0
