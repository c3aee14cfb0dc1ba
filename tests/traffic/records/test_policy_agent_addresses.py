"""Addresses in the AWS agent's log are read as the agent means them, also where it leaves out zeros at the end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.record import End
from tests.support.traffic.agent_lines import AUDIT, OLD, REAL, WORDS, event, read, zap


def written_by_agent(address: int) -> str:
    """Return what ConvByteArrayToIP of the agent writes for an address, which is a number in network byte order.

    The agent holds the address as a little-endian number, prints it as hexadecimal digits without zeros in front, puts
    one zero in front of an odd count, and writes the bytes last to first.
    """
    digits = f"{int.from_bytes(address.to_bytes(4, 'big'), 'little'):x}"
    even = digits if len(digits) % 2 == 0 else f"0{digits}"
    return ".".join(str(each) for each in reversed(bytes.fromhex(even)))


def naive_address(text: str) -> str:
    """Return the address of a text of the agent, digit by digit, without the library's reader of addresses."""
    octets = [0, 0, 0, 0]
    position = 0
    for character in text:
        if character == ".":
            position += 1
        else:
            octets[position] = octets[position] * 10 + "0123456789".index(character)
    return "{}.{}.{}.{}".format(*octets)


ADDRESSES = st.integers(0, 2**32 - 1) | st.builds(
    lambda octets, kept: int.from_bytes(bytes(octets[:kept]).ljust(4, b"\0"), "big"),
    st.lists(st.integers(0, 255), min_size=4, max_size=4),
    st.integers(0, 4),
)
"""Addresses of every kind, many of them with zeros at the end."""


@given(ADDRESSES, ADDRESSES)
def test_every_address_is_read_as_the_agent_means_it(source: int, destination: int) -> None:
    written = written_by_agent(source), written_by_agent(destination)
    words = WORDS.replace("10.0.0.5", written[0]).replace("10.0.0.9", written[1])
    audit = AUDIT.replace("10.0.0.5", written[0]).replace("10.0.0.9", written[1])
    fields = {**json.loads(OLD), "Src IP": written[0], "Dest IP": written[1]}

    (record,), reading = read([zap(words), json.dumps(event(audit)).encode(), json.dumps(fields).encode()])

    assert (record.source.address, record.destination.address) == (naive_address(written[0]), naive_address(written[1]))
    assert (record.source.address, record.destination.address) == tuple(
        ".".join(str(octet) for octet in each.to_bytes(4, "big")) for each in (source, destination)
    )
    assert (reading.recorded, reading.malformed) == (3, 0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("172.20.112", "172.20.112.0"), ("10.20", "10.20.0.0"), ("10", "10.0.0.0"), ("0", "0.0.0.0")],  # noqa: S104 - an address in a log
)
def test_the_zeros_that_the_agent_leaves_out_are_filled_in(written: str, meant: str) -> None:
    line = REAL.replace(b"10.20.1.12", written.encode())

    (record,), reading = read([line])

    assert (record.source, record.destination, record.port) == (End("10.20.1.11"), End(meant), 4001)
    assert (record.direction, record.reason, reading.malformed) == (Direction.EGRESS, "NETWORK_POLICY", 0)


@pytest.mark.parametrize(
    "written",
    ["10.20.0", "10.0", "0.0", "10.20.", ".10.20", "10..20", "10.256", "10.020", "010.20", "1000", "-1", "a.b"],
)
def test_an_address_that_the_agent_never_writes_is_malformed(written: str) -> None:
    records, reading = read([REAL.replace(b"10.20.1.12", written.encode())])

    assert (records, reading.malformed) == ([], 1)
