"""``flash-firewall report``: one page for the night."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack, chosen
from flash_ticket.cli.recorded_traffic import InventoryFiles, Sources, begin, recorded_traffic
from flash_ticket.cli.verbs.verify import verified_now
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.live.stack.settings import read_stack_file
from flash_ticket.operate.pulumi import Stack as PulumiStack
from flash_ticket.operate.text_file import replace_text
from flash_ticket.report.night.night import DeniedTraffic, Night, asked
from flash_ticket.report.night.page import night_page
from flash_ticket.report.night.words import Language
from flash_ticket.traffic.denials.denied import denied as denied_in


@ends_in_status
def report(  # noqa: PLR0913, PLR0917 - each is an option of the command
    sources: Sources = None,
    stack: Stack = None,
    since: Annotated[
        str, typer.Option("--since", help="The period of the traffic: 90m, 2h or 3d ago, or a time.")
    ] = "1h",
    inventories: InventoryFiles = None,
    project: Project = HERE,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write. Default: standard output.")] = None,
    language: Annotated[Language, typer.Option("--language", help="The language of the page.")] = Language.ENGLISH,
) -> ExitStatus:
    """Make one page for the night: what is denied, changed, suspended and drifting, and what to do next.

    The page is one HTML file that loads nothing. It is made from the same answers as denied, verify and rollback. A
    question that has no answer is shown with the reason, and the other answers stand. Exits 0 if nothing declared was
    denied, nothing drifts, no suspension is overdue and every question has an answer, 1 if not.
    """
    settings, matrix = read_stack_file(project, chosen(project, stack)), read_matrix(project / MATRIX_FILE)
    matrix = matrix.within(settings.stack, settings.suspensions.at)
    started = begin(since)
    night = Night(
        stack or settings.stack,
        matrix.namespace,
        time.time(),
        started,
        since,
        asked(lambda: _denied(project, stack, sources, since, inventories)),
        asked(lambda: verified_now(project, settings, matrix, inventories)),
        asked(PulumiStack(project, chosen(project, stack)).versions),
        settings.suspensions,
    )
    page = night_page(night, language)
    if out:
        replace_text(out, page)
    else:
        sys.stdout.write(page)
    return ExitStatus.HOLDS if night.holds else ExitStatus.VIOLATED


def _denied(
    project: Path, stack: str | None, sources: Sequence[str] | None, since: str, inventories: Sequence[Path] | None
) -> DeniedTraffic:
    traffic = recorded_traffic(project, stack, sources, since, inventories)
    return DeniedTraffic(denied_in(traffic), traffic)
