"""One connection to try from a pod, what is expected of it, and what came of it."""

from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.verify.probe.script import ProbeOutcome

_PASSED = {ProbeOutcome.CONNECTED, ProbeOutcome.REFUSED}
_SAYS_NOTHING = {ProbeOutcome.UNRESOLVED, ProbeOutcome.NO_TOOL, ProbeOutcome.UNKNOWN}


class Expectation(StrEnum):
    """What the declaration says of a connection."""

    CONNECTS = "must connect"
    BLOCKED = "must not connect"


class CheckVerdict(StrEnum):
    """Whether what came of it is as expected."""

    VIOLATED = "violated"
    NOT_RUN = "not run"
    """It says nothing: it could not be tried, or not understood."""
    HOLDS = "holds"


@dataclass(frozen=True, slots=True)
class Check:
    """One connection to try.

    Attributes:
        source: The service whose pod opens it.
        target: The service or external that it is opened to.
        ports: The declared range that it stands for.
        port: The one number of it that is tried.
        hosts: Addresses or names of the target, any of which may answer; empty where none is known.
    """

    source: str
    target: str
    ports: PortRange
    port: int
    expected: Expectation
    hosts: tuple[str, ...]

    def verdict(self, outcomes: tuple[ProbeOutcome, ...]) -> CheckVerdict:
        """Judge what came of it, an outcome for each host; none at all where it could not be tried."""
        judge = _of_declared if self.expected is Expectation.CONNECTS else _of_undeclared
        return judge(self, outcomes)

    def __str__(self) -> str:
        """Return ``api => pay : TCP 3100``."""
        return f"{self.source} => {self.target} : {self.ports.protocol} {self.port}"


@dataclass(frozen=True, slots=True)
class Checked:
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
        """Whether what came of it is as expected."""
        return self.check.verdict(self.outcomes)


def _of_declared(check: Check, outcomes: tuple[ProbeOutcome, ...]) -> CheckVerdict:
    # Of a range nobody need listen on the port that was picked; one that is declared alone is there to answer.
    is_range = check.ports.first != check.ports.last
    if ProbeOutcome.CONNECTED in outcomes or (is_range and ProbeOutcome.REFUSED in outcomes):
        return CheckVerdict.HOLDS
    return CheckVerdict.NOT_RUN if set(outcomes) <= _SAYS_NOTHING else CheckVerdict.VIOLATED


def _of_undeclared(_check: Check, outcomes: tuple[ProbeOutcome, ...]) -> CheckVerdict:
    if _PASSED & set(outcomes):
        return CheckVerdict.VIOLATED
    return CheckVerdict.NOT_RUN if not outcomes or _SAYS_NOTHING & set(outcomes) else CheckVerdict.HOLDS
