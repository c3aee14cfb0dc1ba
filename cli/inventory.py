"""``flash-firewall inventory``: who has which address now."""

import sys

from cli.exit_status import ExitStatus, ends_in_status
from cli.project import HERE, Project, Stack


@ends_in_status
def inventory(stack: Stack = None, project: Project = HERE) -> ExitStatus:
    """Print who has which address in a stack's cluster and account as JSON, to be given to --inventory later."""
    from cli.recorded import inventory as taken
    from segmentation.traffic.inventory_file import inventory_json

    sys.stdout.write(inventory_json(taken(project, stack, None)))
    return ExitStatus.HOLDS
