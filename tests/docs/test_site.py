"""The site of the documentation builds without a warning, in both languages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from flash_ticket.cli.main import app
from tests.support.docs.pages import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.parametrize("language", ["", "ko/"])
@pytest.mark.parametrize(
    "page", ["", "getting-started/", "operations/", "runbook/", "reference/binding/", "reference/command/"]
)
def test_each_page_is_there_in_both_languages(site: Path, language: str, page: str) -> None:
    assert (site / f"{language}{page}index.html").exists()


def test_the_reference_of_the_command_has_the_help_of_each_verb(site: Path) -> None:
    shown = (site / "reference/command/index.html").read_text(encoding="utf-8")
    for verb in typer.main.get_command(app).list_commands(None):  # type: ignore[attr-defined]
        assert f"Usage: flash-firewall {verb}" in shown


def test_the_site_asks_no_other_server(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis.com" not in start
    assert 'src="http' not in start
