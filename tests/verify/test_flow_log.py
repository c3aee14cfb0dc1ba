"""Findings about a flow log that is missing, inactive, changed or fails to deliver, and about its destination."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog
from flash_ticket.firewall.change.object_difference import Difference
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.observed import Observed, SeenFlowLogs
from tests.support.verify.standing import ATTACHED, found, only, shop, standing


def seeing(firewall: CompiledFirewall, seen: SeenFlowLogs) -> Observed:
    return replace(standing(firewall), flow_logs=seen)


def flow_log(firewall: CompiledFirewall, **changed: Any) -> Observed:  # noqa: ANN401 - fields of FlowLog
    """Return the flow log with other fields."""
    seen = standing(firewall).flow_logs
    assert seen
    return seeing(firewall, replace(seen, flow_logs=({**seen.flow_logs[0], **changed},)))


def test_a_missing_flow_log_is_found_and_those_of_others_do_not_count() -> None:
    firewall = shop()
    theirs = {"FlowLogId": "fl-9", "Tags": [{"Key": "Name", "Value": "audit"}]}

    absent = only(firewall, seeing(firewall, SeenFlowLogs((theirs,))))

    assert absent.kind is FindingKind.NOT_RECORDING
    assert absent.what == f"there is no flow log with the tags of {firewall.owner}"


def test_an_inactive_flow_log_is_found() -> None:
    firewall = shop()

    inactive = only(firewall, flow_log(firewall, FlowLogStatus="INACTIVE"))

    assert (inactive.kind, inactive.what) == (FindingKind.NOT_RECORDING, "its status is INACTIVE")
    assert inactive.remedy.startswith("aws ec2 delete-flow-logs --flow-log-ids fl-1, then pulumi up")


def test_a_stack_without_a_flow_log_misses_none() -> None:
    firewall = shop()
    without = replace(firewall, environment=replace(firewall.environment, flow_logs=None))

    assert found(without, seeing(without, SeenFlowLogs(()))) == []


def test_a_flow_log_of_others_that_stops_or_goes_is_found_and_nothing_else_about_it() -> None:
    firewall = shop()
    existing = ExistingFlowLog("fl-9", LogDestination.S3)
    reads = replace(firewall, environment=replace(firewall.environment, flow_logs=existing))
    theirs = {"FlowLogId": "fl-9", "FlowLogStatus": "ACTIVE", "LogFormat": "${version}", "TrafficType": "REJECT"}
    asked = "Ask its owner: this program never changes it"

    assert found(reads, seeing(reads, SeenFlowLogs((theirs,)))) == []
    stopped = only(reads, seeing(reads, SeenFlowLogs(({**theirs, "FlowLogStatus": "INACTIVE"},))))
    failing = only(reads, seeing(reads, SeenFlowLogs(({**theirs, "DeliverLogsStatus": "FAILED"},))))
    gone = only(reads, seeing(reads, SeenFlowLogs(())))
    assert (stopped.what, stopped.remedy) == ("its status is INACTIVE", asked)
    assert (failing.what, failing.remedy) == ("delivery is FAILED: Unknown error", asked)
    assert gone.what == f"{reads.environment.vpc} does not have it any more"
    assert {each.kind for each in (stopped, failing, gone)} == {FindingKind.NOT_RECORDING}


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Access error", "records are lost: the role or the bucket's policy does not let the service write"),
        ("Rate limited", "records are lost: CloudWatch Logs throttles it"),
        (None, "records are lost: AWS gives no reason"),
        ("\x1b[2J", "records are lost: see the message"),
    ],
)
def test_a_flow_log_that_fails_to_deliver_is_found_with_the_message_of_aws(message: str | None, why: str) -> None:
    firewall = shop()
    status = {"DeliverLogsStatus": "FAILED", "DeliverLogsErrorMessage": message}

    failing = only(firewall, flow_log(firewall, **status))

    assert failing.what == f"delivery is FAILED: {message or 'Unknown error'}"
    assert failing.why == why


def test_the_newer_of_two_flow_logs_counts() -> None:
    firewall = shop()
    seen = standing(firewall).flow_logs
    assert seen
    former = {**seen.flow_logs[0], "FlowLogStatus": "INACTIVE", "CreationTime": ATTACHED.replace(year=2025)}

    assert found(firewall, seeing(firewall, replace(seen, flow_logs=(former, *seen.flow_logs)))) == []


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_changed_format_traffic_type_or_interval_is_found_by_field(stack: str) -> None:
    firewall = shop(stack)
    other = {"TrafficType": "REJECT", "LogFormat": "${version}", "MaxAggregationInterval": 600}

    changed = only(firewall, flow_log(firewall, **other))

    assert changed.kind is FindingKind.CHANGED
    live_values = {each.path: each.live for each in changed.differences}
    assert live_values == {"TrafficType": '"REJECT"', "LogFormat": '"${version}"', "MaxAggregationInterval": "600"}


def test_a_changed_destination_is_found() -> None:
    firewall = shop("prod")

    findings = found(firewall, flow_log(firewall, LogDestination="arn:aws:s3:::somebody-elses"))

    (changed,) = [each for each in findings if each.where == "flow log fl-1"]
    assert changed.differences == (
        Difference("LogDestination", '"flash-ticket-prod-flow-logs-*"', '"arn:aws:s3:::somebody-elses"'),
    )


def test_a_bucket_that_lost_a_setting_is_found_by_field() -> None:
    firewall = shop("prod")
    seen = standing(firewall).flow_logs
    assert seen
    assert seen.bucket
    bare = replace(seen.bucket, policy=None, encryption=None, public_access=None)

    findings = found(firewall, seeing(firewall, replace(seen, bucket=bare)))

    assert [(each.kind, each.what) for each in findings] == [
        (FindingKind.CHANGED, "its policy is not as declared"),
        (FindingKind.CHANGED, "its records are not encrypted with the stack's key"),
        (FindingKind.CHANGED, "public access is not blocked"),
    ]
    assert findings[1].differences == (Difference("encryption.SSEAlgorithm", '"aws:kms"', None),)


def test_a_log_group_with_another_retention_or_without_a_key_is_found() -> None:
    firewall = shop("dev")
    seen = standing(firewall).flow_logs
    assert seen
    group = {"logGroupName": "/flash-ticket/dev/flow-logs-1", "retentionInDays": 1}

    first, second = found(firewall, seeing(firewall, replace(seen, log_group=group)))

    assert {first.what, second.what} == {
        "it is not as declared",
        "its records are not encrypted with the stack's key",
    }


@pytest.mark.parametrize(("stack", "where"), [("dev", "log group"), ("prod", "bucket")])
def test_a_missing_destination_is_found(stack: str, where: str) -> None:
    firewall = shop(stack)
    seen = standing(firewall).flow_logs
    assert seen

    gone = only(firewall, seeing(firewall, SeenFlowLogs(seen.flow_logs)))

    assert gone.kind is FindingKind.NOT_RECORDING
    assert gone.where.startswith(where)
    assert gone.what == "it does not exist"
