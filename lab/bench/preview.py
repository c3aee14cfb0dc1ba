"""Compare the preview of this program with the preview of the same resources written by hand, in turn, on one lab."""

import statistics
from pathlib import Path

from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.running.program import copy_program

_REPOSITORY = Path(__file__).parents[2]
_RUNS = 7
_SETTINGS = """\
config:
  aws:region: ap-northeast-2
  aws:defaultTags:
    tags: {Project: flash-ticket, Environment: prod, ManagedBy: pulumi}
"""


def main() -> None:
    """Print the times of both previews, and the ratio of each pair."""
    with Lab.start() as lab:
        ours = Engine(lab, "prod", copy_program(_REPOSITORY, lab.folder / "ours"), lab.anew())
        changed = {"Pulumi.prod.yaml": _SETTINGS}
        copied = copy_program(_REPOSITORY / "lab" / "bench" / "handwritten", lab.folder / "hand", changed)
        by_hand = Engine(lab, "prod", copied, lab.anew())
        counts = [len(engine.preview().checked().changes) for engine in (ours, by_hand)]
        pairs = [(ours.preview().checked().seconds, by_hand.preview().checked().seconds) for _ in range(_RUNS)]
    print(f"pulumi preview of prod, nothing deployed yet; {_RUNS} runs of each, in turn\n")
    print("| program | resources | median s | spread s |\n|---|---:|---:|---:|")
    for name, count, seconds in zip(("ours", "by hand"), counts, zip(*pairs, strict=True), strict=True):
        print(f"| {name} | {count} | {statistics.median(seconds):.2f} | {min(seconds):.2f}-{max(seconds):.2f} |")
    ratios = [one / other for one, other in pairs]
    print(f"\nours / by hand, pair by pair: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
