"""Domain names, and patterns that stand for all names below one: ``*.example.com``, at any depth."""

from collections.abc import Iterable

ANY_BELOW = "*."
"""How a pattern begins: one or more labels stand in its place."""


def covers(pattern: str, other: str) -> bool:
    """Return whether a name or pattern stands for everything that another one stands for."""
    if pattern == other:
        return True
    below = pattern.removeprefix(ANY_BELOW)
    return below != pattern and other.endswith(f".{below}")


def narrowest(patterns: Iterable[str], name: str) -> str | None:
    """Return the pattern with the fewest names that stands for a name; None if no pattern does."""
    return max((each for each in patterns if covers(each, name)), key=_depth, default=None)


def in_order(patterns: Iterable[str]) -> list[str]:
    """Return each pattern once, with those that it covers right after it."""
    return sorted(set(patterns), key=_labels)


def _depth(pattern: str) -> tuple[int, bool]:
    return pattern.count("."), not pattern.startswith(ANY_BELOW)


def _labels(pattern: str) -> list[str]:
    # '*' comes before letters and digits, so a pattern comes before the names that it covers.
    return pattern.split(".")[::-1]
