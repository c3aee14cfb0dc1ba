"""``flash-firewall inventory``: which pod, service and interface has which address now."""

import sys

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack
from flash_ticket.cli.recorded_traffic import inventory_to_save
from flash_ticket.traffic.attribution.inventory_file import inventory_json


@ends_in_status
def inventory(stack: Stack = None, project: Project = HERE) -> ExitStatus:
    """Print who has which address in a stack's cluster and account now, as JSON. Save it for --inventory."""
    sys.stdout.write(inventory_json(inventory_to_save(project, stack)))
    return ExitStatus.HOLDS
