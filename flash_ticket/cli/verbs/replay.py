"""``flash-firewall replay``: try a proposed matrix on recorded traffic, before it is deployed."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack
from flash_ticket.cli.recorded_traffic import Engine, EngineChoice, InventoryFiles, Since, Sources, inventory, logs
from flash_ticket.firewall.bind.stack_matrix import matrix_of
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.terms.moment import moment
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.traffic.replay import written_replay
from flash_ticket.traffic.attribution.attributed_traffic import known_environment
from flash_ticket.traffic.attribution.pod_history import PodHistory
from flash_ticket.traffic.proposals.proposal import Proposal
from flash_ticket.traffic.proposals.replay import replay as replayed


@ends_in_status
def replay(  # noqa: PLR0913, PLR0917 - each is an option of the command
    sources: Sources = None,
    matrix: Annotated[
        Path | None, typer.Option("--matrix", help="A proposed traffic.yaml. Default: this project's.")
    ] = None,
    stack: Stack = None,
    since: Since = None,
    inventories: InventoryFiles = None,
    engine: EngineChoice = Engine.DUCKDB,
    project: Project = HERE,
    output: Annotated[AnswerFormat, typer.Option(help="The output format.")] = AnswerFormat.TXT,
) -> ExitStatus:
    """Show which working traffic a matrix would cut, and what it allows that nothing used.

    Exits 0 if nothing recorded would be cut, 1 if something would.
    """
    begin, file = None if since is None else moment(since, time.time()), matrix or project / MATRIX_FILE
    today, proposed = read_matrix(project / MATRIX_FILE), read_matrix(file)
    known = inventory(project, stack, inventories)
    environment, now = known_environment(known), datetime.now(UTC)
    today, proposed = matrix_of(today, environment, now), matrix_of(proposed, environment, now)
    proposal = Proposal.of(today, proposed, known, file.name)
    traffic = proposal.attribute(known, logs(project, sources or (), engine, today, proposal.environment), begin)
    found = replayed(traffic.attribution, proposal, PodHistory(known.pods).nodes)
    sys.stdout.write(written_replay(found, traffic, file.name, output))
    return ExitStatus.HOLDS if found.holds else ExitStatus.VIOLATED
