"""The filters of a question to EC2."""

from collections.abc import Iterator, Sequence
from typing import Any

MOST_VALUES = 200
"""The most values of a filter (EC2 API reference, Filter)."""


def filters(name: str, values: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield filters that together choose what has one of the values, each for a question of its own."""
    for first in range(0, len(values), MOST_VALUES):
        yield {"Name": name, "Values": values[first : first + MOST_VALUES]}
