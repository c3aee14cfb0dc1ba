"""``flash-firewall explain``: whether one connection passes, and which rules decide."""

import sys
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.manifests import Context, Live, analysed, analysed_live, show_notes
from flash_ticket.cli.options import HERE, Directory, Project, Stack, read
from flash_ticket.firewall.analyse.endpoint_name import find_endpoint, find_port
from flash_ticket.report.explanation import explained
from flash_ticket.report.json_form import AnswerFormat


@ends_in_status
def explain(  # noqa: PLR0913, PLR0917 - each is an option of the command
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="An endpoint of this project; with --dir, a workload, an address or a range."
        ),
    ],
    destination: Annotated[str, typer.Argument(metavar="DST", help="The destination, named like SRC.")],
    port: Annotated[
        str, typer.Argument(metavar="PORT", help="4000, udp/53, 8000-8010, or the name of a container port.")
    ],
    directory: Directory = None,
    stack: Stack = None,
    project: Project = HERE,
    live: Live = False,  # noqa: FBT002 - a flag of the command
    context: Context = None,
    output: Annotated[AnswerFormat, typer.Option(help="The output format.")] = AnswerFormat.TXT,
) -> ExitStatus:
    """Show whether a connection passes, and which policies and rules decide. Exits 0 if it passes, 1 if not.

    It also exits 0 if only the account knows: then a rule of others may let the connection pass.
    """
    if directory or live:
        reachability = analysed_live(directory, context) if live else analysed(directory or HERE)
        place = str(directory or "the cluster")
        ends = [find_endpoint(name, reachability.parties, place) for name in (source, destination)]
        verdicts = [reachability.verdict(ends[0], ends[1], find_port(port, ends[1]))]
    else:
        firewall = read(project, stack)
        verdicts = firewall.layers().verdicts(source, destination, port)
        show_notes(firewall.overlap_notices(source, destination))
    sys.stdout.write(explained(verdicts, output))
    return ExitStatus.VIOLATED if any(verdict.stops for verdict in verdicts) else ExitStatus.HOLDS
