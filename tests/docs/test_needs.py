"""The lines that meet each need are right: added to the shop, they are proven."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.project import MATRIX_FILE
from tests.support.command.flash_firewall import run

REPOSITORY = Path(__file__).parents[2]
SECTIONS = {
    section.partition("\n")[0]: re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    for section in (REPOSITORY / "docs/needs.md").read_text(encoding="utf-8").split("\n## ")[1:]
}
REFUSED = "Fargate"
_OF_MATRIX = {"services", "externals", "flows"}

Content = dict[str, Any]


def added(content: Content, lines: Content) -> Content:
    """Return content with lines of a need: keys go into keys, flows follow flows, and null takes a key away."""
    whole = dict(content)
    for key, value in lines.items():
        if value is None:
            whole.pop(key, None)
        elif isinstance(value, dict) and isinstance(whole.get(key), dict):
            whole[key] = added(whole[key], value)
        elif key == "flows":
            whole[key] = [*whole[key], *value]
        else:
            whole[key] = value
    return whole


def shop_with(folder: Path, blocks: list[str]) -> None:
    """Write the shop with the lines of a need, in the stack prod."""
    matrix = yaml.safe_load((REPOSITORY / MATRIX_FILE).read_text(encoding="utf-8"))
    settings = yaml.safe_load((REPOSITORY / stack_file("prod")).read_text(encoding="utf-8"))
    binding = settings["config"][BINDING_KEY]
    for lines in map(yaml.safe_load, blocks):
        matrix = added(matrix, {key: value for key, value in lines.items() if key in _OF_MATRIX})
        binding = added(binding, {key: value for key, value in lines.items() if key not in _OF_MATRIX})
    if "alb" not in matrix["externals"]:
        matrix["flows"] = [flow for flow in matrix["flows"] if flow["from"] != "alb"]
    settings["config"][BINDING_KEY] = binding
    (folder / "Pulumi.yaml").write_text((REPOSITORY / "Pulumi.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / MATRIX_FILE).write_text(yaml.safe_dump(matrix), encoding="utf-8")
    (folder / stack_file("prod")).write_text(yaml.safe_dump(settings), encoding="utf-8")


@pytest.mark.parametrize("need", [each for each, blocks in SECTIONS.items() if blocks and each != REFUSED])
def test_the_lines_that_meet_a_need_are_proven_in_the_shop(need: str, tmp_path: Path) -> None:
    shop_with(tmp_path, SECTIONS[need])
    result = run("check", "--project", tmp_path, "--stack", "prod")

    assert result.exit_code == 0, result.output
    assert "The proof holds" in result.stdout


def test_what_cannot_be_is_refused_with_the_reason(tmp_path: Path) -> None:
    shop_with(tmp_path, SECTIONS[REFUSED])
    result = run("check", "--project", tmp_path, "--stack", "prod")

    assert result.exit_code == 2
    assert "Fargate enforces no NetworkPolicy" in result.stderr
