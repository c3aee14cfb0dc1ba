"""Denied packets that an export shows twice: Cilium writes the verdict of the policy, and then the drop.

Sources: Cilium's bpf/bpf_lxc.c (a verdict that is not "allowed" is written, and the drop after it),
pkg/monitor/api/types.go for the numbers of the types.
"""

from collections.abc import Hashable
from typing import Final

DROP, POLICY_VERDICT = 1, 5
"""The types of the two lines."""

MOST_PACKETS = 20_000
"""How many packets wait for their other line at once."""

_STEPS: Final = {POLICY_VERDICT: 1, DROP: -1}


class RepeatedLines:
    """Matches verdicts with drops, so that each packet counts once.

    The result for one connection and reason is the larger number of its two kinds of lines. So it does not matter which
    of the two comes first, and a packet that lost one of its lines still counts. An export with lines of one kind only
    counts them all. It is never more than the number of packets, unless so many packets wait that the oldest are
    forgotten.
    """

    __slots__ = ("_most", "_waiting")

    def __init__(self, most: int = MOST_PACKETS) -> None:
        self._most = most
        self._waiting: dict[Hashable, int] = {}

    def new(self, packet: Hashable, kind: int, count: int) -> int:
        """Return how many of the packets that a line is about are not counted yet.

        Args:
            packet: What both lines about a packet have in common.
            kind: The type of the line. A line of another type counts as it is.
            count: How many packets the line is about.
        """
        step = _STEPS.get(kind)
        if step is None:
            return count
        waiting = self._waiting.pop(packet, 0)
        known = min(count, max(0, -step * waiting))
        if left := waiting + step * count:
            if len(self._waiting) >= self._most:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[packet] = left
        return count - known
