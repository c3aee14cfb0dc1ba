"""``flash-firewall list``: who reaches whom."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exit_status import ExitStatus, ends_in_status
from segmentation.report.format import Format


@ends_in_status
def list_connections(
    directory: Annotated[Path, typer.Option("--dir", help="A directory of Kubernetes manifests, or one file.")],
    output: Annotated[Format, typer.Option(help="The form of the listing.")] = Format.TXT,
) -> ExitStatus:
    """List who reaches whom over which ports."""
    from cli.manifests import analysed
    from segmentation.report.format import written

    for piece in written(analysed(directory).connections(), output):
        sys.stdout.write(piece)
    return ExitStatus.HOLDS
