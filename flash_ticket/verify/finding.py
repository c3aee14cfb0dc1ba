"""One difference from the declaration: what it is, where it is, why it matters, and how to fix it."""

from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.change.object_difference import Difference
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.notice import Notice


class FindingKind(StrEnum):
    """The kind of a finding, most urgent first."""

    OPEN = "open"
    """Pods that no policy selects for a direction."""
    WIDENING = "widening"
    """Somebody else's object that opens more than is declared."""
    OVERRULING = "overruling"
    """Somebody else's object that may decide before our policies do."""
    CUT_OFF = "cut off"
    """Pods whose declared flows cannot pass."""
    MISSING = "missing"
    CHANGED = "changed"
    UNKNOWN_POD = "unknown pod"
    """Pods whose labels match no service."""
    LEFT_OVER = "left over"
    """An object of this program that is no longer declared."""
    LEFT_BEHIND = "left behind"
    """Something that a deployment created, but ended before Pulumi knew about it."""
    NOT_RECORDING = "not recording"
    """A flow log that does not record or deliver."""
    EXPIRED = "expired"
    """A suspension that has ended and is still listed."""
    SUSPENDED = "suspended"
    """A current suspension: it is declared, and listed anyway."""
    NOTED = "noted"
    """Something as declared, but with a trait of the network plug-in that a person should know."""


@dataclass(frozen=True, slots=True)
class Finding(Notice):
    """One difference from the declaration; it always says why it matters.

    Attributes:
        kind: The kind of the difference.
        differences: The changed fields, for something that was changed.
    """

    why: str
    kind: FindingKind
    differences: tuple[Difference, ...] = ()

    @property
    def is_drift(self) -> bool:
        """Whether somebody has to act; a current suspension is declared, and a note changes nothing."""
        return self.kind not in (FindingKind.SUSPENDED, FindingKind.NOTED)


@dataclass(frozen=True)
class Comparison:
    """What is declared and compiled for one stack; each subclass compares a part of what runs with it."""

    planned: CompiledFirewall

    @property
    def _update(self) -> str:
        """The command that restores what was changed or removed."""
        return f"pulumi up --stack {self.planned.environment.name} --refresh"

    @property
    def _is_rendered(self) -> bool:
        """Whether something else than Pulumi applies the pod layer."""
        return self.planned.environment.cluster.pod_layer is PodLayerOwner.RENDERED

    @property
    def _policy_update(self) -> str:
        """The way to restore a NetworkPolicy that was changed or removed."""
        if not self._is_rendered:
            return self._update
        return (
            f"flash-firewall render --stack {self.planned.environment.name} --out DIR; commit what changes there, and "
            "apply it or let Argo CD sync it"
        )
