"""``python -m lab.shop.shell ENFORCER`` runs inside an enclosure: it keeps a lab with the shop on a node running."""

import sys

from lab.running.shell import stay_up
from lab.shop.start import run_with_shop
from lab.toolchain.node_kits import Enforcer

if __name__ == "__main__":
    sys.exit(run_with_shop(lambda lab, _: stay_up(lab), Enforcer(sys.argv[1])))
