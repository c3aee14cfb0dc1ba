"""What a line of Hubble decides: that a packet passed, that it was dropped and why, or that a name was refused.

Sources: Cilium's api/v1/flow/flow.proto; pkg/hubble/parser/threefour and pkg/hubble/parser/seven for what the fields
mean; bpf/bpf_lxc.c for the lines that Cilium writes about a denied packet.
"""

from typing import Final, NamedTuple

from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.hubble_line import HubbleFlow, Layer4
from flash_ticket.traffic.records.record import UNKNOWN_NAME, Disposition, is_reply, turned

_AUDITED = "AUDIT"
_POLICY_REASONS = frozenset({"POLICY_DENIED", "POLICY_DENY", "AUTH_REQUIRED", _AUDITED})

_REASON_NAMES: Final = {
    133: "POLICY_DENIED",
    181: "POLICY_DENY",
    189: "AUTH_REQUIRED",
    0: "",
    "DROP_REASON_UNKNOWN": "",
}

_BY, _AND = " by ", ", "

DROPPED = frozenset({"DROPPED", 2})
"""The verdict about a packet or a message that was dropped."""

_DISPOSITIONS: Final = {
    **dict.fromkeys(("FORWARDED", 1), Disposition.PASSED),
    **dict.fromkeys(DROPPED, Disposition.STOPPED),
    # In policy audit mode, a policy would drop the packet, but it is forwarded.
    **dict.fromkeys(("AUDIT", 4), Disposition.PASSED),
    **dict.fromkeys(("REDIRECTED", 5), Disposition.PASSED),
}
_REASONS_TO_PASS: Final = {"AUDIT": _AUDITED, 4: _AUDITED}
_NO_DECISION = frozenset({"", "VERDICT_UNKNOWN", 0, "ERROR", 3, "TRACED", 6, "TRANSLATED", 7})

_NOT_YET_DECIDED = frozenset(
    {"FROM_ENDPOINT", 5, "FROM_PROXY", 6, "FROM_HOST", 7, "FROM_STACK", 8, "FROM_OVERLAY", 9, "FROM_NETWORK", 10}
    | {"FROM_CRYPTO", 12}
)
"""Trace points where a packet arrives: its verdict is FORWARDED there, before any policy has seen it."""

_DIRECTIONS: Final = {
    "INGRESS": Direction.INGRESS,
    1: Direction.INGRESS,
    "EGRESS": Direction.EGRESS,
    2: Direction.EGRESS,
}
_NO_DIRECTION = frozenset({"", "TRAFFIC_DIRECTION_UNKNOWN", 0})

_TCP, _UDP, _SCTP, _ICMP, _ICMPV6, _UNKNOWN = 6, 17, 132, 1, 58, 0
_WITH_PORTS = (_TCP, _UDP, _SCTP)
_DNS_PORT = 53

_DISCOVERY: Final = {
    **dict.fromkeys((130, 131, 132, 143), "multicast listener discovery"),
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
}
"""The types of ICMPv6 that hosts use to find each other (RFC 4861, 2710 and 3810). No NetworkPolicy can allow them."""

_LAYER_7 = frozenset({"L7", 2})

_NO_LAYER4 = Layer4()


def is_policys(reason: str) -> bool:
    """Return whether a policy causes a drop, or would, by the reason of a record; other drops have other causes."""
    return reason.partition(" ")[0] in _POLICY_REASONS or reason.startswith(_BY)


def denying_policies(reason: str) -> tuple[str, ...]:
    """Return the policies whose deny rules a drop's reason names; none for a default denial."""
    return tuple(filter(None, reason.partition(_BY)[2].split(_AND)))


def is_audited(reason: str) -> bool:
    """Return whether traffic passed only because Cilium audits its policies, by the reason of a record."""
    return reason.partition(" ")[0] == _AUDITED


