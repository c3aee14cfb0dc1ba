"""A stack's configuration is read from its file as the engine reads it, except what only the engine can read."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY, parse_binding
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.settings import StackConfiguration, read_stack_file
from tests.support.declared.accounts import ROOT, STACKS, binding_content

ENCRYPTED = {"secure": "v1:xxxxxxxxxxxxxxxx:xxxxxxxxxxxxxxxxxxxxxxxxxxx"}


def read(folder: Path, **settings: Any) -> StackConfiguration:  # noqa: ANN401 - values of a YAML file
    """Return the configuration of a file with these settings and those of dev; underscores stand for colons."""
    content = {"aws:region": "ap-northeast-2", BINDING_KEY: binding_content("dev")}
    content |= {key.replace("_", ":"): value for key, value in settings.items()}
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": content}))
    return read_stack_file(folder, "dev")


def refusal(folder: Path, **settings: Any) -> str:  # noqa: ANN401 - likewise
    with pytest.raises(InputError) as error:
        read(folder, **settings)
    return str(error.value)


def line_of(folder: Path, key: str) -> int:
    lines = (folder / "Pulumi.dev.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:"))


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("owner", ["", "acme/flash-ticket-firewall/"])
def test_the_committed_stacks_can_be_read(stack: str, owner: str) -> None:
    binding = parse_binding(binding_content(stack), stack)

    found = read_stack_file(ROOT, owner + stack)

    assert found == StackConfiguration(
        stack, binding, "ap-northeast-2", None, None, None, binding_content(stack), found.suspensions
    )
    assert found.suspensions.listed == ()


def test_provider_settings_beside_the_binding_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, aws_profile="shop", kubernetes_context="dev", kubernetes_kubeconfig="/etc/kubeconfig")

    assert (found.profile, found.context, found.kubeconfig) == ("shop", "dev", "/etc/kubeconfig")


def test_a_relative_kubeconfig_is_relative_to_the_stack_file(tmp_path: Path) -> None:
    assert read(tmp_path, kubernetes_kubeconfig="cluster/config").kubeconfig == str(tmp_path / "cluster/config")


def test_a_tilde_in_a_kubeconfig_path_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    assert read(tmp_path, kubernetes_kubeconfig="~/.kube/dev").kubeconfig == "/home/somebody/.kube/dev"


KUBECONFIG = {"apiVersion": "v1", "kind": "Config", "contexts": []}


@pytest.mark.parametrize("value", [KUBECONFIG, yaml.safe_dump(KUBECONFIG)], ids=["as YAML", "as text"])
def test_a_kubeconfig_can_be_inline(tmp_path: Path, value: object) -> None:
    content = read(tmp_path, kubernetes_kubeconfig=value).kubeconfig

    assert content
    assert "\n" in content, "that distinguishes content from a path"
    assert yaml.safe_load(content) == KUBECONFIG


def test_an_encrypted_kubeconfig_is_refused_with_an_alternative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)

    assert refusal(tmp_path, kubernetes_kubeconfig=ENCRYPTED) == (
        "Pulumi.dev.yaml: kubernetes:kubeconfig: it is encrypted, and only the engine can read it. Set KUBECONFIG to "
        "the file that leads to this stack's cluster (aws eks update-kubeconfig). "
        f"See line {line_of(tmp_path, 'kubernetes:kubeconfig')}."
    )
    monkeypatch.setenv("KUBECONFIG", "/etc/kubeconfig")
    assert read(tmp_path, kubernetes_kubeconfig=ENCRYPTED).kubeconfig is None


@pytest.mark.parametrize("key", ["aws:region", "aws:profile", "kubernetes:context"])
def test_other_encrypted_settings_are_refused(tmp_path: Path, key: str) -> None:
    assert refusal(tmp_path, **{key: ENCRYPTED}) == (
        f"Pulumi.dev.yaml: {key}: it is encrypted, and only the engine can read it. Write plain text. "
        f"See line {line_of(tmp_path, key)}."
    )


def test_an_encrypted_value_in_the_binding_is_refused_at_its_key(tmp_path: Path) -> None:
    for key, binding in (
        (BINDING_KEY, ENCRYPTED),
        (f"{BINDING_KEY}.vpc", {**binding_content("dev"), "vpc": ENCRYPTED}),
    ):
        assert re.match(
            rf"Pulumi\.dev\.yaml: {key}: it is encrypted, and it is recorded in plain text\. Write it in plain text: "
            r"nothing in it is a secret\. See line \d+\.$",
            refusal(tmp_path, **{BINDING_KEY: binding}),
        )


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"flash-ticket-firewall:vpc": "x"},
            "flash-ticket-firewall:vpc: this key is not known. Everything goes ",
        ),
        ({"aws:assumeRole": {"roleArn": "x"}}, "aws:assumeRole: places are looked up before the provider starts"),
        ({"aws:assumeRoles": [{"roleArn": "x"}]}, "aws:assumeRoles: places are looked up before the provider starts"),
        ({"aws:region": None}, "aws:region: this key is missing. Add it, such as ap-northeast-2."),
        (
            {BINDING_KEY: None},
            f"{BINDING_KEY}: this key is missing. Add it, docs/getting-started.md lists what it holds.",
        ),
        ({BINDING_KEY: {}}, f"{BINDING_KEY}.vpc: this key is missing"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_mistake_gives_the_same_message_as_in_pulumi(tmp_path: Path, settings: dict[str, Any], line: str) -> None:
    assert re.match(rf"Pulumi\.dev\.yaml: {re.escape(line)}", refusal(tmp_path, **settings))
