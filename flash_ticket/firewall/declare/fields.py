"""The fields of the files that people write: names, labels and ports, with their checks and JSON schemas."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from flash_ticket.firewall.declare.validation import refusal
from flash_ticket.firewall.terms.input_error import shown
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol
from flash_ticket.firewall.terms.yaml.scalars import shown_plain

LONGEST_REASON = 200
"""The maximum number of characters; a longer text hides the end of a line that a person must read at night."""

DEFAULT_DENY = "00-default-deny"
"""The policy that selects every pod of the namespace; no other policy has its name, alone or with a suffix."""

RESERVED_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
"""The namespaces that Kubernetes itself makes and uses (Kubernetes documentation, Namespaces)."""

# RFC 1123 label and subdomain, and the label syntax of the Kubernetes documentation "Labels and Selectors".
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_DNS_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_SUBDOMAIN}")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_STACK = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


def _text(value: object, pattern: re.Pattern[str], what: str, remedy: str) -> str:
    if value is None:
        raise refusal("nothing is written here", remedy)
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not text", "Write text, in quotes if YAML would read it as something else")
    if not pattern.fullmatch(value):
        raise refusal(f"{shown(value)} is not {what}", remedy)
    return value


def _name(value: object) -> str:
    return _text(value, _DNS_LABEL, "a name", "Use 1 to 63 lowercase letters, digits and dashes, such as pay-api")


def _firewalled_namespace(value: object) -> str:
    name = _name(value)
    if name in RESERVED_NAMESPACES:
        raise refusal(
            f"{name} belongs to Kubernetes itself, and default-deny there would cut what the whole cluster needs",
            "Name the namespace of your own pods; declare pods of this one under externals",
        )
    return name


def default_deny_of(namespace: str, home: str) -> str:
    """Return the name of a namespace's default-deny. A verb names a policy without its namespace.

    Args:
        namespace: The namespace.
        home: The namespace that the firewall is named after.
    """
    return DEFAULT_DENY if namespace == home else f"{DEFAULT_DENY}-{namespace}"


def is_default_deny(policy: str) -> bool:
    """Return whether a policy's name is that of the default-deny of some namespace."""
    return policy == DEFAULT_DENY or policy.startswith(f"{DEFAULT_DENY}-")


def _policy_name(value: object) -> str:
    name = _text(
        value,
        _DNS_SUBDOMAIN,
        "an object name that Kubernetes accepts",
        "Use lowercase letters, digits, dashes and dots",
    )
    if is_default_deny(name):
        raise refusal(f"{name} is the name of the default-deny policy", "Choose another name")
    return name


def _labels(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping) or not value:
        raise refusal(f"{shown(value)} is not a set of labels", "Write labels, such as {app: flash-api}")
    for key, text in value.items():
        prefix, slash, name = key.rpartition("/") if isinstance(key, str) else ("", "", "")
        if not _LABEL_NAME.fullmatch(name) or (slash and not _DNS_SUBDOMAIN.fullmatch(prefix)):
            raise refusal(
                f"{shown(key)} is not a label key that Kubernetes accepts",
                "Use [dns-prefix/]name with at most 63 letters, digits, dashes, underscores and dots",
            )
        if not isinstance(text, str):
            raise refusal(
                f"the label {key} has the value {shown(text)}, which YAML does not read as text", "Put it in quotes"
            )
        if not _LABEL_VALUE.fullmatch(text):
            raise refusal(
                f"the label {key} has the value {shown(text)}, which Kubernetes refuses",
                "Use at most 63 letters, digits, dashes, underscores and dots, a letter or digit at each end",
            )
    return tuple(sorted(value.items()))


def _port(value: object) -> PortRange:
    protocol = Protocol.TCP
    if isinstance(value, Mapping):
        unknown = sorted(str(key) for key in value if key not in {"port", "protocol"})
        if unknown or "port" not in value:
            wrong = f"the key {shown(unknown[0])} is not known" if unknown else "the key port is missing"
            raise refusal(f"{shown(dict(value))} is not a port: {wrong}", "Write {port: 53, protocol: UDP}")
        protocol = _protocol(value.get("protocol", "TCP"))
        value = value["port"]
    first, last = _bounds(value)
    if not 1 <= first <= last <= MAX_PORT:
        raise refusal(f"{shown(value)} is out of range", f"Use ports from 1 to {MAX_PORT}, the lower one first")
    return PortRange(protocol, first, last)


