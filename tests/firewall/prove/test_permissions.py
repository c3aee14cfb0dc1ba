"""Permissions are compared exactly: peer by peer, port by port, address by address."""

from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet, Protocol, tcp

ports = st.builds(
    lambda first, more: PortRange(Protocol.TCP, first, first + more), st.integers(1, 9), st.integers(0, 3)
)
ranges = st.builds(
    lambda first, more: AddressRange(Family.V4, first, first + more), st.integers(0, 9), st.integers(0, 5)
)
permissions = st.builds(
    Permissions, st.dictionaries(st.sampled_from("ab"), st.sets(ports)), st.dictionaries(ranges, st.sets(ports))
)


def at(permitted: Permissions[str], address: int) -> PortSet:
    return PortSet.of(
        port for block, ports in permitted.addresses.items() if block.first <= address <= block.last for port in ports
    )


def to(permitted: Permissions[str], peer: str) -> PortSet:
    return PortSet.of(permitted.peers.get(peer, ()))


@given(permissions, permissions)
def test_beyond_yields_every_port_that_the_other_lacks(one: Permissions[str], other: Permissions[str]) -> None:
    found = list(one.beyond(other))

    for peer in "ab":
        assert dict(found).get(peer, NO_PORTS) == to(one, peer) - to(other, peer)
    for address in range(16):
        left = PortSet.of(
            port
            for block, ports in found
            if isinstance(block, AddressRange) and block.first <= address <= block.last
            for port in ports
        )
        assert left == at(one, address) - at(other, address)


@given(permissions)
def test_nothing_is_beyond_everything_and_everything_is_beyond_nothing(some: Permissions[str]) -> None:
    everything = Permissions.everything("ab")

    assert not list(some.beyond(everything))
    assert {peer for peer, _ in everything.beyond(Permissions())} >= {"a", "b"}


def test_addresses_of_different_families_differ() -> None:
    four, six = AddressRange(Family.V4, 0, 9), AddressRange(Family.V6, 0, 9)
    one: Permissions[str] = Permissions({}, {six: {tcp(1)}})

    assert list(one.beyond(Permissions({}, {four: {tcp(1)}}))) == [(six, PortSet.of([tcp(1)]))]
