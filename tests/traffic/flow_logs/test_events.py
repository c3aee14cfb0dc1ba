"""Flow logs of CloudWatch Logs: lines whose fields are told apart from them."""

from pathlib import Path

import pytest

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS, log_format
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs.events import FlowLogEvents, format_fields
from flash_ticket.traffic.flow_logs.files import FlowLogForm
from flash_ticket.traffic.records.record import Reading, Scope
from tests.support.naive.naive_flow_log import NAMES, Line, silent
from tests.support.traffic.flow_log_writing import read, summed, write_text

FIELDS = tuple(name.replace("_", "-") for name in NAMES)
LINES = [
    Line(tcp_flags=2),
    Line(action="REJECT", flow_direction="ingress"),
    silent("NODATA"),
]


def test_the_fields_are_those_of_the_flow_logs_format() -> None:
    assert format_fields(log_format()) == RECORD_FIELDS


def test_events_say_what_the_same_lines_in_a_file_say(tmp_path: Path) -> None:
    path = write_text(tmp_path / "flow.log", LINES)
    expected_reading, expected = read([path], FlowLogForm.TEXT)
    reading = Reading()

    events = FlowLogEvents("cloudwatch:/flow", FIELDS, path.read_text(encoding="ascii").splitlines()[1:])

    assert summed(events.records(Scope(), reading), Scope()) == expected
    assert reading == expected_reading == Reading(told=2, no_data=1)


@pytest.mark.parametrize("message", ["", "one\ntwo", "\x1b[31mred", "한국어"])
def test_a_malformed_event_is_counted_once_and_shown_with_its_number(message: str) -> None:
    reading = Reading()

    records = list(FlowLogEvents("cloudwatch:/flow", FIELDS, ["-", message, message]).records(Scope(), reading))

    assert (records, reading.told, reading.malformed) == ([], 0, 3)
    assert reading.first_malformed == "cloudwatch:/flow: event 1: it has 1 fields instead of 15"


def test_a_format_that_traffic_cannot_be_told_from_is_named() -> None:
    with pytest.raises(InputError, match=r"^cloudwatch:/flow: action: the flow log does not record this field"):
        list(FlowLogEvents("cloudwatch:/flow", FIELDS[:-3], []).records(Scope(), Reading()))


def test_a_group_without_events_says_nothing() -> None:
    reading = Reading()

    assert list(FlowLogEvents("cloudwatch:/flow", FIELDS, []).records(Scope(), reading)) == []
    assert reading == Reading()
