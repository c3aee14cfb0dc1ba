"""``python -m lab.story.enclosed`` shows the demo's environments inside an enclosure; in dev, the shop has a node."""

import sys

from lab.node.enforcers.aws.agent import Denials
from lab.shop.start import run_with_shop
from lab.story.demo import show_environments
from lab.story.packets import Packets

if __name__ == "__main__":
    sys.exit(run_with_shop(lambda lab, shop: show_environments(lab, Packets(lab, shop, "")), denials=Denials.SHIPPED))
