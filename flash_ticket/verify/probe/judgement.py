"""What the outcome of a connection means: open, stopped, or refused by a host where nothing listens.

Linux reports ``refused`` in two cases: the host answers that nothing listens on the port, or an enforcer rejects the
connection (iptables' REJECT, as kube-router writes it, answers with ICMP port unreachable). The caller cannot tell
these apart. What tells them apart is the declared enforcer, and whether anything listens at that address and port.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.verify.probe.script import ProbeOutcome

Place = tuple[str, int]
"""A host and a port, as the probe tries them."""


class Enforcer(StrEnum):
    """What the caller sees of a connection that the pod layer stops. The VPC layer always drops."""

    DROPS = "drops"
    """No answer. The AWS agent cannot be set to anything else."""
    MAY_REJECT = "may reject"
    """No answer, unless somebody has set it to reject, as Calico and Cilium can be."""
    REJECTS = "rejects"
    """This run shows it: a connection was refused where another one connects."""


class Listener(StrEnum):
    """Whether anything listens at a host and port, apart from the connection in question."""

    CONNECTED = "connected"
    """Another connection of this run opened there."""
    LIKELY = "likely"
    """The pod is ready, and its readiness probe uses the port: the kubelet saw that some seconds ago. Or another
    connection of this run opened to the same name, and a name may stand for several hosts."""
    ABSENT = "absent"
    """The pod itself is refused on its own address, where no policy applies."""
    UNKNOWN = "unknown"


class Meaning(StrEnum):
    """What the probe takes an outcome for."""

    OPEN = "open"
    ARRIVES = "it arrives, and nothing listens"
    DROPPED = "dropped without an answer"
    REJECTED = "an enforcer rejects it"
    UNREACHABLE = "the network answers that it cannot be reached"
    ABSENT = "nothing listens, and an enforcer that rejects looks the same"
    UNTOLD = "nothing listens, or an enforcer rejects it"
    NOTHING = "it shows nothing"


_OF_REFUSED: Final = {
    (Listener.CONNECTED, Enforcer.DROPS): Meaning.REJECTED,
    (Listener.CONNECTED, Enforcer.MAY_REJECT): Meaning.REJECTED,
    (Listener.CONNECTED, Enforcer.REJECTS): Meaning.REJECTED,
    (Listener.LIKELY, Enforcer.DROPS): Meaning.UNTOLD,
    (Listener.LIKELY, Enforcer.MAY_REJECT): Meaning.UNTOLD,
    (Listener.LIKELY, Enforcer.REJECTS): Meaning.REJECTED,
    (Listener.ABSENT, Enforcer.DROPS): Meaning.ARRIVES,
    (Listener.ABSENT, Enforcer.MAY_REJECT): Meaning.ABSENT,
    (Listener.ABSENT, Enforcer.REJECTS): Meaning.ABSENT,
    (Listener.UNKNOWN, Enforcer.DROPS): Meaning.ARRIVES,
    (Listener.UNKNOWN, Enforcer.MAY_REJECT): Meaning.UNTOLD,
    (Listener.UNKNOWN, Enforcer.REJECTS): Meaning.UNTOLD,
}
_OF_OTHERS: Final = {
    ProbeOutcome.CONNECTED: Meaning.OPEN,
    ProbeOutcome.TIMED_OUT: Meaning.DROPPED,
    ProbeOutcome.UNREACHABLE: Meaning.UNREACHABLE,
}
_ANSWERLESS: Final = "the declared enforcer gives no answer to what it stops"


@dataclass(frozen=True, slots=True)
class Control:
    """Why the probe knows whether anything listens at a host and port.

    Attributes:
        why: What shows it, in words.
    """

    listener: Listener
    why: str


_NO_CONTROL: Final = Control(Listener.UNKNOWN, "nothing else connects to it")


@dataclass(frozen=True, slots=True)
class Seen:
    """The outcome at one host, and what the probe takes it for.

    Attributes:
        why: What the meaning rests on; empty where the outcome says it all.
    """

    host: str
    outcome: ProbeOutcome
    meaning: Meaning
    why: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a run shows besides the connection in question.

    Attributes:
        controls: The places where something is known about the listener.
    """

    enforcer: Enforcer
    controls: Mapping[Place, Control]

    def seen(self, host: str, port: int, outcome: ProbeOutcome) -> Seen:
        """Return what an outcome at a host and port means, and why."""
        control = self.controls.get((host, port), _NO_CONTROL)
        if outcome is ProbeOutcome.REFUSED:
            meaning = _OF_REFUSED[control.listener, self.enforcer]
        else:
            meaning = _OF_OTHERS.get(outcome, Meaning.NOTHING)
        return Seen(host, outcome, meaning, _why(meaning, control))


def _why(meaning: Meaning, control: Control) -> str:
    match meaning:
        case Meaning.OPEN | Meaning.NOTHING:
            return ""
        case Meaning.ARRIVES:
            return f"{_ANSWERLESS}, and {control.why}" if control.listener is Listener.ABSENT else _ANSWERLESS
    return control.why


def enforcer_of(cni: CniName) -> Enforcer:
    """Return what the caller sees of a connection that the enforcer of a network plug-in stops."""
    match cni:
        case CniName.VPC_CNI:
            return Enforcer.DROPS
        case CniName.CALICO | CniName.CILIUM:
            return Enforcer.MAY_REJECT


def knowledge(
    declared: Enforcer, controls: Mapping[Place, Control], outcomes: Mapping[Place, set[ProbeOutcome]]
) -> Knowledge:
    """Return what a run shows.

    Args:
        declared: The declared enforcer.
        controls: What is known of the listeners.
        outcomes: All outcomes of the run at each place.
    """
    rejects = any(
        ProbeOutcome.REFUSED in outcomes.get(place, ()) and control.listener is Listener.CONNECTED
        for place, control in controls.items()
    )
    return Knowledge(Enforcer.REJECTS if rejects else declared, controls)
