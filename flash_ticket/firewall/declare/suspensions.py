"""The configuration key ``flash-ticket-firewall:suspensions`` of Pulumi.<stack>.yaml."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from flash_ticket.firewall.declare.binding import PROJECT, stack_file
from flash_ticket.firewall.declare.fields import FreeText
from flash_ticket.firewall.declare.validation import FileModel, refusal, validated
from flash_ticket.firewall.terms.input_error import InputError, escaped, gathered, refuse_all, shown
from flash_ticket.firewall.terms.moment import written

SUSPENSIONS_KEY = f"{PROJECT}:suspensions"
"""The key of Pulumi's configuration that contains a stack's suspensions."""

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=24)
"""An update takes a part of a minute; what stays open for longer than a day belongs in traffic.yaml."""

_DURATION = re.compile(r"([0-9]{1,5})([mh])")
_UNITS = {"m": "minutes", "h": "hours"}


@dataclass(frozen=True, slots=True, order=True)
class Suspension:
    """One policy, opened at the pod layer for a while.

    Attributes:
        policy: The policy's name.
        until: The end of the suspension, in UTC.
        reason: Why it is open, in a person's words.
        author: Who opened it, as git or the operating system knows them.
    """

    policy: str
    until: datetime
    reason: str
    author: str

    @property
    def end(self) -> str:
        """The end of the suspension, as ISO 8601."""
        return written(self.until.timestamp())

    def said(self) -> str:
        """Return the author and the reason, with control and invisible characters escaped."""
        return escaped(f"by {self.author}: {self.reason}")


@dataclass(frozen=True, slots=True)
class Suspensions:
    """The suspensions in a stack's configuration, at one moment.

    Attributes:
        listed: All of them.
        at: The moment, in UTC.
    """

    listed: tuple[Suspension, ...]
    at: datetime

    @property
    def open(self) -> tuple[Suspension, ...]:
        """The suspensions that are not over."""
        return tuple(each for each in self.listed if each.until > self.at)

    @property
    def over(self) -> tuple[Suspension, ...]:
        """The suspensions that are over but still listed."""
        return tuple(each for each in self.listed if each.until <= self.at)

    def adding(self, *new: Suspension) -> "Suspensions":
        """Return these with new suspensions, sorted; a new one replaces one of the same policy."""
        return replace(self, listed=tuple(sorted((*self.without(*(each.policy for each in new)).listed, *new))))

    def without(self, *policies: str) -> "Suspensions":
        """Return these without the suspensions of some policies."""
        return replace(self, listed=tuple(each for each in self.listed if each.policy not in policies))

    def chosen(self, name: str | None, *, every: bool) -> tuple[Suspension, ...]:
        """Return the chosen suspensions: all, or that of one policy.

        Raises:
            InputError: Neither or both are given, or the policy is not suspended.
        """
        require_one_choice(name, every=every)
        found = tuple(each for each in self.listed if every or each.policy == name)
        if not found and not every:
            known = ", ".join(each.policy for each in self.listed) or "nothing is"
            raise InputError("POLICY", "", f"{shown(name)} is not suspended", f"Name what is suspended: {known}")
        return found


NONE_SUSPENDED = Suspensions((), datetime.min.replace(tzinfo=UTC))


def require_one_choice(name: str | None, *, every: bool) -> None:
    """Refuse a choice of neither a policy nor all, or of both.

    Raises:
        InputError: Neither or both are given.
    """
    if every == bool(name):
        raise InputError(
            "POLICY", "", "exactly one of a policy name and --all is required", "Name one policy, or use only --all"
        )


def _until(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime) and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):  # a time near the end of the calendar may be after it in UTC
        pass
    raise refusal(f"{shown(value)} is not a time with its zone", "Write one such as '2026-11-24T03:00:00Z'")


class SuspensionEntry(FileModel):
    """One suspension."""

    policy: Annotated[str, Field(min_length=1)]
    until: Annotated[datetime, PlainValidator(_until)]
    reason: FreeText
    author: FreeText


def parse_suspensions(content: Any, stack: str, at: datetime) -> Suspensions:  # noqa: ANN401 - parsed YAML or JSON
    """Return the suspensions of a stack; empty without the key.

    Args:
        content: The value of the key; None if the key is absent.
        stack: The stack, for the error.
        at: The current time, in UTC.

    Raises:
        InputError: The content has a mistake; the error holds all of them.
    """
    source = stack_file(stack)
    if not isinstance(content, list | None):
        raise InputError(source, SUSPENSIONS_KEY, f"{shown(content)} is not a list", "Write a list, or remove the key")
    entries, mistakes = list[SuspensionEntry](), list[InputError]()
    for index, entry in enumerate(content or ()):
        with gathered(mistakes):
            entries.append(validated(SuspensionEntry, entry, source, f"{SUSPENSIONS_KEY}[{index}]"))
    refuse_all(mistakes)
    listed = tuple(map(_suspension, entries))
    names = [each.policy for each in listed]
    for name in names:
        if names.count(name) > 1:
            raise InputError(source, SUSPENSIONS_KEY, f"{shown(name)} appears twice", "Remove one of them")
    return Suspensions(listed, at)


def entered(policy: str, until: datetime, reason: str, author: str) -> Suspension:
    """Return a new suspension, with the same checks as for the file.

    Raises:
        InputError: The reason is empty or too long.
    """
    if not reason.strip():
        raise InputError("--reason", "", "it is empty", "Say why, for the person who finds the policy open")
    content = {"policy": policy, "until": until.replace(microsecond=0), "reason": reason, "author": author}
    return _suspension(validated(SuspensionEntry, content, "suspend", ""))


def lasting(text: str) -> timedelta:
    """Return the duration of a suspension from a text such as ``30m`` or ``2h``.

    Raises:
        InputError: The text is not a duration, or not between 1 minute and 24 hours.
    """
    parts = _DURATION.fullmatch(text)
    found = timedelta(**{_UNITS[parts[2]]: int(parts[1])}) if parts else timedelta(0)
    if not SHORTEST <= found <= LONGEST:
        raise InputError("--for", "", f"{shown(text)} is not a time from 1m to 24h", "Write one such as 30m or 2h")
    return found


def _suspension(entry: SuspensionEntry) -> Suspension:
    return Suspension(entry.policy, entry.until, entry.reason, entry.author)
