"""``python -m lab.shop.shell ENFORCER`` runs inside an enclosure: it keeps a lab with the shop on a node running."""

import sys
from pathlib import Path

from lab.running.program import with_cilium
from lab.running.shell import stay_up
from lab.shop.start import run_with_shop
from lab.toolchain.node_kits import Enforcer


def main() -> int:
    """Run until the process is interrupted; the settings of dev say which network plug-in its cluster has."""
    enforcer = Enforcer(sys.argv[1])
    changed = with_cilium(Path(__file__).parents[2], "dev") if enforcer is Enforcer.CILIUM else {}
    return run_with_shop(lambda lab, _: stay_up(lab, changed), enforcer)


if __name__ == "__main__":
    sys.exit(main())
