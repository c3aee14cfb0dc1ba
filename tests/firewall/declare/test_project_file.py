"""Pulumi.yaml gives every stack values and says where their files are, as Pulumi reads it."""

from pathlib import Path

import pytest

from flash_ticket.firewall.declare.binding import BINDING_KEY, settings_path, stacks_of
from flash_ticket.firewall.declare.project_file import project_settings
from flash_ticket.firewall.project import declared_files, read_settings
from flash_ticket.firewall.terms.input_error import InputError

STACK = "environment: [shop/dev]\nconfig:\n  aws:profile: own\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(
        "name: flash-ticket-firewall\n"
        "stackConfigDir: settings\n"
        "config:\n"
        "  aws:region: {value: eu-west-1}\n"
        "  aws:profile: shared\n"
        "  binding: {type: object, default: {vpc: {id: vpc-1}}}\n"
        "  suspensions: {type: array, items: {type: object}, default: []}\n"
    )
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings/Pulumi.dev.yaml").write_text(STACK)
    return tmp_path


def test_values_and_defaults_count_for_every_stack(folder: Path) -> None:
    assert project_settings(folder) == {
        "aws:region": "eu-west-1",
        "aws:profile": "shared",
        BINDING_KEY: {"vpc": {"id": "vpc-1"}},
    }


def test_the_files_of_stacks_are_where_it_says(folder: Path) -> None:
    assert settings_path(folder, "dev") == folder / "settings/Pulumi.dev.yaml"
    assert stacks_of(folder) == ("dev",)
    assert declared_files(folder, "dev") == ("traffic.yaml", "settings/Pulumi.dev.yaml", "Pulumi.yaml")


def test_a_stack_overrides_what_every_stack_has(folder: Path) -> None:
    found = read_settings(folder, "dev")

    assert (found["aws:region"], found["aws:profile"]) == ("eu-west-1", "own")


def test_only_a_stack_with_an_environment_asks_pulumi(folder: Path) -> None:
    resolved = {BINDING_KEY: {"vpc": {"id": "vpc-2"}}}

    assert read_settings(folder, "dev", lambda *_: resolved) == resolved
    (folder / "settings/Pulumi.dev.yaml").write_text(STACK.partition("\n")[2])
    assert read_settings(folder, "dev", lambda *_: pytest.fail("it asks"))["aws:profile"] == "own"


def test_a_binding_that_the_environment_lacks_too_is_one_error(folder: Path) -> None:
    with pytest.raises(InputError, match="this key is neither here nor in the environment"):
        read_settings(folder, "dev", lambda *_: {})


def test_a_project_without_the_file_has_its_stacks_in_its_folder(tmp_path: Path) -> None:
    assert settings_path(tmp_path, "dev") == tmp_path / "Pulumi.dev.yaml"
    assert project_settings(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"), [("- a\n", "it is not a set of keys"), ("a: 1\na: 2\n", "'a' appears twice")]
)
def test_a_file_that_pulumi_cannot_read_either_is_one_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(text)

    with pytest.raises(InputError, match="Pulumi.yaml.*" + said):
        stacks_of(tmp_path)
