"""Events of CloudWatch Logs as the AWS CLI prints them: JSON on several lines, one for each field of an event."""

import re
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

Milliseconds = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
"""Since 1970, to the end of the year 9999."""

_FIELD = re.compile(rb'"(message|timestamp)": (.*?),?')
_PRINTED = re.compile(rb'[\[\]{}]{1,2},?|"\w{1,64}": .*')

_decode_text = msgspec.json.Decoder(str).decode
_decode_milliseconds = msgspec.json.Decoder(Milliseconds).decode


class PrintedEvent(NamedTuple):
    """An event.

    Attributes:
        place: The place of its message.
        time: Seconds since 1970; None if it has none.
    """

    place: str
    message: str
    time: float | None


class PrintedEvents:
    """Joins the fields of each event, in whatever order they come.

    A line with a message is an event. All other printed lines (braces, brackets, other fields) are part of one.
    """

    __slots__ = ("_complete", "_message", "_place", "_time")

    def __init__(self) -> None:
        self._message: str | None = None
        self._place = ""
        self._time: float | None = None
        self._complete: list[PrintedEvent] = []

    def takes(self, text: bytes, place: str) -> bool | None:
        """Take a printed line: return True if it has a message, False if not, and None for any other line.

        Raises:
            msgspec.MsgspecError: A message or a time is incomplete or invalid.
        """
        text = text.strip()
        if not _PRINTED.fullmatch(text):
            return None
        if text.startswith(b"}"):
            self.end()
        field = _FIELD.fullmatch(text)
        if not field:
            return False
        if field[1] == b"timestamp":
            self._time = _decode_milliseconds(field[2]) / 1000
            return False
        message = _decode_text(field[2])
        if self._message is not None:
            self.end()
        self._message, self._place = message, place
        return True

    def end(self) -> None:
        """Mark the current event as complete: after its closing brace, and after the last line."""
        if self._message is not None:
            self._complete.append(PrintedEvent(self._place, self._message, self._time))
        self._message = self._time = None

    def complete(self) -> list[PrintedEvent]:
        """Return the events that are complete, and forget them."""
        found, self._complete = self._complete, []
        return found
