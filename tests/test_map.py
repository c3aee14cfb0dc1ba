"""Tests mirror the code: where ``x.py`` is, ``test_x.py`` or ``test_x_something.py`` is found without searching."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
ROOMS = {path.name: path for path in (ROOT / "flash_ticket").iterdir() if (path / "__init__.py").exists()} | {
    "components": ROOT / "components",
    "package": ROOT / "package",
    "lab": ROOT / "lab",
}

ACROSS_FILES = {
    "cli/verbs/test_manifest_verbs.py": "list, diff and explain on manifests",
    "cli/verbs/test_project_verbs.py": "list, diff and explain on this project",
    "components/test_every_order.py": "both layers in every order that Pulumi may take",
    "components/test_order_of_new_groups.py": "both layers on top of an earlier version, in every such order",
    "components/test_pulumi_mocks.py": "the harness in tests/support, which holds no tests",
    "lab/aws_api/test_aws_answers.py": "all layers around moto",
    "lab/aws_api/test_aws_refusals.py": "all layers around moto",
    "lab/tools/test_aws_bridge.py": "the Go program lab/tools/aws-bridge",
}
"""Tests of several files of a folder, or of code that is not Python."""


def mirrored() -> list[str]:
    return sorted(str(path.relative_to(TESTS)) for room in ROOMS for path in (TESTS / room).rglob("test_*.py"))


def code_folder(test: str) -> Path:
    """Return the folder of the code that a test is about."""
    room, *folders = Path(test).parent.parts
    return ROOMS[room].joinpath(*folders)


def test_every_room_has_tests() -> None:
    assert [room for room in ROOMS if not (TESTS / room).is_dir()] == []


def test_each_test_is_in_the_folder_that_mirrors_its_code() -> None:
    assert [test for test in mirrored() if not code_folder(test).is_dir()] == []


def test_each_test_is_named_after_the_file_that_it_tests() -> None:
    assert [test for test in mirrored() if test not in ACROSS_FILES and not named_after_its_subject(test)] == []


def named_after_its_subject(test: str) -> bool:
    """Return whether the folder of its code has the file that a test is named after."""
    subject = Path(test).stem.removeprefix("test_")
    files = [path.stem for path in code_folder(test).glob("*.py")]
    return any(subject == file or subject.startswith(f"{file}_") for file in files)


def test_the_list_of_tests_across_files_holds_only_tests_that_exist() -> None:
    assert set(ACROSS_FILES) <= set(mirrored())


def test_support_holds_no_tests() -> None:
    assert list((TESTS / "support").rglob("test_*.py")) == []
