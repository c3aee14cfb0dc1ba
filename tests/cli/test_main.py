"""The command's help has every verb once, with its whole summary and examples that can be typed."""

import shlex
import tomllib
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from flash_ticket.cli.main import app
from tests.support.command.flash_firewall import run
from tests.support.declared.accounts import ROOT

COMMAND: Any = typer.main.get_command(app)
VERBS = COMMAND.list_commands(None)


def examples(verb: str) -> list[str]:
    """Return the examples at the end of a verb's help, without the name of the command."""
    after = run(verb, "--help").output.partition("Examples:\n")[2]
    return [each.strip().removeprefix("flash-firewall ") for each in after.splitlines() if each.strip()]


def test_the_help_lists_each_verb_once_and_cuts_no_summary() -> None:
    shown = run("--help").output
    assert "..." not in shown.partition("Options:")[2]
    assert [
        line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line.split()[0] in VERBS
    ] == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_ends_with_examples_that_can_be_typed(verb: str) -> None:
    assert examples(verb)
    for example in examples(verb):
        name, *arguments = shlex.split(example.partition(" > ")[0])
        assert name == verb
        COMMAND.get_command(None, verb).make_context(verb, arguments)  # raises for what the verb does not take


def test_the_version_is_that_of_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").output == f"flash-firewall {declared}\n"


@pytest.mark.parametrize(
    ("shell", "asked"), [("bash", {"COMP_WORDS": "flash-firewall su", "COMP_CWORD": "1"}), ("zsh", {})]
)
def test_a_shell_completes_a_verb(shell: str, asked: dict[str, str]) -> None:
    variables = {"_FLASH_FIREWALL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "flash-firewall su", **asked}
    shown = CliRunner(env=variables).invoke(app, [], prog_name="flash-firewall").output
    assert "suspend" in shown
    assert "resume" not in shown.partition("suspend")[0]
