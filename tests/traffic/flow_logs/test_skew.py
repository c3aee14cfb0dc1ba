"""Lines that are too far ahead of the time of their file are counted in a note: a period may lack others like them."""

from calendar import timegm
from dataclasses import replace
from pathlib import Path

import pytest

from flash_ticket.traffic.flow_logs.files import FlowLogForm
from flash_ticket.traffic.records.record import Scope
from tests.support.naive.naive_flow_log import Line
from tests.support.traffic.flow_log_writing import read, write_parquet, write_text

SERVICE = "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1"
FOLDER = f"{SERVICE}/year=2026/month=11/day=24/hour=03"
NAMED = "111122223333_vpcflowlogs_eu-west-1_fl-0a1b2c3d_20261124T0305Z_deadbeef"
THREE = timegm((2026, 11, 24, 3, 0, 0))
HOUR = 3600
WRITERS = {FlowLogForm.PARQUET: write_parquet, FlowLogForm.TEXT: write_text}

pytestmark = pytest.mark.parametrize("form", FlowLogForm)


def lines(*begins: int) -> list[Line]:
    return [replace(Line(tcp_flags=2), start=begin, end=begin + 60) for begin in begins]


def notes(path: Path, form: FlowLogForm, *begins: int, since: float | None = THREE) -> list[str]:
    reading, _ = read([WRITERS[form](path, lines(*begins))], form, Scope(since))
    assert reading.malformed == 0
    return reading.notes


@pytest.mark.parametrize("name", [f"{FOLDER}/flow", NAMED], ids=["folder", "name"])
def test_lines_that_are_hours_ahead_of_their_file_are_counted(tmp_path: Path, form: FlowLogForm, name: str) -> None:
    (note,) = notes(tmp_path / name, form, THREE + 600, THREE + 4 * HOUR, THREE + 5 * HOUR)

    assert note.startswith("2 lines end up to ")
    assert "hours after the time in the name of the file (1 file): the clocks of node and writer differ." in note
    assert note.endswith("Ask for an earlier time, or leave --since out.")


@pytest.mark.parametrize(
    "begin", [THREE - 5 * HOUR, THREE - 60, THREE + HOUR + HOUR - 120], ids=["late", "edge", "margin"]
)
def test_late_lines_and_small_differences_are_no_reason_for_a_note(
    tmp_path: Path, form: FlowLogForm, begin: int
) -> None:
    """A line that is delivered late is in a later folder, and every later folder is read."""
    assert notes(tmp_path / FOLDER / "flow", form, begin, since=THREE - 6 * HOUR) == []


def test_without_a_period_nothing_can_be_missing(tmp_path: Path, form: FlowLogForm) -> None:
    assert notes(tmp_path / FOLDER / "flow", form, THREE + 5 * HOUR, since=None) == []


def test_a_file_without_a_time_in_its_name_has_no_note(tmp_path: Path, form: FlowLogForm) -> None:
    assert notes(tmp_path / "flow", form, THREE + 5 * HOUR) == []
