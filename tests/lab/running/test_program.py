from pathlib import Path

import pytest

from lab.running.program import copy_program, link_program


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "package").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name, text in {"Pulumi.dev.yaml": "config:", "traffic.yaml": "flows:", "package/module.py": "x = 1"}.items():
        (folder / name).write_text(text)
    return folder


def test_writes_of_the_engine_stay_in_the_copy(source: Path, tmp_path: Path) -> None:
    for imitate in (copy_program, link_program):
        program = imitate(source, tmp_path / imitate.__name__)
        (program / "Pulumi.dev.yaml").write_text("encryptionsalt: x")

    assert (source / "Pulumi.dev.yaml").read_text() == "config:"


def test_a_copy_holds_the_changed_files_and_the_packages(source: Path, tmp_path: Path) -> None:
    program = copy_program(source, tmp_path / "copy", {"traffic.yaml": "flows: []"})

    assert (program / "traffic.yaml").read_text() == "flows: []"
    assert (program / "package" / "module.py").read_text() == "x = 1"
    assert (source / "traffic.yaml").read_text() == "flows:"
    assert not (program / ".git").exists()


def test_a_linked_program_follows_edits(source: Path, tmp_path: Path) -> None:
    program = link_program(source, tmp_path / "links")

    (source / "traffic.yaml").write_text("flows: [edited]")

    assert (program / "traffic.yaml").read_text() == "flows: [edited]"
