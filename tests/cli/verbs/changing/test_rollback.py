"""``rollback``: its calls of pulumi and its output, for a stack with two versions and without the engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from flash_ticket.operate import rollback
from flash_ticket.operate.one_at_a_time import one_at_a_time
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.command.recorded_stack import declared_now, record_stack

BACK = ("rollback", "--to", "1", "--stack", "dev")
UPDATE = "up --yes --skip-preview --stack dev"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project after pay no longer needs Redis."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def asked(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The calls of pulumi, while dev runs what the files declare and ran the committed version before."""
    before = declared_now(project, "dev")
    edit(project / "traffic.yaml", "to: [rabbitmq, redis, database]}", "to: [rabbitmq, database]}")
    monkeypatch.setenv("PATH", str(tmp_path))
    return record_stack(tmp_path, before, declared_now(project, "dev"))


def lines(asked: Path) -> Sequence[str]:
    return asked.read_text().splitlines()


def test_without_a_terminal_rollback_shows_the_preview_and_deploys_nothing(project: Path, asked: Path) -> None:
    result = run(*BACK, "--project", project)

    assert result.exit_code == 2
    assert "added    pay => redis : TCP 6379" in result.stdout
    assert "--yes: there is no terminal, so nobody can be asked" in result.stderr
    assert lines(asked) == ["preview --stack dev"]


def test_with_yes_rollback_deploys_at_once(project: Path, asked: Path) -> None:
    result = run(*BACK, "--yes", "--project", project)

    assert result.exit_code == 0, result.stderr
    assert lines(asked) == [UPDATE]
    assert "The files now differ from what is deployed" in result.stdout


@pytest.mark.parametrize("unfinished", ["services: [", "", "flows: 3\n"])
def test_rollback_works_even_if_traffic_yaml_cannot_be_read(unfinished: str, project: Path, asked: Path) -> None:
    (project / "traffic.yaml").write_text(unfinished)
    result = run(*BACK, "--yes", "--project", project)

    assert result.exit_code == 0, result.stderr
    assert lines(asked) == [UPDATE]
    assert "It is deployed. The files cannot be read, and pulumi up does not run until they can: traffic.yaml: " in (
        result.stdout
    )
    assert "Make them say what runs: " in result.stdout


def test_rollback_waits_for_other_commands_and_keeps_open_what_they_have_opened(
    project: Path, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = project / "Pulumi.dev.yaml"
    steps = []

    @contextmanager
    def after_a_suspension(folder: Path) -> Iterator[None]:
        """Hold the lock of a folder after another command has suspended a policy."""
        entry = "{policy: 04-allow-egress-api, until: '2099-01-01T00:00:00Z', reason: r, author: a}"
        settings.write_text(f"{settings.read_text()}  flash-ticket-firewall:suspensions: [{entry}]\n")
        with one_at_a_time(folder):
            steps.append((folder, asked.exists()))
            yield
            steps.append((folder, asked.exists()))

    monkeypatch.setattr(rollback, "one_at_a_time", after_a_suspension)
    script = asked.with_name("pulumi")
    shown = f"while read -r line; do echo \"$line\"; done <Pulumi.dev.yaml >>'{asked}'"
    script.write_text(script.read_text().replace("*) echo", f"*) {shown}; echo"))

    result = run(*BACK, "--yes", "--project", project)

    assert result.exit_code == 0, result.stderr
    assert steps == [(project, False), (project, True)]
    assert "- policy: 04-allow-egress-api" in asked.read_text()
    assert lines(asked)[-1] == UPDATE


def test_rollback_to_the_running_version_deploys_nothing(project: Path, asked: Path) -> None:
    result = run("rollback", "--to", "2", "--stack", "dev", "--yes", "--project", project)

    assert (result.exit_code, asked.exists()) == (0, False)
    assert result.stdout == "Version 2, which runs, declares the same: nothing to do.\n"


@pytest.mark.parametrize("rendered", [1, 2])
def test_a_stack_whose_pod_layer_is_or_was_rendered_goes_back_in_git(
    rendered: int, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = project / "Pulumi.dev.yaml"
    pulumi = declared_now(project, "dev")
    edit(settings, "      attachment: pods\n", "      attachment: pods\n      podLayer: rendered\n")
    others = declared_now(project, "dev")
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = record_stack(tmp_path, *((others, pulumi) if rendered == 1 else (pulumi, others)))
    result = run(*BACK, "--yes", "--project", project)

    assert result.exit_code == 2
    assert "cluster.podLayer is rendered, so Pulumi cannot roll both layers back together" in result.stderr
    assert "Revert the commit of the rendered files" in result.stderr
    assert not asked.exists()


def test_a_version_without_what_the_stack_protects_is_refused_before_an_update(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = declared_now(project, "dev")
    edit(project / "traffic.yaml", "services:\n", "services:\n  mail: {pods: {app: mail}, ports: [25]}\n")
    edit(project / "Pulumi.dev.yaml", "    flowLogs:\n", "    protect: true\n    flowLogs:\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = record_stack(tmp_path, before, declared_now(project, "dev"))
    result = run(*BACK, "--yes", "--project", project)

    assert result.exit_code == 2
    assert result.stderr == (
        "error: --to: version 1 lacks what protect: true in the binding keeps: allow-egress-mail, allow-ingress-mail, "
        "the group of mail. Remove protect from Pulumi.dev.yaml, run pulumi up --stack dev, then roll back.\n"
    )
    assert not asked.exists()


def test_a_version_with_another_flow_log_is_refused_while_the_stack_protects_its_own(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = project / "Pulumi.dev.yaml"
    now = settings.read_text()
    edit(settings, "destination: cloudwatch", "destination: s3")
    before = declared_now(project, "dev")
    settings.write_text(now.replace("    flowLogs:\n", "    protect: true\n    flowLogs:\n"))
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = record_stack(tmp_path, before, declared_now(project, "dev"))
    result = run(*BACK, "--yes", "--project", project)

    assert result.exit_code == 2
    assert "protect: true in the binding keeps: the flow log in cloudwatch. Remove protect" in result.stderr
    assert not asked.exists()
