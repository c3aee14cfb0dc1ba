"""``flash-firewall learn``: draft a matrix from recorded traffic."""

import sys
from datetime import UTC, datetime

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
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
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.report.traffic.draft import written_draft
from flash_ticket.traffic.attribution.attributed_traffic import attribute_logs, known_environment
from flash_ticket.traffic.proposals.candidate import candidates
from flash_ticket.traffic.proposals.draft import draft


@ends_in_status
def learn(  # noqa: PLR0913, PLR0917 - each is an option of the command
    sources: Sources = None,
    stack: Stack = None,
    since: Since = None,
    inventories: InventoryFiles = None,
    engine: EngineChoice = Engine.DUCKDB,
    project: Project = HERE,
) -> ExitStatus:
    """Draft a traffic.yaml from the traffic that worked. Review it line by line: it would hold an attack too."""
    wanted, today = begin(since), read_matrix(project / MATRIX_FILE)
    known = inventory(project, stack, inventories)
    environment = known_environment(known)
    today = today.within(environment.name, datetime.now(UTC))
    every = candidates(today, known)
    traffic = attribute_logs(every, known, logs(project, sources or (), engine, today, environment), wanted)
    sys.stdout.write(written_draft(draft(traffic, today), traffic))
    return ExitStatus.HOLDS
