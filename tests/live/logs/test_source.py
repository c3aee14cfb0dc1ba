"""The meaning of a SOURCE on the command line, and a stack's own logs."""

import gzip
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS, log_format
from flash_ticket.firewall.declare.choices import CniName, LogDestination
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.logs.aws_source import own_logs
from flash_ticket.live.logs.flow_log_bucket import FlowLogBucket
from flash_ticket.live.logs.log_group import AGENT_STREAMS, FlowLogGroup, LogGroup, PolicyAgentGroup
from flash_ticket.live.logs.source import open_source
from flash_ticket.live.logs.standard_input import StandardInput
from flash_ticket.traffic.records.record import Log, Reading, Scope
from tests.support.clouds.flow_log_objects import HIVE, PLAIN, hive_folder, parquet, rejected, text
from tests.support.clouds.moto_account import MotoAccount
from tests.support.declared.accounts import environment_of
from tests.support.declared.owners import DEV, tags

MOMENT = "2026-11-24T03:10"
LINES = [rejected("10.0.0.1", "10.0.0.9", 5432, MOMENT)]
CLUSTER_GROUP = "/aws/eks/flash-ticket-dev/cluster"


def refusal(word: str) -> str:
    with pytest.raises(InputError) as error:
        open_source(word)
    return str(error.value)


def sources_in(log: Log) -> tuple[list[str], Reading]:
    reading = Reading()
    return [record.source.address for record in log.records(Scope(), reading)], reading


def test_a_path_stands_for_all_logs_below_it(tmp_path: Path) -> None:
    folder = tmp_path / hive_folder(MOMENT)
    folder.mkdir(parents=True)
    (folder / "one.log.parquet").write_bytes(parquet(LINES))

    (log,) = open_source(str(tmp_path))

    assert sources_in(log)[0] == ["10.0.0.1"]


@pytest.mark.parametrize("name", ["s3:", "cloudwatch", "C:x"])
def test_a_file_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(text(LINES))
    monkeypatch.chdir(tmp_path)

    (log,) = open_source(name)

    assert sources_in(log)[0] == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("", "'' is not a source of recorded traffic"),
        ("http://example.com/flows", "'http://example.com/flows' is not a source of recorded traffic"),
        ("gs://bucket", "'gs://bucket' is not a source of recorded traffic"),
        ("flows.log", "'flows.log' is not there"),
        ("x" * 300, f"'{'x' * 27}...{'x' * 27}' cannot be read: File name too long"),
        ("a\0b", "'a\\x00b' is not there"),
    ],
)
def test_an_invalid_source_is_reported_with_the_valid_forms(word: str, problem: str) -> None:
    assert refusal(word) == (
        f"SOURCE: {problem}. Name a file or folder of logs, - for standard input, s3://BUCKET/PREFIX or "
        "cloudwatch:LOG_GROUP."
    )


@pytest.mark.parametrize("word", ["s3://", "s3:///AWSLogs", "s3://Bucket/", "s3://a?b/x"])
def test_an_s3_address_without_a_bucket_is_reported(moto: MotoAccount, word: str) -> None:
    assert moto
    assert refusal(word) == f"{word}: it names no bucket. Write s3://BUCKET/PREFIX."


def test_a_bucket_causes_no_call_to_aws_until_it_is_read(moto: MotoAccount) -> None:
    account = moto.connect()

    assert open_source("s3://logs/AWSLogs", lambda: account) == (FlowLogBucket(account, "logs", "AWSLogs"),)


