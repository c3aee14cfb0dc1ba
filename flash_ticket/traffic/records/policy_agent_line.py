"""A line of the AWS network policy agent's log, in every form in which the agent and CloudWatch write it.

Sources: aws/aws-network-policy-agent, pkg/ebpf/events/events.go (up to version 1.4.3), GetProtocol and
ConvByteArrayToIP of pkg/utils/utils.go; the output of the AWS CLI's ``logs filter-log-events``, ``get-log-events`` and
``tail``.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from flash_ticket.firewall.terms.addresses import canonical_address
from flash_ticket.traffic.records.printed_events import Milliseconds

EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, in seconds since 1970."""

FlowPort = Annotated[int, Meta(ge=0, le=65535)]
ShortText = Annotated[str, Meta(max_length=64)]

_FLOW_INFO = re.compile(
    r"Flow Info:\s+Src IP: (?P<source>\S{1,64}) Src Port: (?P<source_port>\d{1,5}) "
    r"Dest IP: (?P<destination>\S{1,64}) Dest Port: (?P<destination_port>\d{1,5}) "
    r"Proto:? (?P<protocol>[A-Z]{1,16}(?: PROTOCOL)?) Verdict:? (?P<verdict>[A-Z/]{1,16})"
    r"(?: Direction:? (?P<direction>[a-z]{1,16}))?(?:,? Tier:? (?P<tier>\w{1,64}))?"
)
_AUDIT = re.compile(
    r"SIP: (?P<source>[^;\s]{1,64});SPORT: (?P<source_port>\d{1,5});"
    r"DIP: (?P<destination>[^;\s]{1,64});DPORT: (?P<destination_port>\d{1,5});"
    r"PROTOCOL: (?P<protocol>[A-Z]{1,16}(?: PROTOCOL)?);PolicyVerdict: (?P<verdict>[A-Z/]{1,16})"
    r"(?:;Tier: (?P<tier>\w{1,64}))?"
)
_DECISION = re.compile(r"Flow Info:|\bSIP: ")
"""What every line about traffic contains, even if the rest of it is wrong."""

_CONTAINER_RUNTIME = re.compile(rb"\S+ (?:stdout|stderr) [FP] ")
_LEADING_TIME = re.compile(
    r'"?(?:(?P<milliseconds>\d{13})\b|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?))'
)
_TRAILING_TIME = re.compile(r"\t(?P<milliseconds>\d{13})$")
_CLI_TEXT = re.compile(r"SEARCHEDLOGSTREAMS\t|NEXTTOKEN\t|None$|[bf]/\d{1,99}/s$")
"""What the AWS CLI writes besides events when it writes text."""

_SHORTENED = re.compile(r"(?:\d{1,3}\.){0,2}[1-9]\d{0,2}|0")
"""An IPv4 address as the agent writes it if it ends in zeros: ``172.20.112`` is 172.20.112.0, and ``0`` is 0.0.0.0."""

_WHOLE_HEAD = re.compile(rb'\{"level":"[a-z]{1,8}","ts":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z",')
_WHOLE_ENDS = (b"}\n", b"}")
_WHOLE_MESSAGE = b'"msg":"Flow Info: '

_BEGINNING = b'{"level":"'
"""Every line of the agent begins with this. Text inside a line contains no such bytes: its quotes are escaped."""

_FRAGMENT = re.compile(rb'[{}"]|\b(?:Src|Dest) (?:IP|Port)\b|\b(?:Proto|Verdict|Direction|Tier)\b')
"""What only a part of a line contains: a prefix of a whole line is a time, or the name of a stream or a pod."""

_OCTETS = 4
_UNKNOWN = "neither a message of the agent nor an event of CloudWatch"
_TORN = "it is cut: a part of the line is missing"


class PolicyEvent(NamedTuple):
    """A decision about a packet, in the agent's words.

    Attributes:
        protocol: ``TCP``, ``UDP``, ``SCTP``, ``ICMP``, ``UNKNOWN``, ``RESERVED``, ``ANY PROTOCOL``.
        verdict: ``ACCEPT``, ``DENY``, or ``EXPIRED/DELETED`` for an entry of the connection table.
        direction: ``ingress`` or ``egress`` of the pod that decided; empty before 1.2.2 and in CloudWatch.
        tier: ``ADMIN``, ``NETWORK_POLICY``, ``BASELINE``, ``DEFAULT``, ``ERROR``; empty before 1.3.0.
        time: Seconds since 1970; None if the line has none.
    """

    source: str
    source_port: int
    destination: str
    destination_port: int
    protocol: str
    verdict: str
    direction: str
    tier: str
    time: float | None


class Message(NamedTuple):
    """A text that may contain a decision.

    Attributes:
        time: Seconds since 1970; None if the line has none.
    """

    text: str
    time: float | None


class CloudWatchEvent(Struct, gc=False):
    """A line in an answer of the logs API: FilteredLogEvent, OutputLogEvent. ``timestamp`` is in milliseconds."""

    message: str
    timestamp: Milliseconds | None = None


class AgentLine(Struct, gc=False):
    """A line in JSON: zap's fields, those of a container runtime, or events of CloudWatch.

    Before version 1.2.2, the parts of an event are separate fields.
    """

    ts: ShortText | float | None = None
    timestamp: ShortText | float | None = None
    msg: str | None = None
    source: ShortText | None = msgspec.field(default=None, name="Src IP")
    source_port: FlowPort = msgspec.field(default=0, name="Src Port")
    destination: ShortText | None = msgspec.field(default=None, name="Dest IP")
    destination_port: FlowPort = msgspec.field(default=0, name="Dest Port")
    protocol: ShortText = msgspec.field(default="", name="Proto")
    verdict: ShortText = msgspec.field(default="", name="Verdict")
    direction: ShortText = msgspec.field(default="", name="Direction")
    tier: ShortText = msgspec.field(default="", name="Tier")
    log: str | None = None
    message: str | None = None
    events: list[CloudWatchEvent] | None = None


