"""The running program refuses what its engine would read as another number, as the command does."""

from dataclasses import replace
from pathlib import Path

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.running_program import read_declaration, read_stack_configuration, refuse_input
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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in the folder that the engine runs the program in."""
    found = copy_project(tmp_path / "project", "dev")
    monkeypatch.chdir(found)
    monkeypatch.setattr("pulumi.get_stack", lambda: "dev")
    return found


def test_a_mistake_in_the_settings_is_shown_with_its_file_and_line(
    project: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("pulumi.log.error", shown.append)
    lines = (project / "Pulumi.dev.yaml").read_text().splitlines()
    nodes = next(number for number, line in enumerate(lines, 1) if line.strip().startswith("nodes:"))
    name = "Pulumi.dev.yaml"
    mistakes = (
        InputError(name, "flash-ticket-firewall:binding.cluster.nodes", "there is no group", "Correct it"),
        InputError("AWS", "credentials", "they have expired", "Sign in again"),
        InputError(name, "flash-ticket-firewall:binding.vpc", "there is no VPC", "Correct it"),
    )
    with pytest.raises(SystemExit) as ended:
        refuse_input(replace(mistakes[0], more=mistakes[1:]))

    assert ended.value.code
    (text,) = shown
    assert text.splitlines() == [
        "AWS: credentials: they have expired. Sign in again.",
        f"{name}: flash-ticket-firewall:binding.vpc: there is no VPC. Correct it. See line 7.",
        f"{name}: flash-ticket-firewall:binding.cluster.nodes: there is no group. Correct it. See line {nodes}.",
    ]
    assert not caplog.records


def test_the_mistakes_of_both_files_are_reported_at_once(project: Path) -> None:
    edit(project / "traffic.yaml", "services:", "servces:")
    edit(project / "Pulumi.dev.yaml", "retentionDays: 14", "retentionDays: 014")
    with pytest.raises(InputError) as refused:
        read_declaration(str(project / "__main__.py"))

    sources = {each.source for each in refused.value.each}
    assert sources == {"traffic.yaml", "Pulumi.dev.yaml"}
