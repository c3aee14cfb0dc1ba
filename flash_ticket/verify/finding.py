"""One thing that lives otherwise than it is declared: what, where, why it matters, and what mends it."""

from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.change.object_difference import Difference
from flash_ticket.firewall.terms.notice import Notice


class FindingKind(StrEnum):
    """What is wrong, the most urgent first."""

    OPEN = "open"
    """Pods that no policy governs in a direction."""
    WIDENING = "widening"
    """Something of others that opens more than is declared."""
    OVERRULING = "overruling"
    """Something of others that may decide before our policies do."""
    CUT_OFF = "cut off"
    """Pods whose declared flows cannot pass."""
    MISSING = "missing"
    CHANGED = "changed"
    UNKNOWN_POD = "unknown pod"
    """Pods whose labels match no service."""
    LEFT_OVER = "left over"
    """This program's own, and not declared any more."""
    LEFT_BEHIND = "left behind"
    """What a deployment made and ended before Pulumi knew of it."""
    NOT_RECORDING = "not recording"
    """A flow log that does not do its work."""
    EXPIRED = "expired"
    """A suspension that is over and still listed."""
    SUSPENDED = "suspended"
    """A suspension that goes on: declared, and told all the same."""


@dataclass(frozen=True, slots=True)
class Finding(Notice):
    """One thing that is not as declared; it always says why that matters.

    Attributes:
        kind: What is wrong.
        differences: For something changed: field by field.
    """

    why: str
    kind: FindingKind
    differences: tuple[Difference, ...] = ()

    @property
    def is_drift(self) -> bool:
        """Whether something is to be done; a suspension that goes on is declared."""
        return self.kind is not FindingKind.SUSPENDED


def update_of(stack: str) -> str:
    """Return the command that takes back what somebody changed, and makes again what is gone."""
    return f"pulumi up --stack {stack} --refresh"
