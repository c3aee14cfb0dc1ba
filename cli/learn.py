"""``flash-firewall learn``: a matrix drafted from recorded traffic."""

import sys

from cli.exit_status import ExitStatus, ends_in_status
from cli.project import HERE, Project, Stack
from cli.recorded import Engine, EngineChoice, InventoryFiles, Since, Sources, begin, inventory, logs


@ends_in_status
def learn(  # noqa: PLR0913, PLR0917 - each is an option of the command
    sources: Sources = None,
    stack: Stack = None,
    since: Since = None,
    inventories: InventoryFiles = None,
    engine: EngineChoice = Engine.DUCKDB,
    project: Project = HERE,
) -> ExitStatus:
    """Draft a traffic.yaml of what worked, to be reviewed line by line: an attack would be in it too."""
    from segmentation.project import MATRIX_FILE
    from segmentation.report.draft import written_draft
    from segmentation.traffic.candidate import candidates
    from segmentation.traffic.draft import draft
    from segmentation.traffic.recorded import known_environment, recorded
    from segmentation.traffic_file import read_matrix

    wanted, today = begin(since), read_matrix(project / MATRIX_FILE)
    known = inventory(project, stack, inventories)
    environment = known_environment(known)
    every = candidates(today, known)
    traffic = recorded(every, known, logs(project, sources or (), engine, today, environment), wanted)
    sys.stdout.write(written_draft(draft(traffic, today), traffic))
    return ExitStatus.HOLDS
