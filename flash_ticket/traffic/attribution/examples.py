"""A few examples of many values: always the smallest, so that the order of records does not matter."""

from bisect import insort
from collections.abc import Iterable
from operator import itemgetter
from typing import TypeVar

from flash_ticket.traffic.records.record import PodIdentity

MOST_EXAMPLES = 3

Example = TypeVar("Example", str, PodIdentity)
Examples = list[tuple[tuple[str, ...], Example]]
"""Examples with their sort keys, sorted."""


def note(examples: Examples[Example], example: Example | None) -> None:
    """Keep an example; if there are too many, keep the smallest."""
    if not example:
        return
    entry = (_order(example), example)
    if len(examples) == MOST_EXAMPLES and examples[-1][0] <= entry[0]:
        return
    if entry not in examples:
        insort(examples, entry, key=itemgetter(0))
        del examples[MOST_EXAMPLES:]


def shown(examples: Examples[Example]) -> tuple[Example, ...]:
    """Return the examples without their sort keys."""
    return tuple(example for _, example in examples)


def few(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Return the smallest of some examples, sorted."""
    return tuple(sorted(set(examples), key=_order))[:MOST_EXAMPLES]


def _order(example: str | PodIdentity) -> tuple[str, ...]:
    if isinstance(example, str):
        return (example,)
    return (example.namespace, example.name, *(text for pair in example.labels for text in pair))
