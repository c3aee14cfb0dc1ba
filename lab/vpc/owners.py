"""Whose interface a packet meets: which addresses each network interface of the account answers for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_network

from lab.vpc.account import Account, Address, Interface, Network
from lab.vpc.pods import Pods


class OwnerError(Exception):
    """Two interfaces have one address, so that nothing says which of them a packet meets."""


@dataclass(frozen=True, slots=True)
class Owners:
    """The interfaces of an account, and where packets meet them.

    Attributes:
        networks: What each interface answers for, by its id.
        interfaces: Each interface, by its id.
        node: The interface with the node's address; None if the account knows none.
        sharing: The addresses of pods that have no interface of their own.
    """

    networks: Mapping[str, tuple[Network, ...]]
    interfaces: Mapping[str, Interface]
    node: Interface | None
    sharing: tuple[Network, ...]

    def members(self, group: str) -> tuple[Network, ...]:
        """Return the addresses of all interfaces that have a group."""
        return merged(
            network
            for identifier, interface in self.interfaces.items()
            if group in interface.groups
            for network in self.networks[identifier]
        )


def owners_of(account: Account, pods: Pods) -> Owners:
    """Return which interface answers for which address.

    The interface of the node answers for the pods that no interface of the account has the address of.

    Raises:
        OwnerError: Two interfaces have one address.
    """
    networks = {each.identifier: each.networks for each in account.interfaces}
    taken: dict[Network, str] = {}
    for identifier, owned in networks.items():
        for network in owned:
            if (other := taken.setdefault(network, identifier)) != identifier:
                raise OwnerError(
                    f"the interfaces {other} and {identifier} both have {network.network_address}:"
                    " read the account with the id of one VPC"
                )
    node = next((each for each in account.interfaces if _holds(each.networks, pods.node)), None)
    sharing = _without(pods.networks, taken)
    if node:
        networks[node.identifier] = merged((*node.networks, *sharing))
        own = (each for each in node.networks if any(_within(each, network) for network in pods.networks))
        sharing = merged((*sharing, *own))
    return Owners(networks, {each.identifier: each for each in account.interfaces}, node, sharing)


def merged(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Return networks in order, none of them within another."""
    found = sorted(set(networks), key=str)
    fourth = collapse_addresses(each for each in found if each.version == 4)  # noqa: PLR2004 - the family's number
    sixth = collapse_addresses(each for each in found if each.version == 6)  # noqa: PLR2004 - likewise
    return (*fourth, *sixth)


def _without(networks: Iterable[Network], taken: Iterable[Network]) -> tuple[Network, ...]:
    left = list(networks)
    for each in taken:
        left = [part for network in left for part in _excluded(network, each)]
    return merged(left)


def _excluded(network: Network, taken: Network) -> Iterator[Network]:
    if _within(network, taken):
        return
    if _within(taken, network):
        yield from network.address_exclude(taken)  # type: ignore[arg-type]  # both have one family: see _within
    else:
        yield network


def _within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # as just compared


def _holds(networks: Iterable[Network], address: Address) -> bool:
    return any(_within(ip_network(address), each) for each in networks)
