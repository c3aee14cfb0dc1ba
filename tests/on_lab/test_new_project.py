"""``pulumi new`` from this project makes a project of another name, which previews like this one."""

import shutil
from pathlib import Path

import pytest

from lab.running.engine import Engine
from lab.running.lab import Lab
from tests.support.engine.apis import REPOSITORY

pytestmark = pytest.mark.engine


def test_a_project_made_by_pulumi_new_previews_under_its_own_name(lab: Lab, tmp_path: Path) -> None:
    template = tmp_path / "template"
    for folder in ("components", "flash_ticket"):
        shutil.copytree(REPOSITORY / folder, template / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__main__.py", "pyproject.toml", "traffic.yaml", *(each.name for each in REPOSITORY.glob("Pulumi*"))):
        shutil.copy(REPOSITORY / name, template)
    project = tmp_path / "shop-firewall"
    project.mkdir()

    made = Engine(lab, "dev", project).run("new", str(template), "--yes", "--generate-only", "--name", "shop-firewall")

    assert "Change traffic.yaml" in made.checked().stdout
    assert (project / "Pulumi.yaml").read_text().startswith("name: shop-firewall\n")
    previewed = Engine(lab, "dev", project).preview().checked()
    assert any("The proof holds" in each for each in previewed.diagnostics)
    assert {step.operation for step in previewed.steps} == {"create"}
