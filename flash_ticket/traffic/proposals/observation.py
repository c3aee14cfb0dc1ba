"""Observed traffic of one pair of ends on one port, from all logs together: whether it worked.

No single record shows that. A flow log without a reply shows only that nothing stopped the request in the VPC layer,
and a log from the caller's end does not show that anything arrived.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Direction, Layer
from flash_ticket.traffic.attribution.attribution import Conversation
from flash_ticket.traffic.records.record import Disposition, Evidence, PodIdentity


class Fate(StrEnum):
    """The outcome of the traffic of one pair on one port, as far as all logs together show it."""

    WORKED = "worked"
    UNANSWERED = "unanswered"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Observation:
    """Recorded traffic of one pair on one port with one fate.

    Attributes:
        source: The name of the endpoint that called.
        destination: The name of the endpoint that was called.
        port: A range of one port.
        count: How many lines of all logs.
        sources: The addresses of the source in the conversations, sorted.
        destinations: The addresses of the destination in the conversations, sorted.
        callers: The pods of the source in the conversations, sorted.
        called: The pods of the destination in the conversations, sorted.
        evidence: The kinds of log that show it.
        first: Seconds since 1970, UTC.
        last: Seconds since 1970, UTC.
        early: How many of the lines are entirely from a pod's first seconds, before its policies may be enforced.
    """

    source: str
    destination: str
    port: PortRange
    fate: Fate
    count: int
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    callers: tuple[PodIdentity, ...]
    called: tuple[PodIdentity, ...]
    evidence: tuple[Evidence, ...]
    first: float
    last: float
    early: int


def weight(seen: Observation) -> tuple[int, str, str, PortRange]:
    """Return the key that sorts the most frequent traffic first."""
    return -seen.count, seen.source, seen.destination, seen.port


def concerns(layers: BothLayers, conversation: Conversation) -> bool:
    """Return whether an end is a pod of a namespace of ours, which default-deny selects, or a load balancer."""
    return any(
        end.name in layers.environment.fronts
        or (end.workload is not None and end.workload.namespace in layers.matrix.namespaces)
        for end in (conversation.source, conversation.destination)
    )


def observations(conversations: Iterable[Conversation]) -> tuple[Observation, ...]:
    """Return one observation for each pair, port and fate, sorted; traffic without ports is left out."""
    by_port: dict[tuple[str, str, PortRange], list[Conversation]] = defaultdict(list)
    for each in conversations:
        if each.port:
            by_port[each.source.name, each.destination.name, each.port].append(each)
    return tuple(
        _observation(*key, fate, found)
        for key, together in sorted(by_port.items())
        for fate, found in _by_fate(together)
    )


def _by_fate(together: Sequence[Conversation]) -> list[tuple[Fate, list[Conversation]]]:
    """Divide the conversations of one pair and port by their fate.

    Traffic that left the caller's end did not work if another log shows that it was stopped or unanswered later, unless
    some of it arrived.
    """
    arrived = any(each.disposition is Disposition.PASSED and not _is_departure(each) for each in together)
    beyond = {each.disposition for each in together if not _is_departure(each)} if not arrived else set()
    found: dict[Fate, list[Conversation]] = {fate: [] for fate in Fate}
    for each in together:
        fate = Fate(each.disposition.value) if each.disposition is not Disposition.PASSED else Fate.WORKED
        if fate is Fate.WORKED and Disposition.STOPPED in beyond:
            fate = Fate.STOPPED
        elif fate is Fate.WORKED and Disposition.UNANSWERED in beyond:
            fate = Fate.UNANSWERED
        found[fate].append(each)
    return [(fate, conversations) for fate, conversations in found.items() if conversations]


def _is_departure(conversation: Conversation) -> bool:
    """Return whether the conversation is from the pod layer at the caller's end."""
    return conversation.evidence.layer is Layer.POD and conversation.direction is Direction.EGRESS


def _observation(
    source: str, destination: str, port: PortRange, fate: Fate, found: Sequence[Conversation]
) -> Observation:
    return Observation(
        source,
        destination,
        port,
        fate,
        sum(each.count for each in found),
        tuple(sorted({address for each in found for address in each.sources})),
        tuple(sorted({address for each in found for address in each.destinations})),
        _pods(pod for each in found for pod in each.callers),
        _pods(pod for each in found for pod in each.called),
        tuple(sorted({each.evidence for each in found})),
        min(each.first for each in found),
        max(each.last for each in found),
        sum(each.early for each in found),
    )


def _pods(pods: Iterable[PodIdentity]) -> tuple[PodIdentity, ...]:
    return tuple(sorted(set(pods), key=lambda pod: (pod.namespace, pod.name, pod.labels)))
