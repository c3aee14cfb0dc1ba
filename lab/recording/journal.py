"""The writes of one engine run in the order in which they were made, and what stood after each."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from lab.recording.fault import Fault, How
from lab.recording.message import Forward, Request, Response
from segmentation.deployed import Deployed


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was made, or that a fault hit.

    Attributes:
        number: From 1 on, over both APIs.
        api: ``aws`` or ``kubernetes``.
        action: Such as ``AuthorizeSecurityGroupIngress`` or ``PATCH networkpolicies/00-default-deny``.
        succeeded: Whether the API made it.
        fault: What it met; None for nothing.
        standing: What stands of the firewall after it.
    """

    number: int
    api: str
    action: str
    succeeded: bool
    fault: How | None
    standing: Deployed


class Api(Protocol):
    """What the journal must know of an API."""

    @property
    def name(self) -> str:
        """``aws`` or ``kubernetes``."""

    def action(self, request: Request) -> str:
        """Return what a request writes; empty if it writes nothing."""

    def refusal(self, request: Request, how: How) -> Response:
        """Return the answer that a fault gives in the API's place."""


@dataclass
class Journal:
    """Stands in the way of every request of one run and lets one write through at a time.

    Attributes:
        look: How to see what stands, past the journal.
        fault: What to put in the way; None for nothing.
        kill: How the engine is killed.
        before: What stood before the first write.
        writes: What was written so far.
    """

    look: Callable[[], Deployed]
    fault: Fault | None = None
    kill: Callable[[], None] = field(default=lambda: None)
    writes: list[Write] = field(default_factory=list)
    before: Deployed = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.before = self.look()

    def handle(self, api: Api, request: Request, forward: Forward) -> Response | None:
        """Pass a request on, or let it meet its fault; None hangs up."""
        action = api.action(request)
        if api.name in self._gone:
            return None
        if not action:
            return forward()
        with self._lock:
            number = len(self.writes) + 1
            how = self.fault.how if self.fault and self.fault.hits(number) else None
            response = self._answer(api, request, forward, how)
            made = how in {None, How.KILL, How.UNHEARD} and response is not None and response.succeeded
            standing = self.look() if made else self._standing
            self.writes.append(Write(number, api.name, action, made, how, standing))
            if how is How.KILL:
                self.kill()
        return None if how in {How.KILL, How.UNHEARD} else response

    @property
    def _standing(self) -> Deployed:
        return self.writes[-1].standing if self.writes else self.before

    def _answer(self, api: Api, request: Request, forward: Forward, how: How | None) -> Response | None:
        match how:
            case None | How.KILL | How.UNHEARD:
                return forward()
            case How.GONE:
                self._gone.add(api.name)
                return None
            case _:
                return api.refusal(request, how)
