"""One connection to try from a pod, the expected outcome and the actual one."""

from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.verify.probe.script import ProbeOutcome

_PASSED = {ProbeOutcome.CONNECTED, ProbeOutcome.REFUSED}
_SAYS_NOTHING = {ProbeOutcome.UNRESOLVED, ProbeOutcome.NO_TOOL, ProbeOutcome.UNKNOWN}


class Expectation(StrEnum):
    """What the declaration says about a connection."""

    CONNECTS = "must connect"
    BLOCKED = "must not connect"


class CheckVerdict(StrEnum):
    """Whether the outcome is the expected one."""

    VIOLATED = "violated"
    NOT_RUN = "not run"
    """It shows nothing: the connection could not be tried, or the answer could not be read."""
    HOLDS = "holds"


@dataclass(frozen=True, slots=True)
class Check:
    """One connection to try.

    Attributes:
        source: The service whose pod opens the connection.
        target: The service or external at the other end.
        ports: The declared range that is checked.
        port: The port of the range that is tried.
        hosts: Addresses or names of the target, any of which may answer; empty where none is known.
    """

    source: str
    target: str
    ports: PortRange
    port: int
    expected: Expectation
    hosts: tuple[str, ...]

    def verdict(self, outcomes: tuple[ProbeOutcome, ...]) -> CheckVerdict:
        """Judge the outcomes, one for each host; there is none if the connection could not be tried."""
        judge = _of_declared if self.expected is Expectation.CONNECTS else _of_undeclared
        return judge(self, outcomes)

    def __str__(self) -> str:
        """Return ``api => pay : TCP 3100``."""
        return f"{self.source} => {self.target} : {self.ports.protocol} {self.port}"


@dataclass(frozen=True, slots=True)
class TriedCheck:
    """A check that was tried.

    Attributes:
        outcomes: One for each host of the check; empty where it could not be tried.
        problem: Why it could not be tried; empty where it was.
    """

    check: Check
    outcomes: tuple[ProbeOutcome, ...]
    problem: str = ""

    @property
    def verdict(self) -> CheckVerdict:
        """Whether the outcome is the expected one."""
        return self.check.verdict(self.outcomes)


def _of_declared(check: Check, outcomes: tuple[ProbeOutcome, ...]) -> CheckVerdict:
    # In a range, nothing has to listen on the port that was picked. A single declared port has to answer.
    is_range = check.ports.first != check.ports.last
    if ProbeOutcome.CONNECTED in outcomes or (is_range and ProbeOutcome.REFUSED in outcomes):
        return CheckVerdict.HOLDS
    return CheckVerdict.NOT_RUN if set(outcomes) <= _SAYS_NOTHING else CheckVerdict.VIOLATED


def _of_undeclared(_check: Check, outcomes: tuple[ProbeOutcome, ...]) -> CheckVerdict:
    if _PASSED & set(outcomes):
        return CheckVerdict.VIOLATED
    return CheckVerdict.NOT_RUN if not outcomes or _SAYS_NOTHING & set(outcomes) else CheckVerdict.HOLDS
