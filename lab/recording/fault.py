"""What may go wrong at a write, and at which ones."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the writes that it hits.

    Attributes:
        how: What happens.
        at: The number of the first write that is hit, from 1 on, over both APIs.
        times: How many writes are hit; None for all from there on, as if nobody mended it.
    """

    how: How
    at: int
    times: int | None = 1

    def hits(self, number: int) -> bool:
        """Tell whether the write of this number is hit."""
        return number >= self.at and (self.times is None or number < self.at + self.times)
