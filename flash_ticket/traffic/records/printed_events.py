"""Events of CloudWatch Logs as the AWS CLI prints them: JSON over several lines, one for each field of an event."""

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
        place: Where its message stands.
        time: Seconds since 1970; None where it has none.
    """

    place: str
    message: str
    time: float | None


class PrintedEvents:
    """Puts the fields of events together again, whichever comes first.

    A line with a message is an event; all others of the print (braces, brackets, other fields) say nothing themselves.
    """

    __slots__ = ("_complete", "_message", "_place", "_time")

    def __init__(self) -> None:
        self._message: str | None = None
        self._place = ""
        self._time: float | None = None
        self._complete: list[PrintedEvent] = []

    def takes(self, text: bytes, place: str) -> bool | None:
        """Take a line that is part of the print: True with a message, False without one, None for any other line.

        Raises:
            msgspec.MsgspecError: A message or a time that is cut short, or none.
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
        """Take the event as complete whose lines came last: after its brace, and after the last line of all."""
        if self._message is not None:
            self._complete.append(PrintedEvent(self._place, self._message, self._time))
        self._message = self._time = None

    def complete(self) -> list[PrintedEvent]:
        """Return the events that are complete, and forget them."""
        found, self._complete = self._complete, []
        return found
