"""Names, labels and ports are what Kubernetes and EC2 accept, checked against the rules written a second time."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from flash_ticket.firewall.declare.fields import Name, PolicyName, Port, WrittenLabels
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol

ALPHANUMERIC = set(string.ascii_letters + string.digits)
LOWER = set(string.ascii_lowercase + string.digits)
NEAR_MISSES = st.text(alphabet="aZ0-_./ é\n", max_size=70) | st.text(alphabet="a-", min_size=60, max_size=66)


def taken(kind: Any, value: object) -> bool:  # noqa: ANN401 - an annotated type
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def is_dns_label(text: str) -> bool:
    """RFC 1123, as the API server checks it."""
    return 1 <= len(text) <= 63 and set(text) <= LOWER | {"-"} and text[0] in LOWER and text[-1] in LOWER


def is_subdomain(text: str) -> bool:
    parts = text.split(".")
    return len(text) <= 253 and all(
        part and set(part) <= LOWER | {"-"} and part[0] in LOWER and part[-1] in LOWER for part in parts
    )


def is_label_value(text: str) -> bool:
    """At most 63 of a few characters, letters or digits at both ends, or nothing."""
    if not text:
        return True
    ends = text[0] in ALPHANUMERIC and text[-1] in ALPHANUMERIC
    return len(text) <= 63 and set(text) <= ALPHANUMERIC | set("-_.") and ends


def is_label_key(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    return bool(name) and is_label_value(name) and (not slash or is_subdomain(prefix))


@given(NEAR_MISSES)
def test_a_name_is_a_dns_label(text: str) -> None:
    assert taken(Name, text) == is_dns_label(text)


@given(NEAR_MISSES)
def test_a_policys_name_is_a_dns_subdomain(text: str) -> None:
    assert taken(PolicyName, text) == is_subdomain(text)


@given(NEAR_MISSES)
def test_a_label_value_is_what_kubernetes_accepts(text: str) -> None:
    assert taken(WrittenLabels, {"app": text}) == is_label_value(text)


@given(NEAR_MISSES)
def test_a_label_key_is_what_kubernetes_accepts(text: str) -> None:
    assert taken(WrittenLabels, {text: "x"}) == is_label_key(text)


@pytest.mark.parametrize("name", ["a\n", "", "-a", "a-", "A", "a_b", "a.b", "a" * 64])
def test_other_names_are_refused(name: str) -> None:
    assert not taken(Name, name)


@given(st.integers(-1, MAX_PORT + 1), st.integers(-1, MAX_PORT + 1), st.sampled_from(("TCP", "UDP")))
def test_a_range_is_from_1_to_65535_the_lower_end_first(first: int, last: int, protocol: str) -> None:
    written = {"port": f"{first}-{last}", "protocol": protocol}

    assert taken(Port, written) == (1 <= first <= last <= MAX_PORT)


@pytest.mark.parametrize(
    ("written", "port"),
    [
        (53, PortRange(Protocol.TCP, 53, 53)),
        ("8000-8010", PortRange(Protocol.TCP, 8000, 8010)),
        ("7-7", PortRange(Protocol.TCP, 7, 7)),
        ({"port": 53, "protocol": "UDP"}, PortRange(Protocol.UDP, 53, 53)),
        ({"port": "1-65535"}, PortRange(Protocol.TCP, 1, 65535)),
    ],
)
def test_a_port_is_a_number_a_range_or_either_with_its_protocol(written: object, port: PortRange) -> None:
    assert TypeAdapter(Port).validate_python(written) == port


@pytest.mark.parametrize("written", ["٣-٤", "1-", "-1", "1-2-3", " 1-2", "1 - 2", "0x1-0x2", "1-2\n", "80", [80], 8e1])
def test_other_ports_are_refused(written: object) -> None:
    assert not taken(Port, written)
