"""``flash-firewall learn``: draft a matrix from recorded traffic, or from a folder of NetworkPolicies."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.manifests import show_notes
from flash_ticket.cli.options import HERE, Project, Stack
from flash_ticket.cli.recorded_traffic import (
    Engine,
    EngineChoice,
    InventoryFiles,
    Since,
    Sources,
    begin,
    inventory,
    logs,
)
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.traffic.draft import written_draft
from flash_ticket.report.traffic.policy_draft import written_policy_draft
from flash_ticket.traffic.attribution.attributed_traffic import attribute_logs, known_environment
from flash_ticket.traffic.proposals.candidate import candidates
from flash_ticket.traffic.proposals.draft import draft
from flash_ticket.traffic.proposals.policy_draft import draft_of_policies


@ends_in_status
def learn(  # noqa: PLR0913, PLR0917 - each is an option of the command
    sources: Sources = None,
    stack: Stack = None,
    since: Since = None,
    inventories: InventoryFiles = None,
    engine: EngineChoice = Engine.DUCKDB,
    project: Project = HERE,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Draft from the NetworkPolicies in this directory or file, not from traffic."),
    ] = None,
) -> ExitStatus:
    """Draft a traffic.yaml from the traffic that worked. Review it line by line: an attack would be in it, too.

    With --dir it drafts from existing NetworkPolicies, keeps their names where it can, lists what has no counterpart,
    and says which connections differ. Then it needs no project, cluster or account.
    """
    if directory:
        _refuse_both(sources, since, inventories)
        cluster = read_cluster(directory)
        show_notes(cluster.notes)
        sys.stdout.write(written_policy_draft(draft_of_policies(cluster, str(directory)), str(directory)))
        return ExitStatus.HOLDS
    wanted, today = begin(since), read_matrix(project / MATRIX_FILE)
    known = inventory(project, stack, inventories)
    environment = known_environment(known)
    today = today.within(environment.name, datetime.now(UTC))
    every = candidates(today, known)
    traffic = attribute_logs(every, known, logs(project, sources or (), engine, today, environment), wanted)
    sys.stdout.write(written_draft(draft(traffic, today), traffic))
    return ExitStatus.HOLDS


def _refuse_both(sources: object, since: object, inventories: object) -> None:
    given = "SOURCE" if sources else "--since" if since else "--inventory" if inventories else ""
    if given:
        raise InputError("--dir", given, "a folder of policies and recorded traffic are two drafts", "Leave one out")
