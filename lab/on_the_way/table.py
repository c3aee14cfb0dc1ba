"""The table of what packets did during each verb, as text."""

from collections.abc import Iterator
from typing import Any

HEADER = (
    "Times are in ms; of two, one is the median and one the longest.\n"
    "verb            s   declared   lost  gap   undeclared  opened  changed"
    "  write to effect   kept  cut  survive  interval"
)


def words(row: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one verb."""
    yield (
        f"{row['verb']:<12}{row['seconds']:>5.0f}{row['declared']:>11,}{row['lost']:>7}{_ms(row['gap']):>5}"
        f"{row['undeclared']:>13,}{row['opened']:>8}{row['changed']:>9}{_pair(row['effect']):>17}"
        f"{row['kept']:>7}{row['cut']:>5}{len(row['survivors']):>9}{_pair(row['interval']):>10}"
    )
    if row["agents_own"]:
        yield f"  {row['agents_own']} more are lost in the agent's own gap when it takes a pod's last policy away"
    for each in row["wrong"]:
        yield f"  {each}"


def moment_words(line: dict[str, Any]) -> str:
    """Return the line of one measurement."""
    unit = f" {line['unit']}" if line["unit"] == "s" else ""
    values = " ".join(f"{line[each]:>7.3f}" if unit else f"{line[each]:>7.0f}" for each in ("median", "least", "most"))
    return f"{values}{unit:<2} ({line['trials']}) {line['moment']}"


def holds(row: dict[str, Any]) -> bool:
    """Return whether nothing declared was lost, and nothing undeclared passed."""
    return not (row["lost"] or row["opened"] or row["cut"] or row["wrong"])


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _pair(pair: list[float]) -> str:
    return " / ".join(map(_ms, pair)) if pair else "-"
