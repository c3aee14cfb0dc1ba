"""``report`` on a made-up night: the page has each answer, the steps have commands, and a missing answer is said."""

import re
from html import unescape
from pathlib import Path

import pytest
from typer.testing import Result

from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.command.recorded_stack import declared_now, record_stack
from tests.support.declared.accounts import ROOT
from tests.support.traffic.made_up_night import write_night

SINCE = "2026-11-24T02:30Z"


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return write_night(tmp_path)


@pytest.fixture
def deployed(night: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    record_stack(night, declared_now(ROOT, "dev"))
    monkeypatch.setenv("PATH", f"{night}:/usr/bin:/bin")
    return night


def ask(night: Path, *arguments: str | Path, project: Path = ROOT) -> Result:
    logs = (night / "flows", night / "agent.log")
    common = ("--stack", "dev", "--project", project, "--inventory", night / "inventory.json", "--since", SINCE)
    return run("report", *logs, *common, *arguments)


def section(page: str, name: str) -> str:
    """Return the text of one section, without markup."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)
    assert found
    return unescape(re.sub(r"<[^>]+>", "\n", found[1]))


def test_the_page_has_what_each_verb_answers(deployed: Path) -> None:
    result = ask(deployed)

    assert result.exit_code == 1
    denied = section(result.stdout, "denied")
    assert "api => redis : TCP 6379" in denied
    assert "likely: the interface eni-api-2 of api (10.10.10.22) lacks sg-own-api" in denied
    assert "- {from: host-192-0-2-66, to: pay, ports: [22]}" in denied
    assert "read = attributed + unattributed + malformed: 33 = 31 + 1 + 1" in denied
    assert "first deployment" in section(result.stdout, "changed")
    assert "No policy is suspended." in section(result.stdout, "suspended")
    assert "remedy" in section(result.stdout, "drift")
    assert "flash-firewall explain --stack dev api redis 6379" in section(result.stdout, "next")


def test_a_change_that_closed_what_is_denied_is_the_first_thing_to_take_back(
    night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_project(tmp_path / "project", "dev")
    before = declared_now(project, "dev")
    edit(
        project / "traffic.yaml",
        "{from: api, to: [pay, rabbitmq, redis, database]}",
        "{from: api, to: [pay, rabbitmq, database]}",
    )
    record_stack(night, before, declared_now(project, "dev"))
    monkeypatch.setenv("PATH", f"{night}:/usr/bin:/bin")

    page = ask(night, "--since", "2025-12-01", project=project).stdout

    steps = section(page, "next").split("\n")
    assert (
        next(each for each in steps if each.startswith("flash-firewall"))
        == "flash-firewall rollback --to 1 --stack dev"
    )
    assert "removed  api => redis : TCP 6379" in section(page, "changed")


def test_a_question_without_an_answer_is_shown_with_the_reason(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(night))

    result = ask(night)

    assert result.exit_code == 1
    assert "No answer:" in section(result.stdout, "changed")
    assert "api => redis : TCP 6379" in section(result.stdout, "denied")


def test_the_page_is_in_korean_if_asked(deployed: Path) -> None:
    page = ask(deployed, "--language", "ko").stdout

    assert '<html lang="ko">' in page
    assert "다음에 할 일" in page
    assert "Do next" not in page


def test_the_page_goes_to_a_file_that_is_whole_or_as_it_was(deployed: Path, tmp_path: Path) -> None:
    out = tmp_path / "night.html"

    assert ask(deployed, "--out", out).stdout == ""
    assert out.read_text(encoding="utf-8").endswith("</html>\n")
    assert ask(deployed, "--out", tmp_path / "missing" / "night.html").exit_code == 2
    assert not list(tmp_path.glob(".night*"))


def test_the_page_loads_nothing(deployed: Path) -> None:
    page = ask(deployed).stdout

    assert "default-src 'none'" in unescape(page)
    assert not re.search(r"<(?:script|img|link|iframe)\b|https?://|url\(", page)


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--stack", "qa")])
def test_wrong_input_is_one_error_and_no_page(deployed: Path, arguments: tuple[str, str]) -> None:
    result = ask(deployed, *arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
