"""``flash-firewall explain``: whether one connection passes, and which rules decide."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.manifests import Context, Live, Plugin, analysed, analysed_live, show_notes
from flash_ticket.cli.options import HERE, Directory, Project, Stack, read
from flash_ticket.firewall.analyse.endpoint_name import find_endpoint, find_port
from flash_ticket.firewall.prove.address_ends import Question, Verdicts
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, one_node_notices
from flash_ticket.report.explanation import explained, stops
from flash_ticket.report.json_form import NO_REASONS, AnswerFormat
from flash_ticket.traffic.attribution.attributed_traffic import refuse_other_stack
from flash_ticket.traffic.attribution.inventory_file import read_inventory
from flash_ticket.traffic.attribution.known_addresses import in_environment, known_addresses
from flash_ticket.traffic.attribution.pod_history import merged


@ends_in_status
def explain(  # noqa: PLR0913, PLR0917 - each is an option of the command
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="An endpoint of this project, or an address; with --dir, a workload, an address or a range.",
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
    cni: Plugin = None,
    inventories: Annotated[
        list[Path] | None,
        typer.Option(
            "--inventory",
            help="A saved inventory, or the JSON of kubectl get pods,services -A -o json. It says whose an address is.",
        ),
    ] = None,
    output: Annotated[AnswerFormat, typer.Option(help="The output format.")] = AnswerFormat.TXT,
) -> ExitStatus:
    """Show whether a connection passes, and which policies and rules decide. Exits 0 if it passes, 1 if not.

    An address can belong to several places, or to a place that only the account knows. Then each of
    them has its own answer, and the connection passes if it passes for one of them.

    It also exits 0 if only the account knows: then a rule of others may let the connection pass.
    """
    if directory or live:
        reachability = analysed_live(directory, context, cni) if live else analysed(directory or HERE, cni)
        place, workloads = str(directory or "the cluster"), reachability.cluster.workloads
        ends = [find_endpoint(name, reachability.parties, place, workloads) for name in (source, destination)]
        reasons = NO_REASONS
        answers: list[Verdicts] = [(reachability.verdict(ends[0], ends[1], find_port(port, ends[1])),)]
    else:
        question, firewall = _question(project, stack, inventories)
        answers, reasons = question.answers(source, destination, port), firewall.matrix.reasons
        notes = [*question.unknown(source, destination), *firewall.overlap_notices(source, destination)]
        show_notes([*notes, *one_node_notices(firewall.layers(), answers)])
    sys.stdout.write(explained(answers, output, reasons))
    return ExitStatus.VIOLATED if all(map(stops, answers)) else ExitStatus.HOLDS


def _question(
    project: Path, stack: str | None, inventories: Sequence[Path] | None
) -> tuple[Question, CompiledFirewall]:

    if not inventories:
        firewall = read(project, stack)
        return Question(firewall.layers()), firewall
    known = merged([read_inventory(path) for path in inventories])
    refuse_other_stack(known, stack)
    firewall = in_environment(read(project, known.environment.name if known.environment else stack), known)
    return Question(firewall.layers(), known_addresses(known)), firewall
