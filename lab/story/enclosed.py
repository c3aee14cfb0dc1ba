"""``python -m lab.story.enclosed`` shows the demo's environments inside an enclosure; in dev, the shop has a node."""

import sys

from lab.node.node import NodeError
from lab.packets.connections import allow_many_files
from lab.running.engine import EngineError
from lab.running.lab import LabError
from lab.shop.start import running_shop
from lab.story.demo import show_environments
from lab.story.packets import Packets


def main() -> int:
    """Show them, and return the exit code."""
    allow_many_files()
    try:
        with running_shop() as (lab, shop):
            show_environments(lab, Packets(lab, shop, ""))
    except (NodeError, LabError, EngineError) as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
