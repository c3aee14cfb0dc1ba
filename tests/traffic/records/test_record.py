"""Ports distinguish calls from replies, and addresses have one form."""

import pytest

from flash_ticket.firewall.terms.addresses import canonical_address
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.record import is_reply, turned

KNOWN = frozenset({(6, 3100), (6, 50051), (17, 53)})


@pytest.mark.parametrize(
    ("protocol", "source", "destination", "reply"),
    [
        (6, 40001, 3100, False),
        (6, 3100, 40001, True),
        (6, 40001, 50051, False),
        (6, 50051, 40001, True),
        (17, 50051, 40001, False),  # known only for TCP
        (6, 50051, 3100, False),  # both are known: the smaller one was called
        (6, 3100, 50051, True),
        (6, 8443, 9000, True),  # neither is
        (6, 9000, 8443, False),
        (17, 53, 53, False),
        (1, 0, 0, False),
    ],
)
def test_a_known_port_decides_and_then_the_smaller_one(
    protocol: int,
    source: int,
    destination: int,
    reply: bool,  # noqa: FBT001 - an expectation
) -> None:
    assert is_reply(protocol, source, destination, KNOWN) is reply


def test_a_reply_has_the_opposite_direction_of_its_connection() -> None:
    assert turned(Direction.EGRESS) is Direction.INGRESS
    assert turned(Direction.INGRESS) is Direction.EGRESS
    assert turned(None) is None


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("2001:DB8:0:0:0:0:0:5", "2001:db8::5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("::ffff:a00:5", "10.0.0.5"),
    ],
)
def test_an_address_has_one_form(text: str, canonical: str) -> None:
    assert canonical_address(text) == canonical


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.0/8", "fe80::1%eth0", "localhost"])
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        canonical_address(text)
