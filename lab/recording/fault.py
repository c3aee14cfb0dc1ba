"""What goes wrong at a write, and at which writes."""

from dataclasses import dataclass, field
from enum import StrEnum


class How(StrEnum):
    """A fault at a write."""

    KILL = "the engine is killed after the write, before it gets the answer"
    KILL_BEFORE = "the engine is killed before the write is made"
    SERVER_ERROR = "the API answers 500"
    THROTTLED = "the API answers that there are too many requests"
    CONFLICT = "the API answers that somebody else is changing the object"
    EXPIRED = "the API answers that the credentials are no longer valid"
    UNHEARD = "the write is made, and the connection breaks before the answer"
    SILENT = "the write is not made and gets no answer, until the client gives up"
    GONE = "the API hangs up on everything from this write on"
    DISK_FULL = "the disk of the stack's state is full from this write on"
    RIVAL = "a second engine starts on the same stack"


class Span(StrEnum):
    """Which writes a fault hits."""

    ONCE = "one write; all later requests pass, the same write too"
    ON = "a write and all writes after it, with no repair in between"
    EACH = "each write from there on, at its first try; the second try passes"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the writes that it hits.

    Attributes:
        how: What happens.
        at: The number of the first write that it hits, counted from 1 over both APIs.
        span: Which other writes it hits.
        met: The writes that were tried already, over all runs with this fault.
    """

    how: How
    at: int
    span: Span = Span.ONCE
    met: set[bytes] = field(default_factory=set, compare=False)

    def hits(self, number: int, write: bytes) -> bool:
        """Return whether the fault hits the write with this number; equal content is one write, tried twice."""
        is_new = write not in self.met
        self.met.add(write)
        match self.span:
            case Span.ONCE:
                return number == self.at
            case Span.ON:
                return number >= self.at
            case Span.EACH:
                return number >= self.at and is_new
