"""Which end of a packet called the other, where its log does not say."""

from flash_ticket.firewall.terms.direction import Direction


def is_reply(protocol: int, source_port: int, destination_port: int, listening: frozenset[tuple[int, int]]) -> bool:
    """Tell whether a packet answers a call, as far as its ports tell.

    A port that is known to be called decides; where both or neither are, the smaller number was called, as callers'
    ports are high (RFC 6056, 2.1: from 49152; Linux: from 32768).

    Args:
        protocol: IANA's number.
        source_port: 0 where there is none: then the packet is a call.
        destination_port: Likewise.
        listening: `flash_ticket.traffic.records.record.Scope.listening`.
    """
    called_back, called = (protocol, source_port) in listening, (protocol, destination_port) in listening
    if called_back != called:
        return called_back
    return 0 < source_port < destination_port


def turned(direction: Direction | None) -> Direction | None:
    """Return the direction of a connection whose reply was seen going this way."""
    match direction:
        case Direction.INGRESS:
            return Direction.EGRESS
        case Direction.EGRESS:
            return Direction.INGRESS
    return None
