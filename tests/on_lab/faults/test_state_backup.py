"""A state in files that is not whole gives way to the newest whole copy of it, and a whole one stays."""

import json
from pathlib import Path

import pytest

from tests.support.faults.state_backup import restore

WHOLE, OLDER, OTHER = (json.dumps({"version": 3, "checkpoint": {"stack": name}}) for name in ("now", "before", "prod"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with an older and a newer copy, and a newest that is cut short too."""
    for name, text in {
        "stacks/shop/dev.json": WHOLE,
        "stacks/shop/dev.json.bak": WHOLE[:9],
        "backups/shop/dev/dev.1795518222937180194.json": OLDER,
        "backups/shop/dev/dev.1795518285721353122.json": WHOLE,
        "backups/shop/dev/dev.1795518285721353122.json.attrs": "{}",
        "backups/shop/dev/dev.1795518642878306777.json": WHOLE[:9],
        "backups/shop/prod/prod.1795518642878306778.json": OTHER,
    }.items():
        (tmp_path / ".pulumi" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".pulumi" / name).write_text(text)
    return tmp_path / ".pulumi/stacks/shop/dev.json"


def test_a_whole_state_stays_as_it_is(state: Path) -> None:
    state.write_text(OLDER)

    restore(state)

    assert state.read_text() == OLDER


@pytest.mark.parametrize("remains", ["", "{}", WHOLE[:9]])
def test_a_state_that_is_not_whole_gives_way_to_its_newest_whole_copy(state: Path, remains: str) -> None:
    state.write_text(remains)

    restore(state)

    assert state.read_text() == WHOLE
    assert [each.name for each in state.parent.iterdir()] == ["dev.json"]


def test_without_any_whole_copy_the_stack_begins_anew(state: Path) -> None:
    state.write_text("")
    for copy in (state.parents[2] / "backups/shop/dev").iterdir():
        copy.write_text("")

    restore(state)

    assert list(state.parent.iterdir()) == []


def test_attributes_that_are_cut_short_go_and_the_state_stays(state: Path) -> None:
    cut, whole = (state.with_name(f"dev.json{end}.attrs") for end in ("", ".bak"))
    cut.write_text("")
    whole.write_text("{}")

    restore(state)

    assert (cut.exists(), whole.exists()) == (False, True)
    assert state.read_text() == WHOLE
