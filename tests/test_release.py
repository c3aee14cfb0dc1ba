"""A release says what CHANGELOG.md says about its version, and only of the version that the package has."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci/release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notes_are_this_versions_part_of_the_changelog(release: ModuleType) -> None:
    changelog = (
        "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [0.2.0] - 2027-01-01\n\n- this\n\n## [0.1.0] - x\n\n- before\n"
    )
    assert release.notes(changelog, "0.2.0") == "- this\n"


@pytest.mark.parametrize("version", ["0.3.0", "0.2", "Unreleased"])
def test_a_version_without_notes_is_refused(release: ModuleType, version: str) -> None:
    with pytest.raises(ValueError, match=r"CHANGELOG\.md says nothing about"):
        release.notes("## [Unreleased]\n\n## [0.2.0] - x\n\n- this\n", version)


def test_the_changelog_has_the_version_of_the_package(release: ModuleType) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert release.notes((ROOT / "CHANGELOG.md").read_text(), version)


def test_a_tag_of_another_version_is_refused(release: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the tag is v9\.9\.9, and pyproject\.toml says"):
        release.main("v9.9.9", tmp_path)


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_targets_and_scripts_that_exist(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    commands = "\n".join(step["run"] for job in jobs for step in job["steps"] if "run" in step)
    targets = re.findall(r"\bmake (\S+)", commands)
    known = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert targets
    assert set(targets) <= set(known)
    assert [name for name in re.findall(r"\.ci/\S+", commands) if not (ROOT / name).exists()] == []


def test_every_action_of_a_workflow_is_pinned_to_a_commit() -> None:
    for workflow in WORKFLOWS:
        used = re.findall(r"uses: (\S+)", workflow.read_text())
        assert used
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in used), workflow.name


def test_the_image_takes_files_that_exist_from_a_pinned_base_and_runs_without_root() -> None:
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines() if line and line[0] != "#"]
    taken = [word for first, *words in lines if first == "COPY" and "--from=build" not in words for word in words[:-1]]

    assert taken
    assert [word for word in taken if not (ROOT / word).exists()] == []
    assert {words[0] for first, *words in lines if first == "FROM"} == {"${PYTHON}"}
    assert ["USER", "65532:65532"] in lines
    pods = (ROOT / "docs/verifier-cronjob.yaml").read_text()
    assert "runAsUser: 65532" in pods


def test_the_linter_of_images_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)  # noqa: S603 - of uv.lock

    assert (found.stdout, found.returncode) == ("", 0)
