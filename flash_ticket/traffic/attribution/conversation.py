"""Recorded traffic between two known ends: records summed up by whom they concern, not by address."""

from dataclasses import dataclass

from flash_ticket.firewall.prove.endpoint import Position
from flash_ticket.firewall.terms.direction import Direction
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.traffic.records.record import Disposition, Evidence, PodIdentity

MOST_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one log tells of one pair of ends on one port.

    Attributes:
        source: Who called, as both layers know it.
        destination: Who was called.
        port: A range of one port; None for a protocol without ports (ICMP), which no rule here speaks of.
        protocol: IANA's number.
        direction: At which end it was seen; None where unknown.
        reason: The log's own words.
        interfaces: Those that stopped it, up to ``MOST_EXAMPLES``.
        sources: Addresses of the source, up to ``MOST_EXAMPLES``, sorted.
        destinations: Likewise.
        count: How many lines of the log.
        first: Seconds since 1970, UTC.
        last: Likewise.
        callers: Pods of the source as the log or the inventory names them, up to ``MOST_EXAMPLES``, sorted.
        called: Likewise of the destination.
        early: How many of the lines tell of nothing but a pod's first seconds, before its policies may be enforced.
    """

    evidence: Evidence
    disposition: Disposition
    source: Position
    destination: Position
    port: PortRange | None
    protocol: int
    direction: Direction | None
    reason: str
    interfaces: tuple[str, ...]
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    count: int
    first: float
    last: float
    callers: tuple[PodIdentity, ...] = ()
    called: tuple[PodIdentity, ...] = ()
    early: int = 0


@dataclass(frozen=True, slots=True)
class Attribution:
    """All that was read, by whom it concerns: ``read`` = attributed + unattributed + malformed.

    Attributes:
        conversations: Both ends are known; sorted by source, destination, port, evidence.
        unattributed: Lines with an end that is not known, by the reason why
        (``flash_ticket.traffic.attribution.unknown_end``). examples: For each of those reasons, one address.
    """

    conversations: tuple[Conversation, ...]
    unattributed: tuple[tuple[str, int], ...]
    examples: tuple[tuple[str, str], ...]

    @property
    def attributed(self) -> int:
        """Lines both of whose ends are known."""
        return sum(each.count for each in self.conversations)
