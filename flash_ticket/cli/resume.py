"""``flash-firewall resume``: what was opened for a while closed at once."""

import sys
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack, chosen


@ends_in_status
def resume(
    policy: Annotated[str | None, typer.Argument(help="The suspended policy's name.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every suspended policy.")] = False,
    stack: Stack = None,
    project: Project = HERE,
) -> ExitStatus:
    """Close a suspended policy at once, and strike its suspension from Pulumi.<stack>.yaml."""
    from datetime import UTC, datetime

    from flash_ticket.operate.suspend import SuspendedPolicies
    from flash_ticket.report.suspension import resuming_text

    suspended = SuspendedPolicies.of(project, chosen(project, stack), datetime.now(UTC))
    ended = suspended.listed.chosen(policy, every=every)
    sys.stdout.write(resuming_text(ended))
    sys.stdout.flush()
    if ended:
        suspended.resume(suspended.listed.without(*(each.policy for each in ended)))
    return ExitStatus.HOLDS
