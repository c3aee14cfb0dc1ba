"""What may go wrong at a write, and at which ones."""

from dataclasses import dataclass, field
from enum import StrEnum


class How(StrEnum):
    """A fault at a write."""

    KILL = "the engine is killed after the write, before it hears of it"
    KILL_BEFORE = "the engine is killed before the write is made"
    SERVER_ERROR = "the API answers 500"
    THROTTLED = "the API answers that there are too many requests"
    CONFLICT = "the API answers that somebody else is changing it"
    EXPIRED = "the API answers that the credentials are no longer valid"
    UNHEARD = "the write is made, and the connection breaks before the answer"
    SILENT = "nothing answers the write, which is not made, until the client's patience is over"
    GONE = "the API hangs up on everything from this write on"
    DISK_FULL = "the disk of the stack's state is full from this write on"
    RIVAL = "a second engine starts on the same stack"


class Span(StrEnum):
    """Which writes a fault hits."""

    ONCE = "one write, and what is asked after it passes, the same write too"
    ON = "a write and all after it, as if nobody mended it"
    EACH = "each write from there on when it is asked the first time; asked again, it passes"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the writes that it hits.

    Attributes:
        how: What happens.
        at: The number of the first write that is hit, from 1 on, over both APIs.
        span: Which others are hit.
        met: What was asked already, over all runs that this fault is in the way of.
    """

    how: How
    at: int
    span: Span = Span.ONCE
    met: set[bytes] = field(default_factory=set, compare=False)

    def hits(self, number: int, write: bytes) -> bool:
        """Tell whether the write of this number is hit; two that are called the same are one, asked again."""
        is_new = write not in self.met
        self.met.add(write)
        match self.span:
            case Span.ONCE:
                return number == self.at
            case Span.ON:
                return number >= self.at
            case Span.EACH:
                return number >= self.at and is_new
