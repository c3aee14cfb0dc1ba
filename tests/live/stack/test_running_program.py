"""The running program refuses what its engine would read as another number, as the command does."""

from pathlib import Path

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.running_program import read_stack_configuration
from tests.support.command.flash_firewall import copy_project, edit


def test_a_number_that_the_engine_may_read_as_another_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_project(tmp_path / "project", "dev")
    edit(project / "Pulumi.dev.yaml", "retentionDays: 14", "retentionDays: 014")
    monkeypatch.chdir(project)
    monkeypatch.setattr("pulumi.get_stack", lambda: "dev")

    with pytest.raises(InputError, match=r"Pulumi.dev.yaml: line \d+, column \d+: YAML reads 014 as the number 12"):
        read_stack_configuration()


def test_the_copy_that_a_command_writes_for_the_engine_may_hold_aliases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  a: &id001 {}\n  b: *id001\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pulumi.get_stack", lambda: "dev")

    with pytest.raises(InputError) as refused:
        read_stack_configuration()
    assert "alias" not in str(refused.value)
