"""Pulumi's command says what other stacks export and what an environment holds. Here the command is a script."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flash_ticket.firewall.declare.sections.other_stacks import Unreadable, Withheld
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.pulumi_answers import outputs_beside, resolved_settings
from flash_ticket.live.stack.settings import read_stack_file

Answering = Callable[[object], Path]


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Make the command answer something, and return the file that it writes its arguments into."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    command, asked = tmp_path / "pulumi", tmp_path / "asked"

    def answer(content: object) -> Path:
        (tmp_path / "answer").write_text(json.dumps(content))
        command.write_text(f'#!/bin/sh\necho "$PWD $*" >{asked}\ncat {tmp_path}/answer\n')
        command.chmod(0o700)
        return asked

    return answer


def failing(folder: Path, words: str) -> None:
    (folder / "pulumi").write_text(f"#!/bin/sh\necho 'error: {words}' >&2\nexit 255\n")
    (folder / "pulumi").chmod(0o700)


def test_the_outputs_of_a_stack_are_read_and_its_secrets_stay_hidden(answering: Answering, tmp_path: Path) -> None:
    asked = answering({"vpcId": "vpc-1", "ids": ["a"], "token": "[secret]"})

    found = outputs_beside(tmp_path)("acme/network/prod")

    assert found == {"vpcId": "vpc-1", "ids": ["a"], "token": Withheld.SECRET}
    assert asked.read_text() == (
        f"{tmp_path.resolve()} --non-interactive stack output --json --stack acme/network/prod\n"
    )


def test_pulumis_own_words_say_why_a_stack_cannot_be_read(answering: Answering, tmp_path: Path) -> None:
    answering({})
    failing(tmp_path, "no stack named x found")

    assert outputs_beside(tmp_path)("acme/x/dev") == Unreadable("no stack named x found")


def test_without_pulumi_a_stack_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert outputs_beside(tmp_path)("acme/x/dev") == Unreadable("the Pulumi CLI is not installed")


def test_the_configuration_is_what_pulumi_resolves(answering: Answering, tmp_path: Path) -> None:
    asked = answering(
        {
            "aws:region": {"value": "eu-west-1", "secret": False},
            "flash-ticket-firewall:binding": {"value": "{}", "objectValue": {"vpc": {}}, "secret": False},
            "kubernetes:kubeconfig": {"secret": True},
        }
    )

    assert resolved_settings(tmp_path, "acme/shop/dev") == {
        "aws:region": "eu-west-1",
        "flash-ticket-firewall:binding": {"vpc": {}},
        "kubernetes:kubeconfig": {"secure": ""},
    }
    assert asked.read_text().endswith(" --non-interactive config --json --stack acme/shop/dev\n")
    assert "show-secrets" not in asked.read_text()


def test_an_environment_that_pulumi_cannot_open_is_one_error(answering: Answering, tmp_path: Path) -> None:
    answering({})
    failing(tmp_path, "the backend does not support environments")

    with pytest.raises(InputError) as error:
        resolved_settings(tmp_path, "acme/shop/dev")

    assert str(error.value) == (
        "Pulumi.dev.yaml: environment: Pulumi cannot resolve its configuration: the backend does not support "
        "environments. Correct the list of environments, or log in to Pulumi Cloud, which keeps them (pulumi login)."
    )


def test_without_pulumi_a_stack_with_an_environment_says_where_it_names_it_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {aws:region: eu-west-1}\nenvironment: [acme/shop]\n")

    with pytest.raises(InputError) as error:
        read_stack_file(tmp_path, "dev")

    assert str(error.value) == (
        "Pulumi.dev.yaml: environment: Pulumi cannot resolve its configuration: the Pulumi CLI is not installed. "
        "Install the Pulumi CLI: only it can read environments. See line 2."
    )