class Pipe(io.BytesIO):
    """A stream that cannot seek, like standard input."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("write", [parquet, text], ids=["Parquet", "gzip text"])
@pytest.mark.usefixtures("spool")
def test_standard_input_may_hold_any_log(write: Any) -> None:  # noqa: ANN401 - a function of lines
    stream: BinaryIO = Pipe(write(LINES))
    log = StandardInput(lambda: stream)

    assert (log.name, sources_in(log)[0]) == ("-", ["10.0.0.1"])


def test_a_dash_means_standard_input() -> None:
    assert open_source("-") == (StandardInput(),)


@pytest.mark.usefixtures("spool")
def test_a_mistake_on_standard_input_names_standard_input_and_not_a_copy() -> None:
    short = b"2 eni-1 10.0.0.1"
    lines = Pipe(b"\n".join([*text_lines(), short]))
    reading = sources_in(StandardInput(lambda: lines))[1]
    nothing: BinaryIO = Pipe(b"hello\n")

    assert reading.first_malformed.startswith("standard input:3: ")
    with pytest.raises(InputError) as error:
        sources_in(StandardInput(lambda: nothing))
    assert str(error.value).startswith("standard input: is not a known kind of log")


def text_lines() -> list[bytes]:
    return gzip.decompress(text(LINES)).splitlines()


@pytest.fixture
def environment(moto: MotoAccount) -> Environment:
    """The development environment, with a VPC of the account."""
    vpc = moto.client("ec2").create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
    return replace(environment_of("dev"), vpc=vpc)


def flow_log(moto: MotoAccount, vpc: str, destination: str, name: str = "flash-ticket-dev", fields: str = "") -> str:
    """Create a flow log as the stack does: to a bucket or a log group, by ARN."""
    is_bucket = destination.startswith("arn:aws:s3")
    if is_bucket and not destination.endswith("old"):
        moto.client("s3").create_bucket(
            Bucket=destination.rpartition(":")[2],
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"},
        )
    marked = tags(DEV, Name=name) if name == DEV.name else [{"Key": "Name", "Value": name}]
    made = moto.client("ec2").create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[vpc],
        TrafficType="ALL",
        LogDestinationType="s3" if is_bucket else "cloud-watch-logs",
        LogDestination=destination,
        LogFormat=fields or log_format(),
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": marked}],
        **({} if is_bucket else {"DeliverLogsPermissionArn": "arn:aws:iam::123456789012:role/delivery"}),
    )
    return str(made["FlowLogIds"][0])


def group_arn(name: str) -> str:
    return f"arn:aws:logs:ap-northeast-2:123456789012:log-group:{name}"


def agent(moto: MotoAccount, stream: str = f"{AGENT_STREAMS}0") -> None:
    logs = moto.client("logs")
    logs.create_log_group(logGroupName=CLUSTER_GROUP)
    logs.create_log_stream(logGroupName=CLUSTER_GROUP, logStreamName=stream)


def test_a_flow_logs_group_is_read_by_its_own_format(moto: MotoAccount, environment: Environment) -> None:
    flow_log(moto, environment.vpc, group_arn("/shop/flows"), fields="${version} ${srcaddr} ${pkt-dstaddr}")
    account = moto.connect()

    (log,) = open_source("cloudwatch:/shop/flows", lambda: account)

    assert log == FlowLogGroup(LogGroup(account, "/shop/flows"), ("version", "srcaddr", "pkt-dstaddr"))


def test_logs_of_a_destroyed_stack_are_read_in_the_default_format(moto: MotoAccount) -> None:
    account, group = moto.connect(), "/flash-ticket/dev/flow-logs-20261124"

    assert open_source(f"cloudwatch:{group}", lambda: account) == (
        FlowLogGroup(LogGroup(account, group), RECORD_FIELDS),
    )


@pytest.mark.parametrize("group", [CLUSTER_GROUP, "/forwarded/agent"])
def test_a_group_with_streams_of_the_agent_is_read_as_the_agents_log(moto: MotoAccount, group: str) -> None:
    moto.client("logs").create_log_group(logGroupName=group)
    moto.client("logs").create_log_stream(logGroupName=group, logStreamName=f"{AGENT_STREAMS}0")
    account = moto.connect()

    assert open_source(f"cloudwatch:{group}", lambda: account) == (
        PolicyAgentGroup(LogGroup(account, group, AGENT_STREAMS)),
    )


def test_a_group_with_several_flow_log_formats_is_reported(moto: MotoAccount, environment: Environment) -> None:
    other = moto.client("ec2").create_vpc(CidrBlock="10.11.0.0/16")["Vpc"]["VpcId"]
    flow_log(moto, environment.vpc, group_arn("/shop/flows"))
    flow_log(moto, other, group_arn("/shop/flows"), fields="${version} ${srcaddr}")

    assert refusal("cloudwatch:/shop/flows") == (
        "cloudwatch:/shop/flows: several flow logs deliver to it in different formats, and no line says whose it is. "
        "Give each flow log a group of its own."
    )


@pytest.mark.parametrize("group", ["/shop/flows", "/aws/lambda/x"])
def test_a_group_without_traffic_is_reported(moto: MotoAccount, group: str) -> None:
    moto.client("logs").create_log_group(logGroupName="/aws/lambda/x")

    assert refusal(f"cloudwatch:{group}") == (
        f"cloudwatch:{group}: no flow log of this account and region delivers to it, and no network policy agent "
        "writes to it. Name the group of a flow log or /aws/eks/CLUSTER/cluster, and check the region (AWS_REGION)."
    )


def test_a_source_without_a_log_group_is_reported(moto: MotoAccount) -> None:
    assert moto
    assert refusal("cloudwatch:") == "cloudwatch:: it names no log group. Write cloudwatch:LOG_GROUP."


def test_a_missing_region_is_reported(moto: MotoAccount) -> None:
    moto.monkeypatch.delenv("AWS_REGION")

    assert refusal("cloudwatch:/shop/flows") == (
        "AWS: region: none is named. Set AWS_REGION, or name a region in the profile."
    )


def test_a_missing_right_to_find_the_flow_logs_is_reported(moto: MotoAccount) -> None:
    with moto.allowing("logs:*"):
        line = refusal("cloudwatch:/shop/flows")

    assert line.endswith("Allow ec2:DescribeFlowLogs to this identity.")


@pytest.mark.parametrize(
    ("options", "folder"),
    [({"HiveCompatiblePartitions": True}, HIVE), ({"HiveCompatiblePartitions": False}, PLAIN), ({}, PLAIN)],
    ids=["hive", "plain", "by default"],
)
def test_a_stacks_own_bucket_is_found(
    moto: MotoAccount,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool],
    folder: str,
) -> None:
    flow_log(moto, environment.vpc, "arn:aws:s3:::dev-logs")
    pages = AwsAccount.pages

    def with_options(self: AwsAccount, service: str, operation: str, key: str, **arguments: Any) -> object:  # noqa: ANN401
        """Moto accepts the options and forgets them."""
        found = pages(self, service, operation, key, **arguments)
        return [{**each, "DestinationOptions": options} for each in found]

    monkeypatch.setattr(AwsAccount, "pages", with_options)
    account = moto.connect()
    expected = folder.replace("111122223333", account.id)

    assert own_logs(account, environment, "flash-ticket") == (FlowLogBucket(account, "dev-logs", expected),)


def test_a_stacks_own_group_is_found_and_the_agents_beside_it(moto: MotoAccount, environment: Environment) -> None:
    flow_log(moto, environment.vpc, group_arn("/flash-ticket/dev/flow-logs-1"))
    account = moto.connect()
    flows = FlowLogGroup(LogGroup(account, "/flash-ticket/dev/flow-logs-1"), RECORD_FIELDS)
    agents = PolicyAgentGroup(LogGroup(account, CLUSTER_GROUP, AGENT_STREAMS))

    assert own_logs(account, environment, "flash-ticket") == (flows,)
    agent(moto, "kube-apiserver-0")
    assert own_logs(account, environment, "flash-ticket") == (flows,)
    moto.client("logs").create_log_stream(logGroupName=CLUSTER_GROUP, logStreamName=f"{AGENT_STREAMS}0")
    assert own_logs(account, environment, "flash-ticket") == (flows, agents)
    cilium = replace(environment, cluster=replace(environment.cluster, cni=CniName.CILIUM))
    assert own_logs(account, cilium, "flash-ticket") == (flows,)


def test_a_stack_reads_the_flow_log_of_others_that_it_names(moto: MotoAccount, environment: Environment) -> None:
    flow_log(moto, environment.vpc, group_arn("/flash-ticket/dev/flow-logs-1"))
    theirs = flow_log(moto, environment.vpc, group_arn("/landing-zone"))
    reads = replace(environment, flow_logs=ExistingFlowLog(theirs, LogDestination.CLOUDWATCH))
    account = moto.connect()

    assert [log.name for log in own_logs(account, reads, "flash-ticket")] == ["cloudwatch:/landing-zone"]
    gone = replace(environment, flow_logs=ExistingFlowLog("fl-0123456789", LogDestination.CLOUDWATCH))
    with pytest.raises(InputError, match=rf"{environment.vpc} has no fl-0123456789 of flowLogs.existing, only fl-"):
        own_logs(account, gone, "flash-ticket")


def test_a_stack_without_flow_logs_reads_the_agents_or_says_how_to_add_them(
    moto: MotoAccount, environment: Environment
) -> None:
    without = replace(environment, flow_logs=None)
    with pytest.raises(InputError) as refused:
        own_logs(moto.connect(), without, "flash-ticket")
    assert str(refused.value).startswith("stack dev: it has no flow logs. Add flowLogs to its binding (destination, or")

    agent(moto, f"{AGENT_STREAMS}0")
    assert [type(log) for log in own_logs(moto.connect(), without, "flash-ticket")] == [PolicyAgentGroup]


def test_during_a_replacement_only_the_newest_flow_log_is_read(
    moto: MotoAccount, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_log(moto, environment.vpc, group_arn("/one"))
    second = flow_log(moto, environment.vpc, group_arn("/two"))
    pages = AwsAccount.pages

    def dated(self: AwsAccount, service: str, operation: str, key: str, **arguments: Any) -> object:  # noqa: ANN401
        times = {second: datetime(2026, 11, 24, tzinfo=UTC)}
        before = datetime(2026, 11, 23, tzinfo=UTC)
        found = pages(self, service, operation, key, **arguments)
        return [{**each, "CreationTime": times.get(each["FlowLogId"], before)} for each in found]

    monkeypatch.setattr(AwsAccount, "pages", dated)
    account = moto.connect()

    (log,) = own_logs(account, environment, "flash-ticket")

    assert log.name == "cloudwatch:/two"


def test_a_stack_without_its_own_flow_log_is_reported(moto: MotoAccount, environment: Environment) -> None:
    def line() -> str:
        with pytest.raises(InputError) as error:
            own_logs(moto.connect(), environment, "flash-ticket")
        return str(error.value)

    remedy = "Deploy the stack with pulumi up, or name a file or folder of logs"
    missing = f"stack dev: {environment.vpc} has no flow log with the tags of {DEV}"
    assert line().startswith(f"{missing}. {remedy}")
    others = flow_log(moto, environment.vpc, group_arn("/others"), name="audit")
    assert line().startswith(f"{missing}, only {others}. {remedy}")