_decode = msgspec.json.Decoder(AgentLine).decode


class Earlier:
    """Recognizes whole lines of the agent from before a time, so that a reader does not have to decode them.

    A node's log holds days, and a follower asks for minutes of it again and again.
    """

    __slots__ = ("_since",)

    def __init__(self, since: float | None) -> None:
        is_written = since is not None and 0 <= since <= LATEST
        self._since = datetime.fromtimestamp(int(since), UTC).isoformat()[:19].encode() if since and is_written else b""

    def has(self, text: bytes) -> bool:
        """Return whether a line is whole, about traffic, and from before the time; False where this cannot be seen."""
        head = _WHOLE_HEAD.match(text) if self._since else None
        is_earlier = head and head[1] < self._since and text.endswith(_WHOLE_ENDS) and _WHOLE_MESSAGE in text
        return bool(is_earlier and text.rfind(_BEGINNING) == 0)


def parts_of(text: bytes) -> list[bytes]:
    """Return what the agent wrote as one line, or as several if there is no line feed between them.

    An agent that ends while it writes leaves a part of a line, and the next agent appends its first line to it.
    """
    if text.rfind(_BEGINNING) <= 0:
        return [text]
    before, *whole = text.split(_BEGINNING)
    parts = [_BEGINNING + each for each in whole]
    if before.strip() and _FRAGMENT.search(before):
        return [before, *parts]
    parts[0] = before + parts[0]
    return parts


def messages_of(text: bytes) -> list[PolicyEvent | Message]:
    """Return the message of a line; several if the line contains a page of CloudWatch events.

    Raises:
        msgspec.MsgspecError, ValueError, RecursionError: It is not a line of the agent.
    """
    text = text.strip()
    if runtime := _CONTAINER_RUNTIME.match(text):
        text = text[runtime.end() :]
    brace = text.find(b"{")
    if brace == 0 and not text.endswith(b"}"):
        raise ValueError(_TORN)
    if brace < 0 or not text.endswith(b"}"):
        return [_of_text(text.decode(errors="replace"))]
    before = text[:brace].decode(errors="replace")
    try:
        line = _decode(text[brace:])
    except msgspec.MsgspecError:
        # The text of a message may contain braces too.
        if not before:
            raise
        return [_of_text(text.decode(errors="replace"))]
    return _of_json(line, before)


def address_in(text: str) -> str:
    """Return the address that the agent means, in canonical form.

    The agent leaves out the octets of an IPv4 address that are zero at its end, up to three of them. No other address
    has that form, so this reads it without a guess.

    Raises:
        ValueError: The text is not an address.
    """
    if _SHORTENED.fullmatch(text):
        octets = text.split(".")
        text = ".".join((*octets, *["0"] * (_OCTETS - len(octets))))
    return canonical_address(text)


def event_in(message: Message) -> PolicyEvent | None:
    """Return the decision in a message; None if the message is about something else.

    Raises:
        ValueError: The message is about traffic, but in an unknown form.
    """
    found = _FLOW_INFO.search(message.text) or _AUDIT.search(message.text)
    if not found:
        if _DECISION.search(message.text):
            raise ValueError("it describes traffic in an unknown form")
        return None
    parts = found.groupdict(default="")
    return PolicyEvent(
        parts["source"],
        int(parts["source_port"]),
        parts["destination"],
        int(parts["destination_port"]),
        parts["protocol"],
        parts["verdict"],
        parts.get("direction", ""),
        parts["tier"],
        message.time,
    )


def _of_json(line: AgentLine, before: str) -> list[PolicyEvent | Message]:
    if line.events is not None:
        return [
            Message(each.message, None if each.timestamp is None else each.timestamp / 1000) for each in line.events
        ]
    if line.log is not None:
        return messages_of(line.log.encode())
    stamp = line.timestamp if line.ts is None else line.ts
    time = _seconds(stamp) if isinstance(stamp, str) else stamp
    if line.message is not None:
        return [Message(line.message, time if isinstance(stamp, str) or time is None else time / 1000)]
    if time is None:
        time = _leading_time(before)
    if line.source is not None and line.destination is not None:
        ends = (line.source, line.source_port, line.destination, line.destination_port)
        return [PolicyEvent(*ends, line.protocol, line.verdict, line.direction, line.tier, time)]
    if line.msg is None and not before.strip():
        raise ValueError(_UNKNOWN)
    return [Message(before if line.msg is None else line.msg, time)]


def _of_text(text: str) -> Message:
    trailing = _TRAILING_TIME.search(text)
    time = int(trailing["milliseconds"]) / 1000 if trailing else _leading_time(text)
    if time is None and text.endswith("}") and "{" not in text:
        raise ValueError(_TORN)
    if time is None and text and not _DECISION.search(text) and not _CLI_TEXT.match(text):
        raise ValueError(_UNKNOWN)
    return Message(text, time)


def _leading_time(text: str) -> float | None:
    found = _LEADING_TIME.match(text)
    if not found:
        return None
    return int(found["milliseconds"]) / 1000 if found["milliseconds"] else _seconds(found["time"])


def _seconds(text: str) -> float:
    """Return ISO 8601 as seconds since 1970; without a zone it is UTC, as in the AWS CLI's short form."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
