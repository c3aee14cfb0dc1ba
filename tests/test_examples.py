"""Each example is proven, can be listed and rendered, and is named in the table of examples."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flash_ticket.firewall.project import read_project, stacks
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import run
from tests.support.verify.standing import standing

EXAMPLES = Path(__file__).parents[1] / "examples"
FOLDERS = sorted(each for each in EXAMPLES.iterdir() if each.is_dir())
DECLARATIONS = [each for each in FOLDERS if not (each / "__main__.py").exists()]
"""The folders without a program.

The others run in tests/on_lab/projects/test_embedded.py and tests/package/test_parts.py.
"""
each_example = pytest.mark.parametrize("folder", DECLARATIONS, ids=lambda each: each.name)


@each_example
def test_the_proof_of_an_example_holds(folder: Path) -> None:
    result = run("check", "--project", folder)

    assert result.exit_code == 0, result.output
    assert "The proof holds" in result.stdout


@each_example
def test_an_example_can_be_listed_and_rendered(folder: Path, tmp_path: Path) -> None:
    for stack in stacks(folder):
        inventory = tmp_path / "inventory.json"
        inventory.write_text(inventory_json(standing(read_project(folder, stack, datetime.now(UTC))).inventory))
        common = ("--project", folder, "--stack", stack)

        assert json.loads(run("list", *common, "--output", "json").stdout)
        rendered = run("render", *common, "--inventory", inventory, "--out", tmp_path / stack)
        assert rendered.exit_code == 0, rendered.output
        assert (tmp_path / stack / "00-default-deny.yaml").exists()


def test_the_table_names_each_example() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[([\w-]+)\]", text, re.MULTILINE)) == {folder.name for folder in FOLDERS}
