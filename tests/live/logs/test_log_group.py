"""Flow logs and the network policy agent's lines from CloudWatch Logs."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import WAITS
from flash_ticket.live.logs import log_group as flow_log_group
from flash_ticket.live.logs.log_group import AGENT_STREAMS, FlowLogGroup, LogGroup, PolicyAgentGroup
from flash_ticket.traffic.records.record import Disposition, Evidence, Reading, Record, Scope
from tests.support.clouds.flow_log_objects import FIELDS, line_of, rejected
from tests.support.clouds.moto_account import MotoAccount

GROUP = "/flash-ticket/dev/flow-logs-1"
CLUSTER = "/aws/eks/flash-ticket-dev/cluster"
NOW = datetime.now(UTC).timestamp() // 60 * 60
"""CloudWatch Logs accepts no event older than 14 days."""


def moment(minutes_ago: float) -> str:
    return datetime.fromtimestamp(NOW - 60 * minutes_ago, UTC).replace(tzinfo=None).isoformat()


def put(moto: MotoAccount, group: str, stream: str, *events: tuple[float, str]) -> None:
    """Put events, each with its age in minutes, into a stream; create the stream if it is new."""
    logs = moto.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    written = [{"timestamp": int((NOW - 60 * ago) * 1000), "message": message} for ago, message in sorted(events)[::-1]]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=written)


def refused(minutes_ago: float, source: str) -> tuple[float, str]:
    """Return the event of a connection that a security group refused."""
    return minutes_ago + 0.5, line_of(rejected(source, "10.0.0.9", 5432, moment(minutes_ago)))


def denied(minutes_ago: float, source: str) -> tuple[float, str]:
    """Return the event of a connection that the agent denied."""
    line = f"Node: n;SIP: {source};SPORT: 40000;DIP: 10.0.0.9;DPORT: 5432;PROTOCOL: TCP;PolicyVerdict: DENY"
    return minutes_ago, line


def flow_logs(moto: MotoAccount) -> FlowLogGroup:
    return FlowLogGroup(LogGroup(moto.connect(), GROUP), FIELDS)


def agent(moto: MotoAccount) -> PolicyAgentGroup:
    return PolicyAgentGroup(LogGroup(moto.connect(), CLUSTER, AGENT_STREAMS))


def sources(records: Iterator[Record] | tuple[Record, ...]) -> list[str]:
    return sorted(record.source.address for record in records)


def test_flow_logs_are_read_by_the_fields_of_their_format(moto: MotoAccount) -> None:
    put(moto, GROUP, "eni-1-all", refused(30, "10.0.0.1"), refused(20, "10.0.0.2"))
    put(moto, GROUP, "eni-2-all", refused(25, "10.0.0.3"))
    reading = Reading()

    records = list(flow_logs(moto).records(Scope(), reading))

    assert sources(tuple(records)) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert {(each.evidence, each.disposition, each.port) for each in records} == {
        (Evidence.FLOW_LOG, Disposition.STOPPED, 5432)
    }
    assert (reading.recorded, reading.malformed) == (3, 0)


def test_only_records_of_the_requested_time_are_returned(moto: MotoAccount) -> None:
    put(moto, GROUP, "eni-1-all", *(refused(ago, f"10.0.0.{ago}") for ago in (50, 40, 30, 20)))

    records = flow_logs(moto).records(Scope(NOW - 45 * 60, NOW - 25 * 60), Reading())

    assert sources(records) == ["10.0.0.30", "10.0.0.40"]


def test_lines_of_another_format_are_malformed_and_stop_nothing(moto: MotoAccount) -> None:
    put(moto, GROUP, "eni-1-all", refused(30, "10.0.0.1"), (20, "2 1 eni-1 10.0.0.1 REJECT OK"))
    reading = Reading()

    assert sources(flow_logs(moto).records(Scope(), reading)) == ["10.0.0.1"]
    assert (reading.recorded, reading.malformed) == (1, 1)
    assert reading.first_malformed.startswith(f"cloudwatch:{GROUP}: event 2: ")


def test_a_large_group_is_read_in_batches(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    put(moto, GROUP, "eni-1-all", *(refused(ago, f"10.0.0.{ago}") for ago in range(10, 15)))
    monkeypatch.setattr(flow_log_group, "MOST_KEPT", 2)
    reading = Reading()

    assert len(list(flow_logs(moto).records(Scope(), reading))) == 5
    assert reading.recorded == 5


def test_every_page_of_a_log_group_is_read(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    put(moto, GROUP, "eni-1-all", *(refused(ago, f"10.0.0.{ago}") for ago in range(10, 15)))
    ask = AwsAccount.ask

    def by_twos(self: AwsAccount, service: str, operation: str, **arguments: object) -> object:
        return ask(self, service, operation, **arguments, limit=2)

    monkeypatch.setattr(AwsAccount, "ask", by_twos)

    assert len(list(flow_logs(moto).records(Scope(), Reading()))) == 5


def test_only_the_agents_streams_of_a_clusters_group_are_read(moto: MotoAccount) -> None:
    put(moto, CLUSTER, f"{AGENT_STREAMS}0", denied(30, "10.0.0.1"))
    put(moto, CLUSTER, f"{AGENT_STREAMS}1", denied(20, "10.0.0.2"), denied(10, "10.0.0.2"))
    put(moto, CLUSTER, "kube-apiserver-audit-0", (5, "SIP: 10.0.0.3"))
    reading = Reading()

    one, two = sorted(agent(moto).records(Scope(), reading), key=lambda record: record.first)

    assert (one.source.address, one.disposition, one.count) == ("10.0.0.1", Disposition.STOPPED, 1)
    assert (two.source.address, two.first, two.last) == ("10.0.0.2", NOW - 20 * 60, NOW - 10 * 60)
    assert (reading.recorded, reading.malformed, reading.other) == (3, 0, 0)


def refusal(log: FlowLogGroup) -> str:
    with pytest.raises(InputError) as error:
        list(log.records(Scope(), Reading()))
    return str(error.value)


def test_a_missing_group_is_reported_with_its_region(moto: MotoAccount) -> None:
    assert refusal(flow_logs(moto)) == (
        f"cloudwatch:{GROUP}: there is no such log group in ap-northeast-2. Correct its name or the region "
        "(AWS_REGION)."
    )


def test_the_documented_right_is_sufficient(moto: MotoAccount) -> None:
    put(moto, GROUP, "eni-1-all", refused(30, "10.0.0.1"))

    with moto.allowing("logs:FilterLogEvents"):
        assert len(list(flow_logs(moto).records(Scope(), Reading()))) == 1


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        ("ExpiredTokenException", "The token has expired.", "credentials: AWS refuses them: The token has expired."),
        (
            "AccessDeniedException",
            "x is not authorized",
            "it may not be read (AccessDeniedException: x is not authorized). Allow logs:FilterLogEvents on it.",
        ),
        ("AccessDeniedException", "No access to the KMS key", "its key may not be used (AccessDeniedException: No "),
        ("ServiceUnavailableException", "Later", "logs:FilterLogEvents: ServiceUnavailableException: Later. Try again"),
        ("ThrottlingException", "Rate exceeded", "logs:FilterLogEvents: ThrottlingException: Rate exceeded. Try again"),
    ],
)
def test_other_refusals_name_the_group(
    moto: MotoAccount, monkeypatch: pytest.MonkeyPatch, code: str, message: str, line: str
) -> None:
    log, waits = flow_logs(moto), list[float]()
    log.group.account.ask("logs", "describe_log_groups")

    def refuse(**_: object) -> object:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "FilterLogEvents")

    log.group.account._clients["logs"].filter_log_events = refuse  # noqa: SLF001 - the client stands in for AWS
    monkeypatch.setattr("flash_ticket.live.aws_refusal.sleep", waits.append)

    assert refusal(log).startswith(f"cloudwatch:{GROUP}: {line}")
    assert waits == (list(WAITS) if code == "ThrottlingException" else []), "throttling is answered by patience"
