"""Properties of reading flow logs, for any lines, any split into files, and both formats."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.traffic.flow_logs.files import FlowLogForm
from flash_ticket.traffic.records.record import Scope
from tests.support.naive.naive_flow_log import NAMES, Line, outcome
from tests.support.traffic.flow_log_writing import counts, lines, read, scopes, write_parquet, write_text

LINES = st.lists(lines(), min_size=1, max_size=60)


@given(LINES, scopes())
def test_both_formats_agree_with_a_naive_evaluator(written: list[Line], scope: Scope) -> None:
    expected_counts, expected = outcome(written, scope)
    with tempfile.TemporaryDirectory() as folder:
        parquet = read([write_parquet(Path(folder) / "a.parquet", written)], FlowLogForm.PARQUET, scope)
        text = read([write_text(Path(folder) / "a.log", written)], FlowLogForm.TEXT, scope)

    assert parquet[1] == expected
    assert text[1] == expected
    assert counts(parquet[0]) == counts(text[0]) == expected_counts


@given(LINES)
def test_every_line_is_recorded_malformed_or_without_traffic(written: list[Line]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reading, records = read([write_parquet(Path(folder) / "a.parquet", written)], FlowLogForm.PARQUET)

    assert reading.recorded + reading.malformed + reading.no_data + reading.skip_data == len(written)
    assert sum(count for count, _, _ in records.values()) == reading.recorded
    assert bool(reading.first_malformed) == bool(reading.malformed)


@given(LINES, scopes(), st.data())
def test_the_order_of_lines_and_fields_and_the_split_into_files_do_not_matter(
    written: list[Line], scope: Scope, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(written))
    columns = data.draw(st.permutations(NAMES))
    cut = data.draw(st.integers(0, len(written)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for form, write in ((FlowLogForm.PARQUET, write_parquet), (FlowLogForm.TEXT, write_text)):
            whole = read([write(folder / "whole", written)], form, scope)
            parts = [write(folder / "1", shuffled[:cut], columns), write(folder / "2", shuffled[cut:])]
            split = read(parts, form, scope)

            assert split[1] == whole[1]
            assert counts(split[0]) == counts(whole[0])
