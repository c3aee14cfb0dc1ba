"""``python -m lab.load.inside`` runs within an enclosure: connections at a rate, and what is read about them, in JSON.

Its orders are the first argument, in JSON: ``rate``, ``seconds`` and ``reads``, see `lab.load.load.Load`.
"""

import json
import sys

from lab.enclosure.answer import exit_code, write_answer
from lab.load.load import Load
from lab.node.programs import NodeError
from lab.packets.connections import allow_many_files
from lab.running.engine import EngineError
from lab.running.lab import LabError
from lab.shop.shop import Serving
from lab.shop.start import running_shop
from lab.vpc.judge import JudgeError


def main() -> int:
    """Follow the orders of the first argument."""
    orders = json.loads(sys.argv[1])
    allow_many_files()

    def run() -> None:
        with running_shop(serving=Serving.LISTENERS) as (lab, shop):
            write_answer(Load(**orders).run(lab, shop))

    return exit_code(run, NodeError, LabError, EngineError, JudgeError)


if __name__ == "__main__":
    sys.exit(main())
