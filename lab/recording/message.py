"""A request and its answer on their way through the recording."""

from collections.abc import Callable
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the client sent it; the path holds the query."""

    method: str
    path: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as the API gave it, or as a fault puts it in its place."""

    status: int
    headers: Headers
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether the status is in the two hundreds."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110, section 15.3


Forward = Callable[[], Response]
Handler = Callable[[Request, Forward], Response | None]
"""What stands in the way of a request: it returns an answer, asking the API with ``Forward`` or not; None hangs up."""
