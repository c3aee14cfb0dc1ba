"""Names for what NetworkPolicies select: services by their labels, places by the policies and ports that lead there."""

import re
from collections.abc import Container, Sequence

from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.addresses import AddressRange, Family, whole
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.inventory import application_labels, free_name

ANYWHERE = (whole(Family.V4), whole(Family.V6))

_KNOWN_PORTS = {
    **dict.fromkeys((3306, 5432, 1433, 1521, 27017), "database"),
    **dict.fromkeys((5671, 5672), "rabbitmq"),
    **dict.fromkeys((6379, 6380), "redis"),
    **dict.fromkeys((9092, 9094, 9098), "kafka"),
    **dict.fromkeys((80, 443), "web"),
    **dict.fromkeys((25, 465, 587), "mail"),
    **dict.fromkeys((11211,), "memcached"),
    **dict.fromkeys((9200, 9243), "search"),
}
"""What usually listens on a port: for a name, which the reviewer may change."""

_HINTS = {
    Direction.INGRESS: re.compile(r"(?:^|-)from-([a-z0-9][a-z0-9-]*)$"),
    Direction.EGRESS: re.compile(r"(?:^|-)to-([a-z0-9][a-z0-9-]*)$"),
}


def service_names(pods: Sequence[Labels]) -> tuple[str, ...]:
    """Return a name for each set of labels: its application, without the words that all names begin with."""
    words = [_application(each).split("-") for each in pods]
    shared = _shared(words) if len(words) > 1 else 0
    found: list[str] = []
    for each in words:
        found.append(free_name("-".join(each[shared:]), found))
    return tuple(found)


def _shared(words: Sequence[Sequence[str]]) -> int:
    """Return how many words all names begin with; one word of each name stays."""
    most = min(len(each) for each in words) - 1
    return next((number for number in range(most) if len({each[number] for each in words}) > 1), most)


def _application(labels: Labels) -> str:
    return application_labels(labels)[0][1].lower()


def place_name(policy: str, direction: Direction, ranges: tuple[AddressRange, ...], port: PortRange | None) -> str:
    """Return a name for addresses: what the policy's name says, what usually listens there, or the addresses.

    Args:
        policy: The name of the only policy of addresses in this rule; empty if the name says nothing of them.
        direction: The direction of the rule.
        ranges: The addresses.
        port: The port there; None for addresses that only call.
    """
    if hint := _HINTS[direction].search(policy):
        return hint[1]
    if port and port.first == port.last and port.first in _KNOWN_PORTS:
        return _KNOWN_PORTS[port.first]
    if ranges == ANYWHERE:
        return "anywhere"
    return f"addresses-{str(ranges[0]).partition('-')[0]}"


def pods_name(namespace: str, labels: Labels, taken: Container[str]) -> str:
    """Return a free name for pods of another namespace."""
    return free_name(_application(labels) if labels else namespace, taken)
