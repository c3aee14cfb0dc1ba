"""A damaged state file is replaced by its newest intact copy; an intact one stays."""

import json
from pathlib import Path

import pytest

from tests.support.faults.state_backup import restore

WHOLE, OLDER, OTHER = (json.dumps({"version": 3, "checkpoint": {"stack": name}}) for name in ("now", "before", "prod"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with an older and a newer copy, and a newest copy that is damaged too."""
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


def test_an_intact_state_stays_unchanged(state: Path) -> None:
    state.write_text(OLDER)

    restore(state)

    assert state.read_text() == OLDER


@pytest.mark.parametrize("remains", ["", "{}", WHOLE[:9]])
def test_a_damaged_state_is_replaced_by_its_newest_intact_copy(state: Path, remains: str) -> None:
    state.write_text(remains)

    restore(state)

    assert state.read_text() == WHOLE
    assert [each.name for each in state.parent.iterdir()] == ["dev.json"]


def test_without_an_intact_copy_the_stack_starts_empty(state: Path) -> None:
    state.write_text("")
    for copy in (state.parents[2] / "backups/shop/dev").iterdir():
        copy.write_text("")

    restore(state)

    assert list(state.parent.iterdir()) == []


def test_damaged_attributes_are_removed_and_the_state_stays(state: Path) -> None:
    cut, whole = (state.with_name(f"dev.json{end}.attrs") for end in ("", ".bak"))
    cut.write_text("")
    whole.write_text("{}")

    restore(state)

    assert (cut.exists(), whole.exists()) == (False, True)
    assert state.read_text() == WHOLE
