"""Sets of ports behave as sets, and are written in netpol-analyzer's words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortRange, PortSet, Protocol, tcp, udp

SMALL = 12


@st.composite
def port_ranges(draw: st.DrawFn) -> PortRange:
    first = draw(st.integers(1, SMALL))
    return PortRange(draw(st.sampled_from(Protocol)), first, draw(st.integers(first, SMALL)))


port_sets = st.lists(port_ranges(), max_size=5).map(PortSet.of)


def members(ports: PortSet) -> set[tuple[Protocol, int]]:
    return {(protocol, port) for protocol in Protocol for port in range(1, SMALL + 1) if ports.holds(protocol, port)}


@settings(deadline=None)
@given(port_sets, port_sets)
def test_union_intersection_and_difference_are_those_of_sets(one: PortSet, other: PortSet) -> None:
    assert members(one | other) == members(one) | members(other)
    assert members(one & other) == members(one) & members(other)
    assert members(one - other) == members(one) - members(other)
    assert one.covers(other) == (members(one) >= members(other))


@settings(deadline=None)
@given(port_sets, port_sets)
def test_sets_of_the_same_ports_are_equal(one: PortSet, other: PortSet) -> None:
    assert (one == other) == (members(one) == members(other))
    assert hash(one | other) == hash(other | one)


def test_sets_are_written_in_the_words_of_netpol_analyzer() -> None:
    assert str(ALL_PORTS) == "All Connections"
    assert str(NO_PORTS) == "No Connections"
    assert str(PortSet.of([udp(53), tcp(443), PortRange(Protocol.TCP, 80, 90)])) == "TCP 80-90,443,UDP 53"


def test_nothing_is_left_of_everything_without_everything() -> None:
    assert ALL_PORTS - ALL_PORTS == NO_PORTS
    assert ALL_PORTS - NO_PORTS == ALL_PORTS
    assert str(ALL_PORTS - PortSet.of([tcp(80)])) == "SCTP 1-65535,TCP 1-79,81-65535,UDP 1-65535"
