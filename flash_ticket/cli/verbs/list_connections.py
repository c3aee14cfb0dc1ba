"""``flash-firewall list``: who can reach what."""

import sys
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.manifests import analysed, show_notes
from flash_ticket.cli.options import HERE, Directory, Project, Stack, read
from flash_ticket.report.connections import Format, project_listing, written


@ends_in_status
def list_connections(
    directory: Directory = None,
    stack: Stack = None,
    project: Project = HERE,
    output: Annotated[Format, typer.Option(help="The output format.")] = Format.TXT,
) -> ExitStatus:
    """List who can reach what over which ports, in manifests or through both layers of this project."""
    if directory:
        sys.stdout.writelines(written(analysed(directory).connections(), output))
    else:
        firewall = read(project, stack)
        show_notes(firewall.overlap_notices())
        sys.stdout.writelines(project_listing(firewall, output))
    return ExitStatus.HOLDS
