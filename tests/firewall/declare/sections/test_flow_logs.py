"""The flow log of a stack: its own, one of others, or none."""

from typing import Any

import pytest

from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import binding_content

EXISTING: dict[str, Any] = {"id": "fl-0123456789abcdef0"}


def parsed(flow_logs: object) -> object:
    return parse_binding({**binding_content("dev"), "flowLogs": flow_logs}, "dev").flow_logs


def test_a_stack_may_have_no_flow_log() -> None:
    content = binding_content("dev")
    del content["flowLogs"]

    assert parse_binding(content, "dev").flow_logs is None


def test_a_stack_may_read_a_flow_log_of_others() -> None:
    assert parsed({"existing": EXISTING})


MISTAKES: list[tuple[object, str]] = [
    (
        {"existing": {"id": "vpc-1"}},
        ".existing.id: 'vpc-1' is not the id of a flow log. Write one such as fl-0123456789abcdef0.",
    ),
    ({"existing": {}}, ".existing.id: this key is missing. Add it."),
    (
        {"existing": EXISTING, "destination": "s3", "retentionDays": 30},
        (
            ": destination and retentionDays would change a flow log, and this program never changes an existing one. "
            "Remove destination and retentionDays, or remove existing, and this program makes a flow log."
        ),
    ),
    (
        {"destination": "s3"},
        (
            ": retentionDays and onDestroy are missing. Add retentionDays and onDestroy, or name a flow log of others: "
            "existing: {id: fl-...}."
        ),
    ),
    (
        None,
        ": nothing is written here. Write {} or keys with values, or remove it.",
    ),
]


@pytest.mark.parametrize(("written", "line"), MISTAKES)
def test_a_flow_log_that_cannot_be_is_one_clear_error(written: object, line: str) -> None:
    with pytest.raises(InputError) as refused:
        parsed(written)
    assert str(refused.value) == f"Pulumi.dev.yaml: flash-ticket-firewall:binding.flowLogs{line}"
