"""What a page for the night shows: the answers of several verbs about one stack, or why one of them has no answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flash_ticket.firewall.change.history import Versions
from flash_ticket.firewall.declare.suspensions import Suspensions
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.rollback import ListedVersion, listed_versions
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.denials.denied import Denial, Denied, Standing
from flash_ticket.verify.verification import Verification

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why a question has no answer, and what to do about it."""

    error: str


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """An answer, or why there is none."""

    found: Answer | None
    missing: NoAnswer | None = None


def asked(question: Callable[[], Answer]) -> Asked[Answer]:
    """Ask, and keep the reason if there is no answer: at night a part of the answers is better than none."""
    try:
        return Asked(question())
    except InputError as error:
        return Asked(None, NoAnswer(" ".join(str(each) for each in error.each)))


@dataclass(frozen=True, slots=True)
class DeniedTraffic:
    """What was denied, and the traffic that shows it."""

    denied: Denied
    traffic: AttributedTraffic


@dataclass(frozen=True, slots=True)
class Night:
    """The answers about one stack.

    Attributes:
        stack: The stack's name, as the commands take it.
        namespace: The namespace of the shop.
        taken: When the questions were asked, in seconds since 1970.
        since: The start of the period, in seconds since 1970; None for everything that is recorded.
        period: The period as a person wrote it, such as ``1h``.
        traffic: What was denied in the period.
        verification: What runs, compared with what is declared.
        versions: What the stack has declared.
        suspensions: The policies that are open for a while.
    """

    stack: str
    namespace: str
    taken: float
    since: float | None
    period: str
    traffic: Asked[DeniedTraffic]
    verification: Asked[Verification]
    versions: Asked[Versions]
    suspensions: Suspensions

    @property
    def declared(self) -> tuple[Denial, ...]:
        """The declared connections that were denied."""
        return self._denials(Standing.DECLARED)

    @property
    def undeclared(self) -> tuple[Denial, ...]:
        """The undeclared connections that were denied."""
        return self._denials(Standing.UNDECLARED)

    def _denials(self, standing: Standing) -> tuple[Denial, ...]:
        found = self.traffic.found
        return tuple(each for each in found.denied.denials if each.standing is standing) if found else ()

    @property
    def changes(self) -> Sequence[ListedVersion]:
        """The versions that the stack has declared, the last first, each with what it opened and closed."""
        return listed_versions(self.versions.found, self.stack.rpartition("/")[2]) if self.versions.found else ()

    @property
    def holds(self) -> bool:
        """Whether every question has an answer, nothing declared was denied, nothing drifts, and nothing is overdue."""
        answers = (self.traffic, self.verification, self.versions)
        drifts = self.verification.found is not None and not self.verification.found.holds
        return not (any(each.missing for each in answers) or self.declared or drifts or self.suspensions.over)
