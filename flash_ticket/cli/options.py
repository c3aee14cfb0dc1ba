"""The options that several verbs have."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.firewall.project import read_project, stacks
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.pulumi_answers import resolved_settings

Project = Annotated[Path, typer.Option("--project", help="The folder that holds traffic.yaml and Pulumi.<stack>.yaml.")]
Stack = Annotated[str | None, typer.Option("--stack", envvar="PULUMI_STACK", help="The environment, such as prod.")]
HERE = Path()
Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="A directory of Kubernetes manifests, or one file. Default: this project."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def read(project: Path, stack: str | None) -> CompiledFirewall:
    """Return the firewall of the named stack, or of the only one.

    Raises:
        InputError: No stack is named and there are several, or its files hold a mistake.
    """
    return read_project(project, chosen(project, stack), datetime.now(UTC), resolved_settings)


def chosen(project: Path, stack: str | None) -> str:
    """Return the named stack, or the only one.

    Raises:
        InputError: No stack is named, and there are several or none.
    """
    known = (stack,) if stack else stacks(project)
    if len(known) > 1:
        raise InputError("--stack", "", "no environment is named", f"Name one of: {', '.join(known)}")
    return known[0]
