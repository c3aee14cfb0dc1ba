"""How many wrong compiled firewalls the proof finds, by kind of mistake.

    python -m lab.bench.mutations [--share 1] [--random 40] [--random-share 0.1] [--processes 2]

Each mutant drops, adds, narrows, widens or mixes up one thing in the compiled output of the shop (dev, prod, on nodes,
with NodeLocal DNS, scraped) or of random declarations. The naive evaluators of the tests know neither the proof nor the
compilers. They decide for every connection whether it changes between endpoints (it opens or closes), at one end only
(the other end still stops it), or not at all. The whole run takes half an hour on two cores; ``--share 0.05
--random-share 0.01`` takes two minutes.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.stacks import CASES
from tests.support.mutants.judged_mutants import judged
from tests.support.mutants.mutations import compiled, mutants
from tests.support.naive.naive_changes import Effect

Case = tuple[Matrix, Environment]
_EFFECTS = (Effect.REACHABILITY, Effect.ONE_END, Effect.NONE)
Row = tuple[str, Layer, str, Effect, bool, bool]


def random_cases(count: int) -> list[Case]:
    """Return random declarations, the same in every run."""
    found: list[Case] = []

    @seed(7)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(shops(min_flows=2))
    def collect(shop: Case) -> None:
        found.append(shop)

    collect()
    return found[:count]


def judge(kind: str, case: Case, share: float) -> list[Row]:
    """Return the judgement of a share of the mutants of one case."""
    right = compiled(*case)
    every = list(mutants(right))
    if share < 1:
        every = Random(len(every)).sample(every, max(1, round(share * len(every))))  # noqa: S311 - no secret
    found = (judged(right, mutant) for mutant in every)
    return [(kind, each.mutant.layer, each.mutant.category, each.effect, each.caught, each.named) for each in found]


def table(rows: list[Row]) -> Iterator[str]:
    """Yield a row for each layer and category, and one total."""
    effects = " | ".join(f"change {effect} | caught" for effect in _EFFECTS)
    yield f"| layer | what is wrong | mutants | {effects} |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    categories = sorted({(layer, category) for _, layer, category, *_ in rows})
    for layer, category in categories:
        yield _row(f"{layer} | {category}", [row for row in rows if row[1:3] == (layer, category)])
    for kind in dict.fromkeys(row[0] for row in rows):
        yield _row(f"both | all, {kind}", [row for row in rows if row[0] == kind])
    yield _row("both | all", rows)


def _row(title: str, rows: list[Row]) -> str:
    every = Counter(row[3] for row in rows)
    caught = Counter(row[3] for row in rows if row[4])
    cells = [f"{count[effect]:,}" for effect in _EFFECTS for count in (every, caught)]
    return f"| {title} | {len(rows):,} | {' | '.join(cells)} |"


def main() -> int:
    """Judge and print; return 1 if the proof missed a mutant that changes something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the shop's mutants")
    parser.add_argument("--random", type=int, default=40, help="random declarations")
    parser.add_argument("--random-share", type=float, default=0.1, help="of their mutants")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    work = [("the shop", case(), arguments.share) for case in CASES.values()]
    work += [("random declarations", case, arguments.random_share) for case in random_cases(arguments.random)]
    rows: list[Row] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        for done, found in enumerate(pool.map(judge, *zip(*work, strict=True)), start=1):
            rows += found
            print(f"{done} of {len(work)} declarations, {len(rows):,} mutants", file=sys.stderr, flush=True)
    for line in table(rows):
        print(line)
    changing = [row for row in rows if row[3] is not Effect.NONE]
    missed = [row for row in changing if not row[4]]
    unnamed = [row for row in changing if row[4] and not row[5]]
    caught = len(changing) - len(missed)
    print(f"\nOf {len(rows):,} mutants {len(changing):,} change something.", end=" ")
    print(f"The proof catches {caught:,} of these and names the connection in {caught - len(unnamed):,}.", end=" ")
    print(f"{time.perf_counter() - begin:.0f} s.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
