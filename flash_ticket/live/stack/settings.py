"""The configuration of a stack in one type, from the engine or from the settings file."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.binding import BINDING_KEY, PROJECT, Binding, parse_binding, stack_file
from flash_ticket.firewall.declare.sections.other_stacks import ReadOutputs
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY, Suspensions, parse_suspensions
from flash_ticket.firewall.project import lines_of_settings, read_settings
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.pulumi_answers import outputs_beside, resolved_settings


@dataclass(frozen=True, slots=True)
class StackConfiguration:
    """The content of Pulumi.<stack>.yaml.

    Attributes:
        region: The value of aws:region.
        profile: The value of aws:profile. None uses the profile of the environment.
        kubeconfig: The value of kubernetes:kubeconfig: a path, or the content of the file.
        context: The value of kubernetes:context.
        written: The binding, as the user wrote it.
        suspensions: The policies that a user opened for a while, and which of them are open now.
    """

    stack: str
    binding: Binding
    region: str
    profile: str | None
    kubeconfig: str | None
    context: str | None
    written: Mapping[str, Any]
    suspensions: Suspensions

    def owner(self, namespace: str) -> Owner:
        """Return the stack's firewall for a namespace, as the owner of resources in the account."""
        return Owner.in_cluster(self.stack, namespace, self.region, self.binding.cluster.name)


def configuration(stack: str, settings: Mapping[str, Any], read: ReadOutputs | None) -> StackConfiguration:
    """Return the configuration of a stack.

    Args:
        stack: The last part of the stack's name, such as ``dev``.
        settings: The values by their full keys, such as ``aws:region``. The binding and the suspensions are parsed
            YAML. The other values are text.
        read: Reads the outputs of other stacks. Without it, made-up values stand in their place.

    Raises:
        InputError: A key of this project is unknown or missing, or the binding is not valid.
    """
    for key in sorted(settings):
        if key.startswith(f"{PROJECT}:") and key not in {BINDING_KEY, SUSPENSIONS_KEY}:
            raise InputError(stack_file(stack), key, "this key is not known", f"Everything goes under {BINDING_KEY}")
    for key in ("aws:assumeRole", "aws:assumeRoles"):
        if settings.get(key):
            raise InputError(
                stack_file(stack),
                key,
                "places are looked up before the provider starts, and would be looked up as somebody else",
                "Name the role in an AWS profile (role_arn), and the profile in aws:profile or AWS_PROFILE",
            )
    region = settings.get("aws:region")
    if not region:
        raise InputError(stack_file(stack), "aws:region", "this key is missing", "Add it, such as ap-northeast-2")
    content = settings.get(BINDING_KEY)
    if content is None:
        raise InputError(
            stack_file(stack), BINDING_KEY, "this key is missing", "Add it, docs/getting-started.md lists what it holds"
        )
    if encrypted := next(_encrypted(content, BINDING_KEY), None):
        raise encrypted_binding(stack, encrypted)
    return StackConfiguration(
        stack,
        parse_binding(content, stack, read),
        region,
        settings.get("aws:profile"),
        settings.get("kubernetes:kubeconfig"),
        settings.get("kubernetes:context"),
        content,
        parse_suspensions(settings.get(SUSPENSIONS_KEY), stack, datetime.now(UTC)),
    )


def encrypted_binding(stack: str, key: str = BINDING_KEY) -> InputError:
    """Return the mistake of a stack with an encrypted binding, or an encrypted value at a key of it."""
    problem, remedy = (
        "it is encrypted, and it is recorded in plain text",
        "Write it in plain text: nothing in it is a secret",
    )
    return InputError(stack_file(stack), key, problem, remedy)


def _encrypted(content: object, key: str) -> Iterator[str]:
    """Yield the keys of encrypted values, which Pulumi writes as a mapping with the one key ``secure``."""
    if isinstance(content, dict):
        if content.keys() == {"secure"}:
            yield key
        for name, value in content.items():
            yield from _encrypted(value, f"{key}.{name}")
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from _encrypted(value, f"{key}[{number}]")


_KUBECONFIG = "kubernetes:kubeconfig"
_USED = ("aws:region", "aws:profile", _KUBECONFIG, "kubernetes:context")


class OtherStacks(Enum):
    """Where values that other stacks export come from."""

    READ = "read"
    """From Pulumi."""
    MADE_UP = "made up"
    """Pulumi is not asked, and made-up values stand in their place."""


def read_stack_file(folder: Path, stack: str, others: OtherStacks = OtherStacks.READ) -> StackConfiguration:
    """Return the configuration of a stack as Pulumi resolves it.

    If the kubeconfig in the file is encrypted, KUBECONFIG replaces it.

    Args:
        folder: The folder of Pulumi.<stack>.yaml. A relative path of a kubeconfig starts there, because the engine
            runs the program there.
        stack: The stack, such as ``dev``. Only the last part of a full name (``organization/project/dev``) counts.
        others: Where values that other stacks export come from.

    Raises:
        InputError: The file is not readable, a key is unknown, missing or encrypted, or the binding is not valid.
    """
    name = stack.rpartition("/")[2]
    with lines_of_settings(folder, name):
        settings = read_settings(folder, stack, resolved_settings)
        texts = dict(_texts(settings, folder, stack_file(name)))
        read = outputs_beside(folder) if others is OtherStacks.READ else None
        return configuration(name, {**settings, **texts}, read)


def _texts(settings: Mapping[str, Any], folder: Path, source: str) -> Iterator[tuple[str, str | None]]:
    for key in _USED:
        value = settings.get(key)
        if isinstance(value, dict) and "secure" in value:
            if key != _KUBECONFIG:
                raise InputError(source, key, "it is encrypted, and only the engine can read it", "Write plain text")
            if not os.environ.get("KUBECONFIG"):
                raise InputError(
                    source,
                    key,
                    "it is encrypted, and only the engine can read it",
                    "Set KUBECONFIG to the file that leads to this stack's cluster (aws eks update-kubeconfig)",
                )
            yield key, None
        elif key == _KUBECONFIG and isinstance(value, dict):
            yield key, json.dumps(value, indent=1)  # this is YAML too; several lines mark it as content, not as a path
        elif key == _KUBECONFIG and isinstance(value, str) and "\n" not in value:
            yield key, str(folder / Path(value).expanduser())
        elif value is not None:
            yield key, str(value)
