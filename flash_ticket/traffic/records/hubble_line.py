"""A line of Hubble's export, with the fields that are used.

Source: Cilium's api/v1/flow/flow.proto and api/v1/observer/observer.proto, written as JSON with the names of the
protocol buffers. Zero, empty and unknown values are left out, and an enumeration may be a name or a number.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from flash_ticket.traffic.records.record import NonPod, PodIdentity

PacketPort = Annotated[int, Meta(ge=0, le=65535)]
Moment = Annotated[datetime, Meta(tz=True)]
Number = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
EnumValue = Annotated[str, Meta(max_length=64)] | Number
"""A value of an enumeration, by name or number."""
KubernetesName = Annotated[str, Meta(max_length=253)]
"""The longest name that Kubernetes allows."""


class PacketPorts(Struct, gc=False):
    """The ports of UDP and SCTP."""

    source_port: PacketPort = 0
    destination_port: PacketPort = 0


class TcpFlags(Struct, gc=False):
    """The flags of a segment: a call has only SYN, its answer SYN and ACK."""

    SYN: bool = False
    ACK: bool = False


class Tcp(Struct, gc=False):
    """The ports and flags of TCP."""

    source_port: PacketPort = 0
    destination_port: PacketPort = 0
    flags: TcpFlags | None = None


class Nothing(Struct, gc=False):
    """A field: only its presence matters."""


class Icmpv6(Struct, gc=False):
    """The type of an ICMPv6 message."""

    type: Number = 0


class Layer4(Struct, gc=False):
    """The protocol: one of these fields is set."""

    tcp: Tcp | None = msgspec.field(default=None, name="TCP")
    udp: PacketPorts | None = msgspec.field(default=None, name="UDP")
    sctp: PacketPorts | None = msgspec.field(default=None, name="SCTP")
    icmp: Nothing | None = msgspec.field(default=None, name="ICMPv4")
    icmpv6: Icmpv6 | None = msgspec.field(default=None, name="ICMPv6")


class PacketAddresses(Struct, gc=False):
    """The addresses of the packet."""

    source: Annotated[str, Meta(max_length=64)] = ""
    destination: Annotated[str, Meta(max_length=64)] = ""


class HubblePolicy(Struct, gc=False):
    """A policy that denied a flow with a deny rule."""

    name: KubernetesName = ""
    namespace: KubernetesName = ""
    kind: KubernetesName = ""


Policies = Annotated[list[HubblePolicy], Meta(max_length=100)]


DomainNames = Annotated[list[Annotated[str, Meta(max_length=1024)]], Meta(max_length=1000)]


class DnsMessage(Struct, gc=False):
    """A query for a name, or its answer."""

    query: Annotated[str, Meta(max_length=1024)] = ""


class Layer7(Struct, gc=False):
    """A message that a proxy of Cilium saw."""

    dns: DnsMessage | None = None


class EventType(Struct, gc=False):
    """The event of Cilium behind a flow: 1 is a drop, 4 a trace, 5 the verdict of a policy, 129 a proxy's message."""

    type: int = 0


class Aggregate(Struct, gc=False):
    """How many flows a line stands for, if Cilium sums up flows before it exports them."""

    ingress_flow_count: Number = 0
    egress_flow_count: Number = 0
    unknown_direction_flow_count: Number = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.ingress_flow_count + self.egress_flow_count + self.unknown_direction_flow_count