def _bounds(value: object) -> tuple[int, int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            raise refusal(f"{shown(value)} is not a port", f"Remove the quotes: write {shown_plain(value)}")
        raise refusal(f"{shown(value)} is not a port", "Write a number such as 4000, or a range such as 8000-8010")
    return int(match[1]), int(match[2])


def _protocol(value: object) -> Protocol:
    if value == Protocol.SCTP:
        # EC2 API, IpPermission: port ranges exist for TCP, UDP and ICMP only.
        raise refusal("a security group cannot limit SCTP to ports", "Use TCP or UDP")
    if value not in (Protocol.TCP, Protocol.UDP):  # a tuple, because a value from a file may not be hashable
        raise refusal(f"{shown(value)} is not a protocol", "Use TCP or UDP")
    return Protocol(str(value))


def _names(value: object) -> tuple[str, ...]:
    names: list[object] = value if isinstance(value, list) else [value]
    if not names:
        raise refusal("the list is empty", "Name at least one endpoint, or remove the flow")
    return tuple(_name(name) for name in names)


def _said(value: object) -> str:
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not text", "Write some words, in quotes")
    if not value.strip():
        raise refusal(f"{shown(value)} is blank", "Write some words, in quotes")
    if len(value) > LONGEST_REASON:
        raise refusal(f"it has {len(value)} characters", f"Say it in {LONGEST_REASON}")
    if any("\ud800" <= each <= "\udfff" for each in value):
        raise refusal("it contains bytes that are not text", "Write it in UTF-8")
    return value


def _day(value: object) -> date:
    found = value
    if isinstance(value, str) and _DAY.fullmatch(value):
        with suppress(ValueError):
            found = date.fromisoformat(value)
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    raise refusal(f"{shown(str(value))} is not a day", "Write one such as 2026-12-31")


def _stack(value: object) -> str:
    return _text(value, _STACK, "the name of a stack", "Use the name in Pulumi.<stack>.yaml, such as dev")


_PORT_NUMBER = {"type": "integer", "minimum": 1, "maximum": MAX_PORT}
_PORT_RANGE = {"type": "string", "pattern": r"^[0-9]{1,5}-[0-9]{1,5}$"}
_PORT_SCHEMA = {
    "description": "A TCP port, a range, or either with a protocol.",
    "anyOf": [
        _PORT_NUMBER,
        _PORT_RANGE,
        {
            "type": "object",
            "properties": {"port": {"anyOf": [_PORT_NUMBER, _PORT_RANGE]}, "protocol": {"enum": ["TCP", "UDP"]}},
            "required": ["port"],
            "additionalProperties": False,
        },
    ],
}
_NAME_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^{_DNS_LABEL.pattern}$"}
_LABELS_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": f"^({_SUBDOMAIN}/)?{_LABEL_NAME.pattern}$"},
    "additionalProperties": {"type": "string", "pattern": f"^{_LABEL_VALUE.pattern}$"},
}

Name = Annotated[str, PlainValidator(_name), WithJsonSchema(_NAME_SCHEMA)]
FirewalledNamespace = Annotated[
    str,
    PlainValidator(_firewalled_namespace),
    WithJsonSchema({**_NAME_SCHEMA, "not": {"enum": list(RESERVED_NAMESPACES)}}),
]
PolicyName = Annotated[
    str,
    PlainValidator(_policy_name),
    WithJsonSchema(
        {"type": "string", "maxLength": 253, "pattern": f"^{_SUBDOMAIN}$", "not": {"pattern": f"^{DEFAULT_DENY}(-|$)"}}
    ),
]
WrittenLabels = Annotated[tuple[tuple[str, str], ...], PlainValidator(_labels), WithJsonSchema(_LABELS_SCHEMA)]
Port = Annotated[PortRange, PlainValidator(_port), WithJsonSchema(_PORT_SCHEMA)]
Ports = Annotated[list[Port], Field(min_length=1)]
Names = Annotated[
    tuple[str, ...],
    PlainValidator(_names),
    WithJsonSchema({"anyOf": [_NAME_SCHEMA, {"type": "array", "items": _NAME_SCHEMA, "minItems": 1}]}),
]
FreeText = Annotated[
    str,
    PlainValidator(_said),
    WithJsonSchema({"type": "string", "maxLength": LONGEST_REASON, "pattern": r"\S"}),
]
Day = Annotated[date, PlainValidator(_day), WithJsonSchema({"type": "string", "pattern": f"^{_DAY.pattern}$"})]
Stacks = Annotated[
    list[Annotated[str, PlainValidator(_stack), WithJsonSchema({"type": "string", "pattern": f"^{_STACK.pattern}$"})]],
    Field(min_length=1),
]
