"""Judges of the packets of a test."""

from collections.abc import Callable

from lab.vpc.account import Account
from lab.vpc.judge import Judge
from lab.vpc.pods import Pods

_ROOM = 256


def judging(accounts: Callable[[], Account], pods: Pods, poll: float = 1.0) -> Judge:
    """Return a judge with room for the few kinds of packets that a test sends.

    The kernel clears 36 MiB for a judge with all the room that there can be, each time that the judge writes its rules.
    """
    return Judge(accounts, pods, poll, _ROOM)
