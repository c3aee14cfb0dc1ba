"""A line of Hubble's export, with the fields that are used.

Source: Cilium's api/v1/flow/flow.proto and api/v1/observer/observer.proto, written as JSON with the names of the
protocol buffers. Zero, empty and unknown values are left out, and an enumeration may be a name or a number.
"""

import re
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from flash_ticket.traffic.records.record import PodIdentity

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
    """A field of which only the presence matters."""


class Layer4(Struct, gc=False):
    """The protocol: one of these fields is set."""

    tcp: Tcp | None = msgspec.field(default=None, name="TCP")
    udp: PacketPorts | None = msgspec.field(default=None, name="UDP")
    sctp: PacketPorts | None = msgspec.field(default=None, name="SCTP")
    icmp: Nothing | None = msgspec.field(default=None, name="ICMPv4")
    icmpv6: Nothing | None = msgspec.field(default=None, name="ICMPv6")


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


class HubbleFlow(Struct, gc=False):
    """A packet, a message or a verdict of a policy.

    ``source`` and ``destination`` are `HubbleEndpoint`s that are not decoded yet, because the same ones come again and
    again. The fields are in the order in which Hubble writes them, which is the fastest to read.
    """

    time: Moment | None = None
    verdict: EnumValue = ""
    drop_reason: Number = 0
    addresses: PacketAddresses | None = msgspec.field(default=None, name="IP")
    l4: Layer4 | None = None
    source: Raw = msgspec.field(default_factory=Raw)
    destination: Raw = msgspec.field(default_factory=Raw)
    traffic_direction: EnumValue = ""
    trace_observation_point: EnumValue = ""
    drop_reason_desc: EnumValue = ""
    is_reply: bool | None = None
    egress_denied_by: Policies | None = None
    ingress_denied_by: Policies | None = None

    @property
    def denied_by(self) -> str:
        """The policy with the deny rule: ``CiliumNetworkPolicy shop/no-world``; empty if none is named."""
        for policy in (*(self.egress_denied_by or ()), *(self.ingress_denied_by or ())):
            return f"{policy.kind} {policy.namespace}/{policy.name}".strip(" /")
        return ""


class Line(Struct, gc=False):
    """A line: a flow, an event of Hubble, or what a container runtime or Cilium's agent wrote."""

    flow: HubbleFlow | None = None
    time: Raw | UnsetType = UNSET
    lost_events: Raw | UnsetType = UNSET
    node_status: Raw | UnsetType = UNSET
    agent_event: Raw | UnsetType = UNSET
    debug_event: Raw | UnsetType = UNSET
    level: Raw | UnsetType = UNSET
    log: str | UnsetType = UNSET
    verdict: Raw | UnsetType = UNSET

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
_decode_endpoint = msgspec.json.Decoder(HubbleEndpoint).decode

_CILIUMS_OWN_LABELS = ("io.cilium.k8s.", "io.kubernetes.pod.namespace")
_ABOUT_HUBBLE = Line(level=Raw(b'"info"'))
_PLAIN_MESSAGE = re.compile(rb"\blevel=\w")


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


def pod_identity(written: bytes) -> PodIdentity | None:
    """Return the pod at an end of a flow; None if there is no pod.

    Args:
        written: A `HubbleEndpoint` in JSON; empty if the flow has none.

    Raises:
        msgspec.MsgspecError: The JSON is not an endpoint.
    """
    if not written:
        return None
    endpoint = _decode_endpoint(written)
    labels = dict(each[4:].partition("=")[::2] for each in endpoint.labels or () if each.startswith("k8s:"))
    namespace = endpoint.namespace or labels.get("io.kubernetes.pod.namespace", "")
    if not namespace:
        return None
    own = ((key, value) for key, value in labels.items() if not key.startswith(_CILIUMS_OWN_LABELS))
    return PodIdentity(namespace, endpoint.pod_name, tuple(sorted(own)))
