"""One connection to try from a pod, the expected outcome and the actual one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.verify.probe.judgement import Meaning, Seen

_PASSES: Final = {Meaning.OPEN, Meaning.ARRIVES}
_UNDECIDED: Final = {Meaning.ABSENT, Meaning.UNTOLD}


class Expectation(StrEnum):
    """What the declaration says about a connection."""

    CONNECTS = "must connect"
    BLOCKED = "must not connect"


class CheckVerdict(StrEnum):
    """Whether the outcome is the expected one."""

    VIOLATED = "violated"
    NOT_RUN = "not run"
    """It shows nothing: the connection could not be tried, or the answer could not be read."""
    UNDECIDED = "undecided"
    """It was refused, and nothing shows whether by an enforcer or by a host where nothing listens."""
    HOLDS = "holds"


@dataclass(frozen=True, slots=True)
class Check:
    """One connection to try.

    Attributes:
        source: The service whose pod opens the connection.
        target: The service or external at the other end.
        ports: The declared range that is checked.
        port: The port of the range that is tried.
        hosts: Addresses or names of the target; any of them may answer. Empty where none is known.
    """

    source: str
    target: str
    ports: PortRange
    port: int
    expected: Expectation
    hosts: tuple[str, ...]

    def __str__(self) -> str:
        """Return ``api => pay : TCP 3100``."""
        return f"{self.source} => {self.target} : {self.ports.protocol} {self.port}"


@dataclass(frozen=True, slots=True)
class TriedCheck:
    """A check that was tried.

    Attributes:
        seen: The outcome at each host of the check; empty where it could not be tried.
        problem: Why it could not be tried; empty where it was.
    """

    check: Check
    seen: tuple[Seen, ...]
    problem: str = ""

    @property
    def verdict(self) -> CheckVerdict:
        """Whether the outcome is the expected one."""
        meanings = {each.meaning for each in self.seen}
        if self.check.expected is Expectation.CONNECTS:
            return _of_declared(self.check.ports, meanings)
        return _of_undeclared(meanings)


def _of_declared(ports: PortRange, meanings: set[Meaning]) -> CheckVerdict:
    # In a range, nothing has to listen on the port that was picked. A single declared port has to answer.
    is_range = ports.first != ports.last
    if Meaning.OPEN in meanings or (is_range and Meaning.ARRIVES in meanings):
        return CheckVerdict.HOLDS
    if meanings <= {Meaning.NOTHING}:
        return CheckVerdict.NOT_RUN
    return CheckVerdict.UNDECIDED if is_range and meanings & _UNDECIDED else CheckVerdict.VIOLATED


def _of_undeclared(meanings: set[Meaning]) -> CheckVerdict:
    if meanings & _PASSES:
        return CheckVerdict.VIOLATED
    if not meanings or Meaning.NOTHING in meanings:
        return CheckVerdict.NOT_RUN
    return CheckVerdict.UNDECIDED if meanings & _UNDECIDED else CheckVerdict.HOLDS
