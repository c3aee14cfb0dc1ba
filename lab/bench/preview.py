"""Compare the preview of this program with the preview of the same resources written by hand, in turn, on one lab.

Processor seconds are those of the program alone, without the engine and the providers, as `lab.bench.growth` counts
them: other work on the machine changes them less than the seconds.
"""

import statistics
from pathlib import Path

from lab.bench.growth import Contender
from lab.running.lab import Lab
from lab.running.program import copy_program

_REPOSITORY = Path(__file__).parents[2]
_STACK = "prod"
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
        ours = Contender(lab, _STACK, copy_program(_REPOSITORY, lab.folder / "ours"))
        changed = {f"Pulumi.{_STACK}.yaml": _SETTINGS}
        copied = copy_program(_REPOSITORY / "lab" / "bench" / "handwritten", lab.folder / "hand", changed)
        by_hand = Contender(lab, _STACK, copied)
        counts = [contender.take("preview").resources for contender in (ours, by_hand)]
        pairs = [(ours.take("preview"), by_hand.take("preview")) for _ in range(_RUNS)]
    print(f"pulumi preview of prod, nothing deployed yet; {_RUNS} runs of each, in turn\n")
    print("| program | resources | median s | spread s | processor s |\n|---|---:|---:|---:|---:|")
    for name, count, taken in zip(("ours", "by hand"), counts, zip(*pairs, strict=True), strict=True):
        seconds = [each.seconds for each in taken]
        processor = statistics.median(each.processor for each in taken)
        spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
        print(f"| {name} | {count} | {statistics.median(seconds):.2f} | {spread} | {processor:.2f} |")
    ratios = [one.seconds / other.seconds for one, other in pairs]
    print(f"\nours / by hand, pair by pair: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
