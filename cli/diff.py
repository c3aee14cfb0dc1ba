"""``flash-firewall diff``: what a change opens and closes."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exit_status import ExitStatus, ends_in_status
from segmentation.input_error import InputError
from segmentation.report.changes import ChangeFormat


@ends_in_status
def diff(
    directories: Annotated[
        list[Path], typer.Option("--dir", help="Given twice: the manifests before, then the manifests after.")
    ],
    output: Annotated[ChangeFormat, typer.Option(help="The form of the list of changes.")] = ChangeFormat.TXT,
) -> ExitStatus:
    """List the connections added, removed and changed. Exits 0 when there are none, 1 when there are."""
    from cli.manifests import analysed
    from segmentation.diff import changes_between
    from segmentation.report.changes import written_changes

    if len(directories) != 2:  # noqa: PLR2004  # before and after
        raise InputError("--dir", "", f"given {len(directories)} times", "Give it twice: before, then after")
    before, after = (analysed(directory).connections().as_map() for directory in directories)
    changes = changes_between(before, after)
    for piece in written_changes(changes, output):
        sys.stdout.write(piece)
    return ExitStatus.VIOLATED if changes else ExitStatus.HOLDS
