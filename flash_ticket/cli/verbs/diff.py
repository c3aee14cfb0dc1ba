"""``flash-firewall diff``: the connections that a change opens and closes."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.manifests import Context, Plugin, analysed, analysed_live
from flash_ticket.cli.options import HERE, Project, Stack, read
from flash_ticket.firewall.change.impact import FirewallDifference, difference
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.project import declared_files
from flash_ticket.firewall.terms.changes import Change, changes_between
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.git import files_at
from flash_ticket.report.changes import ChangeFormat, written_changes
from flash_ticket.report.impact import difference_text


@ends_in_status
def diff(  # noqa: PLR0913, PLR0917 - each is an option of the command
    directories: Annotated[
        list[Path] | None,
        typer.Option("--dir", help="Manifests to compare; give it twice: before, then after. Once with --live."),
    ] = None,
    since: Annotated[str, typer.Option(help="Without --dir: the git revision to compare this project with.")] = "HEAD",
    live: Annotated[  # noqa: FBT002 - a flag of the command
        bool,
        typer.Option("--live", help="With one --dir: compare the cluster as it is now, before, with these manifests."),
    ] = False,
    context: Context = None,
    cni: Plugin = None,
    stack: Stack = None,
    project: Project = HERE,
    output: Annotated[ChangeFormat, typer.Option(help="The output format.")] = ChangeFormat.TXT,
) -> ExitStatus:
    """List the connections that a change adds, removes or changes. Exits 0 if there are none, 1 if there are."""
    if not directories and not live:
        found = _since(project, stack, since)
        if output is ChangeFormat.TXT:
            sys.stdout.write(f"{difference_text(found)}\n")
        else:
            sys.stdout.writelines(written_changes(found.through_both, output))
        return ExitStatus.VIOLATED if found else ExitStatus.HOLDS
    changes = _from_live(directories or [], context, cni) if live else _between(directories or [], cni)
    sys.stdout.writelines(written_changes(changes, output))
    return ExitStatus.VIOLATED if changes else ExitStatus.HOLDS


def _between(directories: list[Path], cni: CniName | None) -> tuple[Change, ...]:

    if len(directories) != 2:  # noqa: PLR2004  # before and after
        times = "once" if len(directories) == 1 else f"{len(directories)} times"
        raise InputError("--dir", "", f"it is given {times}", "Give it twice: before, then after")
    before, after = (analysed(directory, cni).connections().as_map() for directory in directories)
    return changes_between(before, after)


def _from_live(directories: list[Path], context: str | None, cni: CniName | None) -> tuple[Change, ...]:

    if len(directories) != 1:
        problem = f"--dir is given {len(directories)} times beside it"
        raise InputError("--live", "", problem, "Give --dir once: the manifests that come after the live cluster")
    before, after = analysed_live(None, context, cni), analysed(directories[0], cni)
    return changes_between(before.connections().as_map(), after.connections().as_map())


def _since(project: Path, stack: str | None, revision: str) -> FirewallDifference:

    after = read(project, stack)
    name = after.environment.name
    with files_at(project, revision, declared_files(project, name)) as folder:
        return difference(read(folder, name).layers(), after.layers())
