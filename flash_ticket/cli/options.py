"""The options that name this project and one of its stacks, for the verbs that speak of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flash_ticket.firewall.compiled_firewall import CompiledFirewall

Project = Annotated[Path, typer.Option("--project", help="The folder with traffic.yaml and Pulumi.<stack>.yaml.")]
Stack = Annotated[str | None, typer.Option("--stack", envvar="PULUMI_STACK", help="Which environment, such as prod.")]
HERE = Path()


def read(project: Path, stack: str | None) -> "CompiledFirewall":
    """Return the firewall of the stack, or of the only one there is.

    Raises:
        InputError: No stack is named and there are several, or its files hold a mistake.
    """
    from datetime import UTC, datetime

    from flash_ticket.firewall.project import read_project

    return read_project(project, chosen(project, stack), datetime.now(UTC))


def chosen(project: Path, stack: str | None) -> str:
    """Return the stack that is meant: the named one, or the only one there is.

    Raises:
        InputError: No stack is named, and there are several or none.
    """
    from flash_ticket.firewall.project import stacks
    from flash_ticket.firewall.terms.input_error import InputError

    known = (stack,) if stack else stacks(project)
    if len(known) > 1:
        raise InputError("--stack", "", "it is not said which environment is meant", f"Name one of: {', '.join(known)}")
    return known[0]
