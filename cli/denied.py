"""``flash-firewall denied``: what was stopped, by which layer, why, and whether it is declared."""

import sys
from typing import Annotated

import typer

from cli.exit_status import ExitStatus, ends_in_status
from cli.project import HERE, Project, Stack
from cli.recorded import Engine, EngineChoice, InventoryFiles, Since, Sources, recorded_traffic
from segmentation.report.denied import DeniedFormat


@ends_in_status
def denied(  # noqa: PLR0913, PLR0917 - each is an option of the command
    sources: Sources,
    stack: Stack = None,
    since: Since = None,
    service: Annotated[str | None, typer.Option("--service", help="Only what comes from or goes to it.")] = None,
    inventories: InventoryFiles = None,
    engine: EngineChoice = Engine.DUCKDB,
    project: Project = HERE,
    output: Annotated[DeniedFormat, typer.Option(help="The form of the answer.")] = DeniedFormat.TXT,
) -> ExitStatus:
    """Say what was stopped and why. Exits 0 if nothing declared was, 1 if something declared was."""
    from segmentation.report.denied import written_denied
    from segmentation.traffic.denied import denied as found_denied

    traffic = recorded_traffic(project, stack, sources, since, inventories, engine)
    found = found_denied(traffic, service)
    sys.stdout.write(written_denied(found, traffic, output))
    return ExitStatus.HOLDS if found.holds else ExitStatus.VIOLATED
