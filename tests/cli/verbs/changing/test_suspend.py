"""``suspend`` and ``resume``: they act on what runs, and refuse wrong options before they change anything."""

import re
from pathlib import Path

import pytest
import yaml

from components.firewall import Firewall, FirewallArgs
from flash_ticket.firewall.change import resource_names
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.project import read_project
from tests.support.alerts.alerted import alerted_content
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.command.recorded_stack import declared_now, record_stack
from tests.support.declared.described import nothing_deployed
from tests.support.pulumi.pulumi_mocks import deploy

POLICY = "04-allow-egress-api"
ASKED = ("--for", "30m", "--reason", "x", "--stack", "dev")

REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "an unknown policy": (("suspend", "04-allow-egress-pai", *ASKED), "POLICY: '04-allow-egress-pai' is not a policy"),
    "no policy": (("suspend", *ASKED), "POLICY: exactly one of a policy name and --all is required"),
    "a policy and all": (("suspend", POLICY, "--all", *ASKED), "POLICY: exactly one of a policy name and --all"),
    "too long": (
        ("suspend", POLICY, "--for", "3d", "--reason", "x", "--stack", "dev"),
        "--for: '3d' is not a time from 1m to 24h",
    ),
    "no reason": (
        ("suspend", POLICY, "--for", "3m", "--reason", "", "--stack", "dev"),
        "--reason: it is empty",
    ),
    "default-deny without a terminal": (("suspend", "00-default-deny", *ASKED), "--yes: there is no terminal"),
    "all without a terminal": (("suspend", "--all", *ASKED), "--yes: there is no terminal"),
    "what is not suspended": (("resume", POLICY, "--stack", "dev"), "is not suspended"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The committed project."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def asked(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The calls of pulumi, while dev runs what is committed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return record_stack(tmp_path, declared_now(project, "dev"))


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_wrong_options_are_refused_in_one_line_and_write_nothing(
    case: tuple[tuple[str, ...], str], project: Path, asked: Path
) -> None:
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    result = run(*case[0], "--project", project)

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert case[1] in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in project.iterdir()} == before
    assert not asked.exists()


def test_without_pulumi_the_file_stays_unchanged(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project / "Pulumi.dev.yaml").read_text()
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("suspend", POLICY, *ASKED, "--project", project)

    assert result.exit_code == 2
    assert "pulumi: it is not installed" in result.stderr
    assert (project / "Pulumi.dev.yaml").read_text() == before


@pytest.mark.parametrize("unfinished", ["services: [", "", None], ids=["broken", "empty", "renamed"])
def test_suspend_and_resume_act_on_the_running_version_even_if_traffic_yaml_changed(
    unfinished: str | None, project: Path, asked: Path
) -> None:
    before = (project / "Pulumi.dev.yaml").read_text()
    if unfinished is None:
        edit(project / "traffic.yaml", POLICY, "egress-of-api")
    else:
        (project / "traffic.yaml").write_text(unfinished)
    opened = run("suspend", POLICY, *ASKED, "--project", project)

    assert opened.exit_code == 0, opened.stderr
    assert "added    api => the internet : All Connections" in opened.stdout
    assert POLICY in (project / "Pulumi.dev.yaml").read_text()

    closed = run("resume", POLICY, "--stack", "dev", "--project", project)

    assert closed.exit_code == 0, closed.stderr
    assert (project / "Pulumi.dev.yaml").read_text() == before
    update = f"up --yes --skip-preview --target **firewall-policies-{POLICY} --stack dev"
    assert asked.read_text().splitlines() == [update, update]


def test_the_settings_file_keeps_its_line_ends(project: Path, asked: Path) -> None:
    file = project / "Pulumi.dev.yaml"
    before = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(before)

    opened = run("suspend", POLICY, *ASKED, "--project", project)
    during = file.read_bytes()
    closed = run("resume", POLICY, "--stack", "dev", "--project", project)

    assert (opened.exit_code, closed.exit_code) == (0, 0), opened.stderr + closed.stderr
    assert during.count(b"\r\n") == during.count(b"\n") == before.count(b"\n") + 2
    assert file.read_bytes() == before
    assert len(asked.read_text().splitlines()) == 2


@pytest.mark.parametrize("renamed", [None, "FIREWALL", "POLICIES", "ALERTS", "RULE"])
def test_what_it_targets_is_what_the_components_declare_whatever_that_is_called(
    renamed: str | None, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if renamed:
        monkeypatch.setattr(resource_names, renamed, "another")
    settings = yaml.safe_load((project / "Pulumi.dev.yaml").read_text())
    settings["config"][BINDING_KEY] = alerted_content()
    (project / "Pulumi.dev.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = record_stack(tmp_path, declared_now(project, "dev"))
    args = FirewallArgs.of(read_project(project, "dev"), Adoption(), nothing_deployed())
    declared = {each.name for each in deploy(lambda: Firewall(resource_names.FIREWALL, args)).resources}

    result = run("suspend", POLICY, *ASKED, "--project", project)

    assert result.exit_code == 0, result.stderr
    targets = re.findall(r"--target \*\*(\S+)", asked.read_text())
    assert len(targets) == 2
    assert set(targets) <= declared
    assert any("another" in each for each in targets) == bool(renamed)


def test_resume_all_succeeds_if_nothing_is_suspended(project: Path) -> None:
    result = run("resume", "--all", "--stack", "dev", "--project", project)

    assert (result.exit_code, result.stdout) == (0, "Nothing is suspended.\n")


def test_the_help_says_that_deleting_an_allow_policy_closes() -> None:
    assert "it closes, because default-deny remains" in " ".join(run("suspend", "--help").stdout.split())


def test_a_rendered_pod_layer_is_not_suspended_and_the_remedy_is_git(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = project / "Pulumi.dev.yaml"
    edit(settings, "      attachment: pods\n", "      attachment: pods\n      podLayer: rendered\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = record_stack(tmp_path, declared_now(project, "dev"))
    before = settings.read_text()
    result = run("suspend", POLICY, *ASKED, "--project", project)

    assert result.exit_code == 2
    assert "stack dev: cluster.podLayer is rendered, so Pulumi cannot suspend a policy" in result.stderr
    assert "Revert the commit of the rendered files" in result.stderr
    assert (settings.read_text(), asked.exists()) == (before, False)
