"""A request and its answer as they pass through the recording."""

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
    """An answer from the API, or from a fault in its place."""

    status: int
    headers: Headers
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110, section 15.3


Forward = Callable[[], Response]
Handler = Callable[[Request, Forward], Response | None]
"""Handles a request: it returns an answer, which it may get from the API with ``Forward``; None hangs up."""