class HubbleFlow(Struct, gc=False):
    """A packet, a message or a verdict of a policy.

    ``source`` and ``destination`` are `HubbleEndpoint`s that are not decoded yet, because the same ones come again and
    again. ``destination_names``, ``l7`` and ``event_type`` are not decoded either, because only drops need them. The
    fields are in the order in which Hubble writes them, which is the fastest to read.
    """

    time: Moment | None = None
    verdict: EnumValue = ""
    drop_reason: Number = 0
    addresses: PacketAddresses | None = msgspec.field(default=None, name="IP")
    l4: Layer4 | None = None
    source: Raw = msgspec.field(default_factory=Raw)
    destination: Raw = msgspec.field(default_factory=Raw)
    type: EnumValue = msgspec.field(default="", name="Type")
    node_name: Raw = msgspec.field(default_factory=Raw)
    destination_names: Raw = msgspec.field(default_factory=Raw)
    l7: Raw = msgspec.field(default_factory=Raw)
    event_type: Raw = msgspec.field(default_factory=Raw)
    traffic_direction: EnumValue = ""
    trace_observation_point: EnumValue = ""
    drop_reason_desc: EnumValue = ""
    is_reply: bool | None = None
    egress_denied_by: Policies | None = None
    ingress_denied_by: Policies | None = None
    aggregate: Aggregate | None = None

    @property
    def count(self) -> int:
        """How many flows the line stands for."""
        return (self.aggregate.count if self.aggregate else 0) or 1

    @property
    def about_drop(self) -> tuple[object, ...]:
        """What distinguishes drops with the same reason: the layer, the message, the type of ICMPv6."""
        icmpv6 = self.l4 and self.l4.icmpv6
        return self.type, bytes(self.l7), icmpv6 and icmpv6.type

    @property
    def message(self) -> Layer7 | None:
        """The message that a proxy saw; None if the line has none."""
        return _decode_message(self.l7) if self.l7 else None

    @property
    def called_names(self) -> tuple[str, ...]:
        """The names for which DNS gave the caller the destination's address; Cilium's DNS proxy remembers them."""
        found = _decode_names(self.destination_names) if self.destination_names else None
        return tuple(each.removesuffix(".").lower() for each in found or ())

    @property
    def event(self) -> int | None:
        """The type of the event of Cilium behind it; None if the line leaves it out."""
        found = _decode_event(self.event_type) if self.event_type else None
        return found.type if found else None

    @property
    def denied_by(self) -> tuple[str, ...]:
        """The policies with a deny rule: ``CiliumNetworkPolicy shop/no-world``; empty if none is named."""
        every = (*(self.egress_denied_by or ()), *(self.ingress_denied_by or ()))
        return tuple(dict.fromkeys(f"{each.kind} {each.namespace}/{each.name}".strip(" /") for each in every))


class LostEvents(Struct, gc=False):
    """How many events Cilium or Hubble lost before anything could export them. JSON writes such a number as text."""

    num_events_lost: Annotated[str, Meta(pattern="^[0-9]{1,20}$")] | Annotated[int, Meta(ge=0)] = 0

    @property
    def count(self) -> int:
        """At least one."""
        return int(self.num_events_lost) or 1


class Line(Struct, gc=False):
    """A line: a flow, an event of Hubble, or what a container runtime or Cilium's agent wrote."""

    flow: HubbleFlow | None = None
    time: Raw | UnsetType = UNSET
    lost_events: LostEvents | UnsetType | None = UNSET
    node_status: Raw | UnsetType = UNSET
    agent_event: Raw | UnsetType = UNSET
    debug_event: Raw | UnsetType = UNSET
    level: Raw | UnsetType = UNSET
    log: str | UnsetType = UNSET
    verdict: Raw | UnsetType = UNSET

    @property
    def moment(self) -> float | None:
        """The time of the line itself, in seconds since 1970; None if it has none."""
        return None if self.time is UNSET else _decode_moment(self.time).timestamp()

    @property
    def is_about_hubble(self) -> bool:
        """Whether the line is known to contain no flow: it is an event of Hubble, or a message of Cilium's agent."""
        known = (self.lost_events, self.node_status, self.agent_event, self.debug_event, self.level)
        return any(each is not UNSET for each in known)


class HubbleEndpoint(Struct, gc=False):
    """One end of a flow. ``labels`` are such as ``k8s:app=api``, ``reserved:world``, ``cidr:10.0.0.0/8``."""

    namespace: KubernetesName = ""
    labels: Annotated[list[Annotated[str, Meta(max_length=1024)]], Meta(max_length=1024)] | None = None
    pod_name: KubernetesName = ""


_decode_line = msgspec.json.Decoder(Line).decode
_decode_flow = msgspec.json.Decoder(HubbleFlow).decode
_decode_moment = msgspec.json.Decoder(Moment).decode
_decode_message = msgspec.json.Decoder(Layer7 | None).decode
_decode_names = msgspec.json.Decoder(DomainNames | None).decode
_decode_event = msgspec.json.Decoder(EventType | None).decode
_decode_endpoint = msgspec.json.Decoder(HubbleEndpoint).decode

