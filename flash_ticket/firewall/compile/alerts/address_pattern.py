"""Addresses as patterns of text, for what can compare nothing but text: PromQL and CloudWatch's filter patterns."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from flash_ticket.firewall.bind.environment import Network

_OCTET_BITS = 8
_OCTETS = 4


def address_regex(networks: Iterable[Network]) -> str | None:
    """Return a regular expression for the IPv4 addresses of the networks, to be anchored; None if there are none.

    IPv6 addresses are left out: as text, one prefix has too many forms.
    """
    found = [_regex(network) for network in networks if isinstance(network, IPv4Network)]
    return "|".join(found) or None


def address_wildcards(networks: Iterable[Network], most: int) -> tuple[str, ...] | None:
    """Return texts such as ``10.10.20.*`` that together match the addresses of the networks, each as narrow as it goes.

    A network that needs more than ``most`` texts is widened to whole octets. None if an IPv6 network is among them: as
    text, one prefix has too many forms.
    """
    found: set[str] = set()
    for network in networks:
        if not isinstance(network, IPv4Network):
            return None
        found.update(_wildcards(network, most))
    return tuple(sorted(found))


def _regex(network: IPv4Network) -> str:
    whole, last = _octets(network)
    parts = [*whole]
    if len(last) == 1:
        parts.append(last[0])
    elif last:
        parts.append(f"({'|'.join(last)})")
    parts += ["[0-9]+"] * (_OCTETS - len(parts))
    return "[.]".join(parts)


def _wildcards(network: IPv4Network, most: int) -> Iterator[str]:
    whole, last = _octets(network)
    if len(last) > most:
        last = []
    for octet in last or [""]:
        parts = [*whole, octet] if octet else whole
        yield ".".join(parts) if len(parts) == _OCTETS else ".".join([*parts, "*"])


def _octets(network: IPv4Network) -> tuple[list[str], list[str]]:
    """Return the octets that are the same for all addresses, and the values of the one that is so only in part."""
    octets = str(network.network_address).split(".")
    full, rest = divmod(network.prefixlen, _OCTET_BITS)
    if not rest:
        return octets[:full], []
    first = int(octets[full])
    return octets[:full], [str(value) for value in range(first, first + 2 ** (_OCTET_BITS - rest))]
