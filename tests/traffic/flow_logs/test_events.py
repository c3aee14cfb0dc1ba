"""Flow logs from CloudWatch Logs: lines whose fields the flow log's format names."""

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


def test_the_fields_come_from_the_format_of_the_flow_log() -> None:
    assert format_fields(log_format()) == RECORD_FIELDS


def test_events_are_read_like_the_same_lines_in_a_file(tmp_path: Path) -> None:
    path = write_text(tmp_path / "flow.log", LINES)
    expected_reading, expected = read([path], FlowLogForm.TEXT)
    reading = Reading()

    events = FlowLogEvents("cloudwatch:/flow", FIELDS, path.read_text(encoding="ascii").splitlines()[1:])

    assert summed(events.records(Scope(), reading), Scope()) == expected
    assert reading == expected_reading == Reading(recorded=2, no_data=1)


@pytest.mark.parametrize("message", ["", "one\ntwo", "\x1b[31mred", "한국어"])
def test_a_malformed_event_is_counted_once_and_shown_with_its_number(message: str) -> None:
    reading = Reading()

    records = list(FlowLogEvents("cloudwatch:/flow", FIELDS, ["-", message, message]).records(Scope(), reading))

    assert (records, reading.recorded, reading.malformed) == ([], 0, 3)
    assert reading.first_malformed == "cloudwatch:/flow: event 1: it has 1 fields instead of 15"


def test_a_format_without_a_needed_field_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^cloudwatch:/flow: action: the flow log does not record this field"):
        list(FlowLogEvents("cloudwatch:/flow", FIELDS[:-3], []).records(Scope(), Reading()))


def test_a_log_group_without_events_has_no_records() -> None:
    reading = Reading()

    assert list(FlowLogEvents("cloudwatch:/flow", FIELDS, []).records(Scope(), reading)) == []
    assert reading == Reading()


def test_no_part_of_an_event_is_read_as_a_whole_one() -> None:
    """A writer that crashes leaves the beginning of a line. The stack's own format ends with a word, not a number."""
    values = dict.fromkeys(RECORD_FIELDS, "-") | {
        "version": "8",
        "interface-id": "eni-1",
        "srcaddr": "10.0.0.1",
        "dstaddr": "10.0.0.2",
        "srcport": "40000",
        "dstport": "5432",
        "protocol": "6",
        "tcp-flags": "2",
        "packets": "1",
        "bytes": "60",
        "flow-direction": "ingress",
        "start": "1795483900",
        "end": "1795483960",
        "action": "REJECT",
        "log-status": "OK",
    }
    line = " ".join(values[each] for each in RECORD_FIELDS)
    parts = [line[:length] for length in range(1, len(line))]
    reading = Reading()

    records = [*FlowLogEvents("group", RECORD_FIELDS, [*parts, line]).records(Scope(), reading)]

    assert [each.count for each in records] == [1]
    assert (reading.recorded, reading.malformed) == (1, len(parts))
