"""A flow log of others: what the account must say of it, and what follows from it."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.bind.account import FoundFlowLog
from flash_ticket.firewall.bind.edges.bind_flow_logs import NEEDED_FIELDS
from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.choices import LogDestination, RecordedTraffic
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs import query
from tests.support.declared.accounts import SHOP, binding_content, environment_of

ID = "fl-0123456789abcdef0"
FOUND = FoundFlowLog(ID, "vpc-dev", LogDestination.S3, NEEDED_FIELDS, RecordedTraffic.ALL)


def bound(*found: FoundFlowLog, alerts: dict[str, Any] | None = None, flow_logs: object = ...) -> Environment:
    content = binding_content("dev")
    content["flowLogs"] = {"existing": {"id": ID}} if flow_logs is ... else flow_logs
    if flow_logs is None:
        del content["flowLogs"]
    return environment_of(
        "dev", {**content, **({"alerts": alerts} if alerts else {})}, account=replace(SHOP, known_flow_logs=found)
    )


def test_a_flow_log_of_others_is_found_and_never_made() -> None:
    environment = bound(FOUND)

    assert environment.flow_logs == ExistingFlowLog(ID, LogDestination.S3)
    assert environment.own_flow_log is None
    assert not environment.records_to(LogDestination.S3)


def test_its_records_need_every_field_that_the_readers_need() -> None:
    assert set(query.NEEDED_FIELDS) < set(NEEDED_FIELDS)


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (None, f"there is no flow log {ID} in account 111122223333 in ap-northeast-2. Correct it, or remove flowLogs."),
        (replace(FOUND, is_own=True), f"{ID} is the flow log that this stack makes, and a deployment with existing "),
        (replace(FOUND, resource="subnet-1"), f"{ID} records subnet-1, and the binding's VPC is vpc-dev. Name a flow "),
        (replace(FOUND, fields=NEEDED_FIELDS[:-2]), f"the records of {ID} lack pkt-srcaddr, pkt-dstaddr, so they do "),
        (replace(FOUND, traffic=RecordedTraffic.ACCEPT), f"{ID} records only what passes, and flash-firewall denied "),
        (
            replace(FOUND, destination=None),
            f"{ID} delivers neither to S3 nor to CloudWatch Logs. Name a flow log that ",
        ),
    ],
)
def test_a_flow_log_that_does_not_tell_enough_is_one_clear_error(found: FoundFlowLog | None, line: str) -> None:
    with pytest.raises(InputError) as refused:
        bound(*([found] if found else []))
    assert str(refused.value).startswith(f"Pulumi.dev.yaml: flash-ticket-firewall:binding.flowLogs.existing.id: {line}")


@pytest.mark.parametrize("flow_logs", [None, ...], ids=["none", "of others"])
def test_alarms_without_a_flow_log_of_this_stack_need_the_log_of_the_agent(flow_logs: object) -> None:
    runbook = "https://wiki.example.com/runbook"
    with pytest.raises(InputError, match=r"alerts\.cloudwatch: this stack makes no flow log and names no log of the p"):
        bound(FOUND, alerts={"runbook": runbook, "cloudwatch": {"topic": "on-call"}}, flow_logs=flow_logs)

    agent = {"topic": "on-call", "agentLogGroup": "/aws/eks/flash-ticket-dev/cluster"}
    assert bound(FOUND, alerts={"runbook": runbook, "cloudwatch": agent}, flow_logs=flow_logs).alerting