_CILIUMS_OWN_LABELS = ("io.cilium.k8s.", "io.kubernetes.pod.namespace")
_ABOUT_HUBBLE = Line(level=Raw(b'"info"'))
_PLAIN_MESSAGE = re.compile(rb"\blevel=\w")

_LATEST = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""
_TAIL_BYTES = 48
_WHOLE_TAIL = re.compile(rb'.*"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z"\}')


class EarlierFlows:
    """Recognizes whole lines of an export from before a time, so that a reader does not have to decode them.

    An export holds 10 MB, and five earlier ones are beside it. A follower asks for minutes of them again and again.
    """

    __slots__ = ("_since",)

    def __init__(self, since: float | None) -> None:
        is_written = since is not None and 0 <= since <= _LATEST
        self._since = datetime.fromtimestamp(int(since), UTC).isoformat()[:19].encode() if since and is_written else b""

    def __bool__(self) -> bool:
        return bool(self._since)

    def has(self, text: bytes) -> bool:
        """Return whether a line is whole, a flow, and from before the time; False where this cannot be seen."""
        if not text.startswith(b'{"flow":{'):
            return False
        # Hubble writes the time of the flow once more behind it, as the last member.
        tail = _WHOLE_TAIL.fullmatch(text[-_TAIL_BYTES:].rstrip())
        return tail is not None and tail[1] < self._since  # an empty time is before every other


def hubble_line(text: bytes) -> Line:
    """Return a line, without what a container runtime puts around or before it.

    Docker writes ``{"log":"{...}","stream":"stdout",...}``. The Container Runtime Interface, and ``kubectl logs`` with
    some options, write text before the JSON.

    Raises:
        msgspec.MsgspecError, ValueError, RecursionError: The text is not such a line.
    """
    if not text.startswith(b"{"):
        begin = text.find(b"{")
        if begin < 0 and (not text.strip() or _PLAIN_MESSAGE.search(text)):
            return _ABOUT_HUBBLE
        text = text[begin:] if begin > 0 else text
    line = _decode_line(text)
    if line.flow is not None and line.flow.time is not None:
        return line
    if line.log is not UNSET:
        return _unpacked(line.log.encode())
    return _completed(line, text)


def _unpacked(text: bytes) -> Line:
    return _completed(_decode_line(text), text) if text.lstrip().startswith(b"{") else _ABOUT_HUBBLE


def _completed(line: Line, text: bytes) -> Line:
    if line.flow is not None:
        if line.flow.time is None and line.time is not UNSET:
            line.flow.time = _decode_moment(line.time)
    elif line.verdict is not UNSET:
        line.flow = _decode_flow(text)
    elif not line.is_about_hubble:
        raise ValueError("neither a flow nor an event of Hubble")
    return line


_NON_PODS = {
    "reserved:host": NonPod.HOST,
    "reserved:remote-node": NonPod.NODE,
    "reserved:health": NonPod.NODE,
    "reserved:ingress": NonPod.NODE,
    **dict.fromkeys(("reserved:world", "reserved:world-ipv4", "reserved:world-ipv6"), NonPod.WORLD),
}
"""Cilium documentation, "Special identities": the health endpoint and the proxy for Ingress belong to the node."""


def identity_of(written: bytes) -> tuple[PodIdentity | None, NonPod | None]:
    """Return the pod at an end of a flow, or what Hubble says about any other end; None if it says neither.

    Args:
        written: A `HubbleEndpoint` in JSON; empty if the flow has none.

    Raises:
        msgspec.MsgspecError: The JSON is not an endpoint.
    """
    if not written:
        return None, None
    endpoint = _decode_endpoint(written)
    given = endpoint.labels or ()
    labels = dict(each[4:].partition("=")[::2] for each in given if each.startswith("k8s:"))
    namespace = endpoint.namespace or labels.get("io.kubernetes.pod.namespace", "")
    if not namespace:
        reserved = {_NON_PODS[each] for each in given if each in _NON_PODS}
        return None, next((each for each in NonPod if each in reserved), None)
    own = ((key, value) for key, value in labels.items() if not key.startswith(_CILIUMS_OWN_LABELS))
    return PodIdentity(namespace, endpoint.pod_name, tuple(sorted(own))), None
