"""The imitation itself: it keeps the rules in force that the account holds, and counts all packets that it judges."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.vpc.account import Account
from lab.vpc.counted import Action, Counted, Window
from lab.vpc.ledger import Ledger, UncountedError
from lab.vpc.netlink import TABLE
from lab.vpc.owners import owners_of
from lab.vpc.pods import Pods
from lab.vpc.ruleset import SEEN, Ruleset, switch

ROOM = 0xFFFF
"""How many kinds of packets of one verdict, family and protocol are counted between two calls of `Judge.window`.

The kernel reads sixteen bits of this number when it makes a set. For 65,536 it makes a small one, which loses packets
while it grows.
"""

NO_ROOM = 0
"""For a judge that counts nothing: it cannot run out of room, however many connections there are."""

_POLL_SECONDS = 1.0
_SETTINGS = Path("/proc/sys/net/netfilter")
_TIMEOUTS = {"tcp_timeout_established": 432_000, "udp_timeout": 30, "udp_timeout_stream": 180, "generic_timeout": 600}
"""For how many seconds AWS tracks what is idle, see "Idle connection tracking timeout" in Amazon's EC2 User Guide."""


class JudgeError(Exception):
    """The imitation cannot judge, or has not counted every packet."""


@dataclass(slots=True)
class Judge:
    """The judge of the packets that pass through the network namespace in which it is made.

    While a ``with`` block of it runs, it follows the account. A connection that stands at its begin counts as tracked.

    Attributes:
        accounts: Returns what the account holds now: `lab.vpc.account.read` with a client of EC2.
        pods: How pods meet the VPC.
        poll: After how many seconds the account is read again.
        room: How many kinds of packets of one verdict, family and protocol are counted between two calls; up to `ROOM`
            a set never grows. With `NO_ROOM`, it judges and counts nothing.
    """

    accounts: Callable[[], Account]
    pods: Pods
    poll: float = _POLL_SECONDS
    room: int = ROOM
    _rules: Ruleset | None = None
    _generation: int = 0
    _begin: float = 0.0
    _stood: dict[str, None] = field(default_factory=dict)
    _ledger: Ledger = field(default_factory=Ledger)
    _fault: Exception | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _alone: threading.RLock = field(default_factory=threading.RLock)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Judge from now on."""
        self._begin = time.time()
        self.settle()
        self._thread = threading.Thread(target=self._follow, name="lab.vpc", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop judging, and remove all rules."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        _nft(f"delete table inet {TABLE}\n")
        if kind is None:
            self._check()

    @property
    def written(self) -> int:
        """How many times rules and counters were written."""
        return self._generation

    def settle(self) -> None:
        """Return as soon as the rules that the account holds now are in force. It writes nothing where nothing changes.

        Raises:
            JudgeError: The rules cannot be put in force.
        """
        with self._alone:
            self._check()
            account = self.accounts()
            rules = Ruleset(account, owners_of(account, self.pods), self.pods, self.room)
            if rules != self._rules:
                self._put(rules)

    def window(self) -> Window:
        """Return what has passed, or was rejected, since the last call, or since the start.

        Raises:
            JudgeError: Not every packet was counted: there was no room for so many kinds, or none at all.
        """
        with self._alone:
            self._collect()
            begin, self._begin = self._begin, time.time()
            interfaces, self._stood = tuple(self._stood), dict.fromkeys(self._interfaces())
            ledger, self._ledger = self._ledger, Ledger()
            return Window(begin, self._begin, interfaces, tuple(ledger.counted()))

    def rejected(self) -> tuple[Counted, ...]:
        """Return what was rejected since the last call of `window`; the window goes on.

        Raises:
            JudgeError: As for `window`.
        """
        with self._alone:
            self._collect()
            return tuple(each for each in self._ledger.counted() if each.action is Action.REJECT)

    def _follow(self) -> None:
        while not self._ended.wait(self.poll):
            try:
                self.settle()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next call of the owner says it
                self._fault = error
                return

    def _check(self) -> None:
        if self._fault:
            raise JudgeError(f"the account is no longer followed: {self._fault}") from self._fault

    def _collect(self) -> None:
        self._check()
        if self._rules is None:
            raise JudgeError("judge within a with block")
        if self.room == NO_ROOM:
            raise JudgeError("this judge counts nothing: make it with room for that")
        self._put(self._rules)

    def _put(self, rules: Ruleset) -> None:
        """Have a new generation of rules and counters take the place of the last one, and count what that one holds."""
        last, number = self._rules, self._generation
        if last is None:
            _track_as_aws()
            _adopt()
        _nft(rules.text(number + 1))
        _nft(switch(number + 1))
        self._rules, self._generation = rules, number + 1
        self._stood.update(dict.fromkeys(self._interfaces()))
        if last is None:
            _adopt()  # once more: a connection that was opened meanwhile
            return
        try:
            if self.room != NO_ROOM:
                self._ledger.add(last.owners, number)
        except UncountedError as error:
            raise JudgeError(
                f"{error}: too many new kinds came at once. Send more slowly, call window() more often,"
                " or give the judge more room"
            ) from error
        finally:
            _nft(last.removal(number))

    def _interfaces(self) -> tuple[str, ...]:
        return tuple(self._rules.owners.interfaces) if self._rules else ()


def _track_as_aws() -> None:
    """Let this network namespace track what is idle for as long as AWS does."""
    for name, seconds in _TIMEOUTS.items():
        (_SETTINGS / f"nf_conntrack_{name}").write_text(str(seconds))


def _adopt() -> None:
    """Count the existing connections as tracked."""
    with contextlib.suppress(subprocess.CalledProcessError):  # there is none
        command = ["conntrack", "--update", f"--mark={SEEN:#x}/{SEEN:#x}"]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the line above


def _nft(text: str) -> None:
    """Carry out a transaction."""
    result = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)  # noqa: S607 - the system's
    if result.returncode != 0:
        raise JudgeError(f"nft: {result.stderr.strip()}")
