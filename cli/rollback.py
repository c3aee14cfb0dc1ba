"""``flash-firewall rollback``: what the stack has declared, and back to any of it."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from cli.exit_status import ExitStatus, ends_in_status
from cli.project import HERE, Project, Stack, chosen


class HistoryFormat(StrEnum):
    """A form of output for a stack's versions."""

    TXT = "txt"
    JSON = "json"


@ends_in_status
def rollback(
    to: Annotated[
        int | None, typer.Option("--to", help="The version to go back to; without it they are listed.")
    ] = None,
    stack: Stack = None,
    project: Project = HERE,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    output: Annotated[HistoryFormat, typer.Option(help="The form of the list.")] = HistoryFormat.TXT,
) -> ExitStatus:
    """List what a stack has declared, or deploy an earlier version of it again.

    Shows what that opens and closes and its proof, asks, and runs pulumi up with the earlier declaration and the
    present program. The files stay as they are, and what they say that differs is shown: revert them, too. To remove
    everything there is pulumi destroy.
    """
    import json

    from live.rollback import Rollback
    from segmentation.report.rollback import history_document, history_text

    back = Rollback.of(project, chosen(project, stack))
    if to is None:
        updates = back.record.updates()
        if output is HistoryFormat.JSON:
            sys.stdout.write(json.dumps(history_document(back.versions, updates, back.name), indent=2) + "\n")
        else:
            sys.stdout.write(history_text(back.versions, updates, back.name))
        return ExitStatus.HOLDS
    sys.stdout.writelines(back.go(to, agreed=yes))
    return ExitStatus.HOLDS
