"""What a new user reads is short enough, leads somewhere, and shows what the command prints."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from flash_ticket.cli.main import app
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.docs.pages import PAGES, ROOT, anchors_of, local_links

READMES = (ROOT / "README.md", ROOT / "README.ko.md")
LONGEST = 200
"""Lines of a README: a new user reads it to the end."""

named: dict[str, Any] = {"ids": lambda path: str(path.relative_to(ROOT))}


@pytest.mark.parametrize("page", PAGES, **named)
def test_each_local_link_leads_to_a_heading_or_a_file(page: Path) -> None:
    for link in local_links(page):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, **named)
def test_every_verb_and_option_that_a_page_names_exists(page: Path) -> None:
    command: Any = typer.main.get_command(app)
    for verb, options in re.findall(
        r"(?:\$|run|^|`) ?flash-firewall ([a-z]+)([^`\n#>|]*)", page.read_text(encoding="utf-8"), re.MULTILINE
    ):
        found = command.get_command(None, verb)
        assert found, verb
        known = {option for parameter in found.params for option in parameter.opts}
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", options)) <= known, (verb, options)


@pytest.mark.parametrize("readme", READMES, **named)
def test_a_readme_has_at_most_200_lines(readme: Path) -> None:
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("readme", READMES, **named)
def test_a_readme_shows_what_check_prints(readme: Path) -> None:
    assert f"```text\n{run('check', '--project', ROOT).output}```" in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("readme", READMES, **named)
def test_a_readme_shows_what_a_removed_flow_does_to_the_proof(readme: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    edit(
        project / "traffic.yaml",
        "{from: pay, to: [rabbitmq, redis, database]}",
        "{from: pay, to: [rabbitmq, database]}",
    )
    proven = run("check", "--stack", "dev", "--project", project).output.partition(": ")[2].strip()
    assert proven in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["getting-started", "operations", "runbook"])
def test_a_page_for_users_is_there_in_korean(name: str) -> None:
    assert (ROOT / f"docs/{name}.ko.md").exists()
