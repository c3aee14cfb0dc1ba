"""``flash-firewall suspend`` and ``resume``: open one policy for a while, and close it again."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack, Yes, chosen
from flash_ticket.firewall.compile.suspended import chosen_policies, needs_consent
from flash_ticket.firewall.declare.suspensions import entered, lasting
from flash_ticket.live.stack.git import author
from flash_ticket.operate.consent import require_consent
from flash_ticket.operate.suspend import SuspendedPolicies
from flash_ticket.report.impact import consent_text, resuming_text, suspending_text


@ends_in_status
def suspend(  # noqa: PLR0913 - each is an option of the command
    policy: Annotated[
        str | None, typer.Argument(help="The policy's name, as kubectl get networkpolicies prints it.")
    ] = None,
    *,
    duration: Annotated[str, typer.Option("--for", help="How long, from 1m to 24h, such as 30m or 2h.")],
    reason: Annotated[str, typer.Option(help="Why, for people who find the policy open.")],
    every: Annotated[bool, typer.Option("--all", help="Suspend every policy, default-deny too; asks first.")] = False,
    stack: Stack = None,
    project: Project = HERE,
    yes: Yes = False,
) -> ExitStatus:
    """Open the pods and the direction of one policy for a while. The VPC layer stays as it is.

    Deleting an allow policy opens nothing: it closes, because default-deny remains. This command opens. It writes the
    suspension into Pulumi.<stack>.yaml with reason, author and end, and deploys only that, at once. Every preview
    shows it. After its end the next pulumi up closes it; flash-firewall resume closes it at once.
    """
    now = datetime.now(UTC)
    until, who = now + lasting(duration), author()
    suspended = SuspendedPolicies.of(project, chosen(project, stack), now)
    firewall = suspended.firewall
    policies = chosen_policies(firewall.pods, policy, every=every)
    new = tuple(entered(each.name, until, reason, who) for each in policies)
    wanted = suspended.listed.adding(*new)
    sys.stdout.write(suspending_text(firewall, new, wanted))
    sys.stdout.flush()
    if needs_consent(policies):
        require_consent(consent_text(policies), given=yes)
        suspended = suspended.unchanged()
    suspended.suspend(new)
    return ExitStatus.HOLDS


@ends_in_status
def resume(
    policy: Annotated[str | None, typer.Argument(help="The suspended policy's name.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Resume every suspended policy.")] = False,
    stack: Stack = None,
    project: Project = HERE,
) -> ExitStatus:
    """Close a suspended policy at once, and remove its suspension from Pulumi.<stack>.yaml."""
    suspended = SuspendedPolicies.of(project, chosen(project, stack), datetime.now(UTC))
    ended = suspended.listed.chosen(policy, every=every)
    sys.stdout.write(resuming_text(ended))
    sys.stdout.flush()
    if ended:
        suspended.resume(ended)
    return ExitStatus.HOLDS
