"""The updates of a stack, as ``pulumi stack history --json`` tells them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_KINDS = {"update", "destroy"}


@dataclass(frozen=True, slots=True)
class StackUpdate:
    """One update or destroy.

    Attributes:
        kind: ``update`` or ``destroy``.
        begin: When it began, as ISO 8601 in UTC, whole seconds.
        end: When it ended; empty while it runs, or where it was killed.
        result: ``succeeded``, ``failed`` or ``in-progress``.
    """

    kind: str
    begin: str
    end: str
    result: str


def updates_of(history: Sequence[Mapping[str, Any]]) -> tuple[StackUpdate, ...]:
    """Return what changed something or tried to, in the order of the history: the last first."""
    return tuple(
        StackUpdate(
            str(entry["kind"]),
            _moment(entry.get("startTime")),
            _moment(entry.get("endTime")),
            str(entry.get("result", "")),
        )
        for entry in history
        if entry.get("kind") in _KINDS
    )


def _moment(text: object) -> str:
    return datetime.fromisoformat(str(text)).strftime("%Y-%m-%dT%H:%M:%SZ") if text else ""
