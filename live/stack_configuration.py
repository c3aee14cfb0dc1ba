"""The configuration of the stack that the engine runs, typed once."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG

from segmentation.binding import BINDING_KEY, PROJECT, Binding, parse_binding, stack_file
from segmentation.input_error import InputError


@dataclass(frozen=True, slots=True)
class StackConfiguration:
    """What Pulumi.<stack>.yaml says.

    Attributes:
        region: From aws:region.
        profile: From aws:profile; None leaves the choice to the environment.
        kubeconfig: From kubernetes:kubeconfig, a path or content.
        context: From kubernetes:context.
    """

    stack: str
    binding: Binding
    region: str
    profile: str | None
    kubeconfig: str | None
    context: str | None


def read_stack_configuration() -> StackConfiguration:
    """Return the configuration of the running program's stack.

    Raises:
        InputError: A key of this project is unknown or missing, or the binding does not hold.
    """
    stack = pulumi.get_stack()
    for key in sorted(CONFIG.get()):
        if key.startswith(f"{PROJECT}:") and key != BINDING_KEY:
            raise InputError(stack_file(stack), key, "this key is not known", f"Everything goes under {BINDING_KEY}")
    aws, cluster = pulumi.Config("aws"), pulumi.Config("kubernetes")
    for key in ("assumeRole", "assumeRoles"):
        if aws.get(key):
            raise InputError(
                stack_file(stack),
                f"aws:{key}",
                "places are looked up before the provider starts, and would be looked up as somebody else",
                "Name the role in an AWS profile (role_arn), and the profile in aws:profile or AWS_PROFILE",
            )
    region = aws.get("region")
    if not region:
        raise InputError(stack_file(stack), "aws:region", "this key is missing", "Add it, such as ap-northeast-2")
    content: Any = pulumi.Config(PROJECT).get_object("binding")
    if content is None:
        raise InputError(stack_file(stack), BINDING_KEY, "this key is missing", "Add it as in Pulumi.dev.yaml")
    return StackConfiguration(
        stack,
        parse_binding(content, stack),
        region,
        aws.get("profile"),
        cluster.get("kubeconfig"),
        cluster.get("context"),
    )
