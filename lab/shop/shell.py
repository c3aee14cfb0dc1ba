"""``python -m lab.shop.shell`` runs inside an enclosure: it keeps a lab with the shop on a node running."""

import sys

from lab.node.node import NodeError
from lab.packets.connections import allow_many_files
from lab.running.engine import EngineError
from lab.running.lab import LabError
from lab.running.shell import stay_up
from lab.shop.start import running_shop


def main() -> int:
    """Run until this process is ended, and return the exit code."""
    allow_many_files()
    try:
        with running_shop() as (lab, _):
            stay_up(lab)
    except (NodeError, LabError, EngineError) as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
