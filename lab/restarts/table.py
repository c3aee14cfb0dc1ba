"""The table of what restarts cost, as text."""

from collections.abc import Iterator
from statistics import median
from typing import Any

HEADER = (
    "Lost of tried; seconds: the median, the least and the most.\n"
    "agent    firewall  what happens         between ends that stay   to the Service             from a new pod to pods"
    "     to places               to a new pod            ready"
)


def words(row: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one row."""
    staying = row["staying"]
    counted = (_counted(row[each]) for each in ("called", "to_pods", "to_places", "from_callers"))
    yield (
        f"{row['mode']:<9}{row['firewall']:<10}{row['restarts']:<21}"
        f"{staying['lost']}/{staying['tried']:,}, {row['cut']}/{row['kept']} cut".ljust(65)
        + "".join(each.ljust(27) for each in counted)
        + _seconds(row["ready"])
    )
    for each in row["wrong"]:
        yield f"  {each}"


def holds(row: dict[str, Any]) -> bool:
    """Return whether nothing was lost between ends that stay, and every declared connection passed at last."""
    return not (row["staying"]["lost"] or row["cut"] or row["wrong"])


def _counted(count: dict[str, Any]) -> str:
    return f"{count['lost']}/{count['tried']:,} {_seconds(count['seconds'])}" if count["tried"] else "-"


def _seconds(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
