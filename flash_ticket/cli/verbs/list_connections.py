"""``flash-firewall list``: who can reach what."""

import sys
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.manifests import Context, Live, Plugin, analysed, analysed_live, show_notes
from flash_ticket.cli.options import HERE, Directory, Project, Stack, read
from flash_ticket.firewall.analyse.exposure import exposure
from flash_ticket.firewall.prove.compiled_firewall import account_notices
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.connections import Focus, Format, project_listing, written, written_exposure


@ends_in_status
def list_connections(  # noqa: PLR0913, PLR0917 - each is an option of the command
    directory: Directory = None,
    stack: Stack = None,
    project: Project = HERE,
    live: Live = False,  # noqa: FBT002 - a flag of the command
    context: Context = None,
    cni: Plugin = None,
    sources: Annotated[
        list[str] | None,
        typer.Option("--from", help="Only connections from this workload, place or address; repeatable."),
    ] = None,
    destinations: Annotated[
        list[str] | None, typer.Option("--to", help="Only connections to this workload, place or address; repeatable.")
    ] = None,
    among: Annotated[
        list[str] | None, typer.Option("--between", help="Only connections whose two ends are among these; repeatable.")
    ] = None,
    exposed: Annotated[  # noqa: FBT002 - a flag of the command
        bool,
        typer.Option("--exposure", help="With --dir or --live: list what is open to pods that do not exist yet, too."),
    ] = False,
    output: Annotated[Format, typer.Option(help="The output format.")] = Format.TXT,
) -> ExitStatus:
    """List who can reach what over which ports, in manifests, in a cluster, or through both layers of this project."""
    focus = Focus(tuple(sources or ()), tuple(destinations or ()), tuple(among or ()))
    if live or directory:
        reachability = analysed_live(directory, context, cni) if live else analysed(directory or HERE, cni)
        if exposed:
            sys.stdout.writelines(written_exposure(exposure(reachability), output, focus))
        else:
            sys.stdout.writelines(written(focus.of(reachability.connections()), output))
    elif exposed:
        problem = "this project always answers for pods that could be created: another pod of the namespace, and others"
        raise InputError("--exposure", "", problem, "Leave it out, or name manifests with --dir or --live")
    else:
        firewall = read(project, stack)
        layers = firewall.layers()
        show_notes((*firewall.overlap_notices(), *account_notices(layers)))
        sys.stdout.writelines(project_listing(firewall, layers, output, focus))
    return ExitStatus.HOLDS
