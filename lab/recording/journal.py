"""The writes of one engine run in their order, and what was deployed after each."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol
from urllib.parse import urlsplit

from flash_ticket.firewall.change.deployed import Deployed
from lab.recording.fault import Fault, How
from lab.recording.message import Forward, Request, Response

PATIENCE_SECONDS = 5.0
"""How long a write gets no answer before the connection breaks."""

# What differs between two tries of one write: idempotency tokens, random suffixes of names, and the times that objects
# note for their changes.
_PASSING = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{18,}|[0-9-]{10}T[0-9:]{8}Z")

_UNHEARD = {How.KILL, How.UNHEARD}
_UNMADE = {
    How.KILL_BEFORE,
    How.SERVER_ERROR,
    How.THROTTLED,
    How.CONFLICT,
    How.EXPIRED,
    How.SILENT,
    How.GONE,
}


@dataclass(frozen=True, slots=True)
class Write:
    """One write, made or hit by a fault.

    Attributes:
        number: Counted from 1 over both APIs.
        api: ``aws`` or ``kubernetes``.
        action: Such as ``AuthorizeSecurityGroupIngress`` or ``PATCH networkpolicies/00-default-deny``.
        succeeded: Whether the API made it.
        fault: The fault that hit it, if any.
        standing: What is deployed of the firewall after it.
    """

    number: int
    api: str
    action: str
    succeeded: bool
    fault: How | None
    standing: Deployed


class Part(Enum):
    """A part of the deployed firewall that one write can change."""

    CLUSTER = "the policies in the cluster, of every kind"
    POLICIES = "the NetworkPolicies in the cluster"
    ATTACHMENTS = "the SecurityGroupPolicies in the cluster"
    GROUP = "one group in the account, with its rules"
    VPC = "the groups, rules and flow logs in the account"
    NONE = "none of it"


@dataclass(frozen=True, slots=True)
class Reach:
    """What one write can change.

    Attributes:
        part: The part of the deployed firewall.
        group: The id of the group that it changes; empty for another part.
    """

    part: Part
    group: str = ""


class Look(Protocol):
    """Returns what is deployed of the firewall, without passing the journal."""

    def now(self) -> Deployed:
        """Return all of it."""

    def after(self, former: Deployed, reach: Reach) -> Deployed:
        """Return all of it after one write since ``former``."""


class Api(Protocol):
    """What the journal needs to know about an API."""

    @property
    def name(self) -> str:
        """``aws`` or ``kubernetes``."""

    def action(self, request: Request) -> str:
        """Return the name of the write that a request makes; empty if it writes nothing."""

    def reach(self, request: Request) -> Reach:
        """Return what the request can change of the firewall."""

    def refusal(self, request: Request, how: How) -> Response:
        """Return the answer that a fault gives instead of the API."""


@dataclass
class Journal:
    """Sees every request of one run, and lets one write through at a time.

    Attributes:
        look: Returns what is deployed.
        fault: The fault to inject, if any.
        incidents: What a fault does outside the APIs: kill an engine, fill a disk, start a rival.
        before: What was deployed before the first write.
        writes: The writes so far.
    """

    look: Look
    fault: Fault | None = None
    incidents: Mapping[How, Callable[[], None]] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    before: Deployed = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gone: set[str] = field(default_factory=set)
    _killed: bool = False

    def __post_init__(self) -> None:
        self.before = self.look.now()

    def handle(self, api: Api, request: Request, forward: Forward) -> Response | None:
        """Pass a request on, or inject the fault; None hangs up."""
        action = api.action(request)
        if api.name in self._gone:
            return None
        if not action:
            return forward()
        with self._lock:
            if self._killed:
                return None  # the client is gone
            number = len(self.writes) + 1
            how = self.fault.how if self.fault and self.fault.hits(number, _identity(request)) else None
            response = self._answer(api, request, forward, how)
            made = how not in _UNMADE and response is not None and response.succeeded
            standing = self.look.after(self._standing, api.reach(request)) if made else self._standing
            self.writes.append(Write(number, api.name, action, made, how, standing))
            if how in {How.KILL, How.KILL_BEFORE}:
                self._killed = True
            if how and how in self.incidents:
                self.incidents[how]()
        if how is How.SILENT:
            time.sleep(PATIENCE_SECONDS)
        return None if how in _UNHEARD else response

    @property
    def _standing(self) -> Deployed:
        return self.writes[-1].standing if self.writes else self.before

    def _answer(self, api: Api, request: Request, forward: Forward, how: How | None) -> Response | None:
        match how:
            case None | How.KILL | How.UNHEARD | How.DISK_FULL | How.RIVAL:
                return forward()
            case How.GONE:
                self._gone.add(api.name)
                return None
            case How.KILL_BEFORE | How.SILENT:
                return None
            case _:
                return api.refusal(request, how)


def _identity(request: Request) -> bytes:
    """Return what two tries of one write have in common. A query only names the client or repeats the body."""
    return _PASSING.sub(b"", f"{request.method} {urlsplit(request.path).path} ".encode() + request.body)
