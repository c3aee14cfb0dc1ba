"""How reports of recorded traffic put who it was, when and how much."""

from collections.abc import Sequence

from flash_ticket.firewall.terms.moment import written
from flash_ticket.traffic.records.record import PodIdentity


def who(addresses: Sequence[str], pods: Sequence[PodIdentity]) -> str:
    """Return the addresses of an end, with the names of its pods where they are known."""
    named = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods if pod.name)
    told = ", ".join(addresses) or "an address that is not told"
    return f"{told} ({named})" if named else told


def span(first: float, last: float) -> str:
    """Return a time, or from when to when, of seconds since 1970."""
    begin, end = written(first), written(last)
    return begin if begin == end else f"{begin} to {end}"


def line_count(count: int) -> str:
    """Return ``1 line`` or ``2,000 lines``."""
    return f"{count:,} line" if count == 1 else f"{count:,} lines"
