"""``flash-firewall rollback``: list the versions that a stack has declared, and go back to one."""

import json
import sys
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack, Yes, chosen
from flash_ticket.operate.rollback import Rollback
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.rollback import history_document, history_text


@ends_in_status
def rollback(
    to: Annotated[int | None, typer.Option("--to", help="The version to go back to. Default: list them.")] = None,
    stack: Stack = None,
    project: Project = HERE,
    *,
    yes: Yes = False,
    output: Annotated[AnswerFormat, typer.Option(help="The format of the list.")] = AnswerFormat.TXT,
) -> ExitStatus:
    """List the versions that a stack has declared, or deploy an earlier one again.

    Shows what the rollback opens and closes and its proof, previews it, asks, and runs pulumi up with the earlier
    declaration and the present program. With --yes it neither previews nor asks. It does not change your files; it
    shows where they differ: revert them too. To remove everything, run pulumi destroy.
    """
    back = Rollback.of(project, chosen(project, stack))
    if to is None:
        updates = back.stack.updates()
        if output is AnswerFormat.JSON:
            sys.stdout.write(json.dumps(history_document(back.versions, updates, back.name), indent=2) + "\n")
        else:
            sys.stdout.write(history_text(back.versions, updates, back.name))
        return ExitStatus.HOLDS
    for text in back.go(to, agreed=yes):
        sys.stdout.write(text)
        sys.stdout.flush()
    return ExitStatus.HOLDS