class Decision(NamedTuple):
    """The decision of a flow, without its ends and its time.

    Attributes:
        name: The name that a DNS rule refused; empty for any other flow.
        aside: The kind of a drop that denies no connection; empty for any other flow.
    """

    disposition: Disposition
    protocol: int
    port: int
    direction: Direction | None
    reason: str
    name: str
    aside: str


def call_of(flow: HubbleFlow, listening: frozenset[tuple[int, int]]) -> tuple[int, int, bool]:
    """Return the protocol, the port that was called (0 if there is none), and whether the packet is a reply."""
    layer4, reply = flow.l4 or _NO_LAYER4, flow.is_reply
    tcp = layer4.tcp
    if tcp:
        protocol, source, destination = _TCP, tcp.source_port, tcp.destination_port
        if reply is None and tcp.flags and tcp.flags.SYN:
            reply = tcp.flags.ACK
    elif ports := layer4.udp or layer4.sctp:
        protocol, source, destination = _UDP if layer4.udp else _SCTP, ports.source_port, ports.destination_port
    else:
        return _ICMP if layer4.icmp else _ICMPV6 if layer4.icmpv6 else _UNKNOWN, 0, bool(reply)
    if reply is None:
        reply = is_reply(protocol, source, destination, listening)
    return protocol, source if reply else destination, reply


def decision_of(flow: HubbleFlow, protocol: int, port: int, *, turn: bool) -> Decision | None:
    """Return the decision of a flow; None if it decides nothing.

    Args:
        flow: The flow.
        protocol: The protocol that `call_of` returns.
        port: The port that `call_of` returns.
        turn: Whether the direction is that of a reply.

    Raises:
        ValueError: A word is unknown, or there is no called port.
    """
    disposition = _DISPOSITIONS.get(flow.verdict)
    if disposition is None and flow.verdict not in _NO_DECISION:
        raise ValueError(f"{flow.verdict!r} is not a verdict of Hubble")
    if disposition is None or flow.trace_observation_point in _NOT_YET_DECIDED:
        return None
    if not port and protocol in _WITH_PORTS:
        raise ValueError("it has no called port")
    direction = _DIRECTIONS.get(flow.traffic_direction)
    if direction is None and flow.traffic_direction not in _NO_DIRECTION:
        raise ValueError(f"{flow.traffic_direction!r} is not a direction of Hubble")
    reason = _reason(flow, disposition)
    dropped = disposition is Disposition.STOPPED
    return Decision(
        disposition,
        protocol,
        port,
        turned(direction) if turn else direction,
        reason,
        _refused_name(flow, port, reason) if dropped else "",
        _aside(flow, protocol, reason) if dropped else "",
    )


def _reason(flow: HubbleFlow, disposition: Disposition) -> str:
    if disposition is Disposition.PASSED:
        reason = _REASONS_TO_PASS.get(flow.verdict, "")
        if not reason:
            return ""
    else:
        word = flow.drop_reason_desc or flow.drop_reason
        reason = _REASON_NAMES.get(word, word if isinstance(word, str) else f"drop reason {word}")
    return f"{reason}{_BY}{_AND.join(flow.denied_by)}" if flow.denied_by else reason


def _refused_name(flow: HubbleFlow, port: int, reason: str) -> str:
    """Return the name that Cilium's DNS proxy refused; such a line has no reason for its drop."""
    if flow.type not in _LAYER_7 or reason:
        return ""
    message = flow.message
    if message is None:  # a field mask can leave it out
        return UNKNOWN_NAME if port == _DNS_PORT else ""
    return (message.dns.query.rstrip(".").lower() or ".") if message.dns else ""


def _aside(flow: HubbleFlow, protocol: int, reason: str) -> str:
    """Return the kind of a drop that no NetworkPolicy makes and none can allow, because it has no ports."""
    if protocol in _WITH_PORTS:
        return ""
    if protocol == _ICMPV6 and flow.l4 and flow.l4.icmpv6 and (kind := _DISCOVERY.get(flow.l4.icmpv6.type)):
        return kind
    return reason if reason and not is_policys(reason) else ""
