"""``flash-firewall check``: prove a project without Pulumi, a cluster or AWS."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project
from flash_ticket.firewall.project import read_projects, stacks
from flash_ticket.live.stack.pulumi_answers import resolved_settings
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.proof import checked


@ends_in_status
def check(
    stack: Annotated[
        list[str] | None,
        typer.Option("--stack", help="An environment, such as prod; repeatable. Default: all of them."),
    ] = None,
    project: Project = HERE,
    stopped_by_one: Annotated[  # noqa: FBT002 - a flag of the command
        bool, typer.Option("--stopped-by-one", help="List the undeclared connections that only one layer stops.")
    ] = False,
    output: Annotated[AnswerFormat, typer.Option(help="The output format.")] = AnswerFormat.TXT,
) -> ExitStatus:
    """Prove that both layers of each stack match the matrix. Exits 0 if every proof holds, 1 if one does not."""
    firewalls = read_projects(project, stack or stacks(project), datetime.now(UTC), resolved_settings)
    proofs = [(firewall, firewall.proof()) for firewall in firewalls]
    sys.stdout.write(checked(proofs, output, lists_stopped_once=stopped_by_one))
    return ExitStatus.HOLDS if all(proof.holds for _, proof in proofs) else ExitStatus.VIOLATED
