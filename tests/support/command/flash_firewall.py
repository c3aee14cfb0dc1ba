"""The command as tests call it, and a copy of the project for it."""

import shutil
from pathlib import Path

from typer.testing import CliRunner, Result

from flash_ticket.cli.main import app
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.project import MATRIX_FILE
from tests.support.declared.accounts import ROOT, STACKS


def run(*arguments: str | Path) -> Result:
    """Run the command in this process, without a stack name in the environment."""
    return CliRunner(env={"PULUMI_STACK": None}).invoke(app, [str(argument) for argument in arguments])


def copy_project(folder: Path, *stacks: str) -> Path:
    """Copy traffic.yaml and the settings of the stacks (all of them if none is named) into a new folder."""
    folder.mkdir()
    for name in (MATRIX_FILE, *map(stack_file, stacks or STACKS)):
        shutil.copy(ROOT / name, folder)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must exist."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
