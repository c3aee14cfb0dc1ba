"""The few forms of PromQL that the rules are made of."""

from dataclasses import dataclass

PERIOD_SECONDS = 300
"""The length of the range that rates are taken over, ``5m``."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of one metric: ``metric{label="value"}``."""

    metric: str
    matchers: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the selector as PromQL."""
        return f"{self.metric}{{{', '.join(self.matchers)}}}" if self.matchers else self.metric


def equal(label: str, value: str) -> str:
    """Return a matcher for one value, the empty one for a label that is not there."""
    return f"{label}={_quoted(value)}"


def not_equal(label: str, value: str) -> str:
    """Return a matcher for every value but one."""
    return f"{label}!={_quoted(value)}"


def matching(label: str, regex: str) -> str:
    """Return a matcher for what a regular expression matches as a whole."""
    return f"{label}=~{_quoted(regex)}"


def grown(selector: Selector) -> str:
    """Return by how much counters have grown in five minutes, by series.

    ``increase`` knows nothing of a series before its first sample, and a counter of drops begins with a drop: what is
    new counts as a whole. New is what was not there during the hour before, so that counters that come back after a
    gap in the scraping do not count twice.
    """
    return f"(({selector} unless max_over_time({selector}[1h] offset 5m)) or increase({selector}[5m]))"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
