"""``suspend`` and ``resume``: what is refused before anything is touched."""

from pathlib import Path

import pytest

from tests.cli.flash_firewall import copy_project, run

ASKED = ("--for", "30m", "--reason", "x", "--stack", "dev")

REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "an unknown policy": (("suspend", "04-allow-egress-pai", *ASKED), "POLICY: '04-allow-egress-pai' is no policy"),
    "no policy": (("suspend", *ASKED), "POLICY: it is not said which policy is meant"),
    "a policy and all": (("suspend", "04-allow-egress-api", "--all", *ASKED), "POLICY: it is not said which"),
    "too long": (
        ("suspend", "04-allow-egress-api", "--for", "3d", "--reason", "x", "--stack", "dev"),
        "--for: '3d' is not a time from 1m to 24h",
    ),
    "no reason": (
        ("suspend", "04-allow-egress-api", "--for", "3m", "--reason", "", "--stack", "dev"),
        "--reason: it says nothing",
    ),
    "default-deny without a terminal": (("suspend", "00-default-deny", *ASKED), "--yes: there is no terminal"),
    "all without a terminal": (("suspend", "--all", *ASKED), "--yes: there is no terminal"),
    "what is not suspended": (("resume", "04-allow-egress-api", "--stack", "dev"), "is not suspended"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_line_and_writes_nothing(
    case: tuple[tuple[str, ...], str], tmp_path: Path
) -> None:
    project = copy_project(tmp_path / "project")
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    result = run(*case[0], "--project", project)

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert case[1] in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in project.iterdir()} == before


def test_where_there_is_no_pulumi_the_file_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_project(tmp_path / "project")
    before = (project / "Pulumi.dev.yaml").read_text()
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("suspend", "04-allow-egress-api", *ASKED, "--project", project)

    assert result.exit_code == 2
    assert "pulumi: it is not installed; Pulumi.dev.yaml is as it was before" in result.stderr
    assert (project / "Pulumi.dev.yaml").read_text() == before


def test_nothing_suspended_is_no_mistake_of_all(tmp_path: Path) -> None:
    result = run("resume", "--all", "--stack", "dev", "--project", copy_project(tmp_path / "project"))

    assert (result.exit_code, result.stdout) == (0, "Nothing is suspended.\n")


def test_the_help_says_that_deleting_an_allow_policy_closes() -> None:
    assert "it closes, because default-deny remains" in " ".join(run("suspend", "--help").stdout.split())
