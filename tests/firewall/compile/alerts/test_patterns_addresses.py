"""Addresses as patterns: a regular expression matches exactly a network's addresses, a wildcard at least those."""

import fnmatch
import re
from ipaddress import IPv4Address, IPv4Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.compile.alerts.patterns import address_regex, address_wildcards

NETWORKS = st.builds(
    lambda address, length: ip_network((address, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


def inside(network: IPv4Network, offset: int) -> str:
    return str(network.network_address + offset % network.num_addresses)


@given(NETWORKS, st.integers(0, 2**32 - 1))
def test_the_regex_of_a_network_matches_every_address_in_it(network: IPv4Network, offset: int) -> None:
    assert re.fullmatch(address_regex([network]) or "", inside(network, offset))


@given(NETWORKS, st.integers(0, 2**32 - 1))
def test_the_regex_of_a_network_matches_no_address_outside(network: IPv4Network, value: int) -> None:
    address = IPv4Address(value)

    assert bool(re.fullmatch(address_regex([network]) or "", str(address))) is (address in network)


@given(st.lists(NETWORKS, min_size=1, max_size=4), st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_wildcards_match_every_address_of_the_networks(networks: list[IPv4Network], offset: int, most: int) -> None:
    wildcards = address_wildcards(networks, most)

    assert wildcards is not None
    for network in networks:
        assert any(fnmatch.fnmatchcase(inside(network, offset), text) for text in wildcards)


@pytest.mark.parametrize(
    ("networks", "wildcards"),
    [
        (["10.10.20.0/24", "10.10.21.0/24"], ("10.10.20.*", "10.10.21.*")),
        (["10.10.20.0/23"], ("10.10.20.*", "10.10.21.*")),
        (["10.10.20.7/32"], ("10.10.20.7",)),
        (["10.10.20.0/25"], ("10.10.20.*",)),
        (["172.16.0.0/12"], ("172.*",)),
        (["0.0.0.0/0"], ("*",)),
        (["10.0.0.0/30"], ("10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3")),
    ],
)
def test_wildcards_are_as_narrow_as_possible(networks: list[str], wildcards: tuple[str, ...]) -> None:
    assert address_wildcards([ip_network(network) for network in networks], 6) == wildcards


def test_ipv6_has_no_pattern() -> None:
    mixed = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]

    assert address_regex(mixed) == "10[.][0-9]+[.][0-9]+[.][0-9]+"
    assert address_regex(mixed[1:]) is None
    assert address_wildcards(mixed, 6) is None
