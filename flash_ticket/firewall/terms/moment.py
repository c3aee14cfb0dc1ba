"""Moments as people write them: a time, or how long ago."""

import re
from datetime import UTC, datetime

from flash_ticket.firewall.terms.input_error import InputError, shown

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"([0-9]{1,9})([smhdw])")


def moment(text: str, now: float, option: str = "--since") -> float:
    """Return a moment in seconds since 1970.

    Args:
        text: An age such as ``90m``, ``2h`` or ``3d``, or an ISO 8601 time such as ``2026-11-24T03:00Z`` (UTC if it
            has no zone).
        now: The present, in seconds since 1970.
        option: The option that holds the text, for the error.

    Raises:
        InputError: The text is neither.
    """
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        remedy = "Write how long ago, such as 90m, 2h or 3d, or a time such as 2026-11-24T03:00Z"
        raise InputError(option, "", f"{shown(text)} is neither a time nor how long ago", remedy) from None


def written(seconds: float) -> str:
    """Return a moment as ISO 8601 in UTC, in whole seconds; empty if it is outside the calendar's range."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""
