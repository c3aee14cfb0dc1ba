"""Filter patterns of CloudWatch Logs: which lines of the flow log and of the policy agent's log are counted.

Both logs are words with spaces between. A pattern in brackets names every word in its order; a condition at a word may
list values, with ``*`` at an end, and the conditions of different words must all hold. Source: CloudWatch Logs User
Guide, "Filter pattern syntax", terms in space-delimited log events. Regular expressions are left alone: of all patterns
of a log group, five may have one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from itertools import product

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.terms.ports import PortRange, Protocol

MAX_PATTERN = 1024
"""CloudWatch Logs API reference, PutMetricFilter: characters of a filterPattern."""

MOST_ADDRESSES = 6
"""How many addresses a condition lists here; with `_MOST_PORTS`, a pattern stays below `MAX_PATTERN`."""

_MOST_PORTS = 16
_NUMBERS = {Protocol.TCP: "6", Protocol.UDP: "17"}
"""IANA, "Protocol Numbers": a flow log writes these."""

_AGENT_WORDS = ("label", "node", "source", "source_port", "destination", "port", "protocol", "verdict")
"""The words of ``Node: n;SIP: a;SPORT: p;DIP: b;DPORT: p;PROTOCOL: TCP;PolicyVerdict: DENY``.

No space stands before a key, so each word but the first holds a value and the next key.
"""

_LATER_AGENT_WORDS = (*_AGENT_WORDS, "tier")
"""Later releases add ``;Tier: t``."""

AGENT_VERDICTS = '"PolicyVerdict: "'
"""Every decision in the agent's log, whatever else is in its log group."""

AGENT_DENIALS = '"PolicyVerdict: DENY"'
"""Every denial in the agent's log."""


def rejections() -> str:
    """Return the pattern for every REJECT of the flow log."""
    return _pattern(_field_names(), {"action": 'action="REJECT"'})


def flow_log_patterns(
    sources: Sequence[str], targets: Sequence[str], protocol: Protocol, ports: Iterable[PortRange]
) -> tuple[str, ...]:
    """Return patterns for each REJECT between addresses on ports, no record in two of them.

    Args:
        sources: Addresses, or texts such as ``10.10.20.*``; none for any.
        targets: The same.
        protocol: TCP or UDP; ports of others are left out.
        ports: The ports that are called; a wide range gets a pattern of its own.
    """
    wanted = [port for port in ports if port.protocol is protocol]
    single = _one_by_one("dstport", (port for port in wanted if _is_narrow(port)), "")
    wide = [f"dstport>={port.first} && dstport<={port.last}" for port in sorted(set(wanted)) if not _is_narrow(port)]
    return tuple(
        _pattern(
            _field_names(),
            {
                "pkt_srcaddr": source,
                "pkt_dstaddr": target,
                "dstport": port,
                "protocol": f'protocol="{_NUMBERS[protocol]}"',
                "action": 'action="REJECT"',
            },
        )
        for source, target, port in product(
            _any_of("pkt_srcaddr", sources), _any_of("pkt_dstaddr", targets), [*single, *wide]
        )
    )


def agent_patterns(targets: Sequence[str], protocol: Protocol, ports: Iterable[PortRange]) -> tuple[str, ...]:
    """Return patterns for each denial in the agent's log to addresses on ports, for both forms of its lines.

    A wide range of ports is left out: a word of this log holds more than a number, and cannot be compared with one.
    """
    # A text that ends in * takes the next key along; a whole address does not.
    destinations = [text if text.endswith("*") else f"{text};DPORT:" for text in targets]
    wanted = [port for port in ports if port.protocol is protocol and _is_narrow(port)]
    return tuple(
        _pattern(
            words,
            {
                "label": 'label="Node:"',
                "destination": destination,
                "port": port,
                "protocol": f'protocol="{protocol};PolicyVerdict:"',
                "verdict": 'verdict="DENY*"',
            },
        )
        for words in (_AGENT_WORDS, _LATER_AGENT_WORDS)
        for destination, port in product(
            _any_of("destination", destinations), _one_by_one("port", wanted, ";PROTOCOL:")
        )
    )


def _field_names() -> list[str]:
    return [field.replace("-", "_") for field in RECORD_FIELDS]


def _is_narrow(port: PortRange) -> bool:
    return port.last - port.first < _MOST_PORTS


def _one_by_one(word: str, ports: Iterable[PortRange], ending: str) -> list[str]:
    numbers = sorted({number for port in ports for number in range(port.first, port.last + 1)})
    values = [f"{number}{ending}" for number in numbers]
    return [_condition(word, values[start : start + _MOST_PORTS]) for start in range(0, len(values), _MOST_PORTS)]


def _any_of(word: str, values: Sequence[str]) -> list[str]:
    """Return the conditions that together let the values through; one that lets all through where there are none."""
    starts = range(0, len(values), MOST_ADDRESSES)
    return [_condition(word, values[start : start + MOST_ADDRESSES]) for start in starts] or [word]


def _condition(word: str, values: Sequence[str]) -> str:
    return " || ".join(f'{word}="{value}"' for value in values)


def _pattern(words: Iterable[str], conditions: Mapping[str, str]) -> str:
    return f"[{', '.join(conditions.get(word, word) for word in words)}]"


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


AddressPatterns = tuple[str, ...]
"""Texts such as ``10.10.20.*``; none for any address."""


def declared_in_flow_log(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the patterns for the flow log; an order that does not change."""
    ports: dict[tuple[AddressPatterns, AddressPatterns], set[PortRange]] = defaultdict(set)
    for flow in matrix.flows:
        ends = _addresses(flow.source, matrix, environment), _addresses(flow.target, matrix, environment)
        ports[ends].update(flow.ports)
    return tuple(
        pattern
        for (source, target), called in sorted(ports.items())
        for protocol in (Protocol.TCP, Protocol.UDP)
        for pattern in flow_log_patterns(source, target, protocol, called)
    )


def declared_in_agent_log(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the patterns for the network policy agent's log; an order that does not change."""
    ports: dict[AddressPatterns, set[PortRange]] = defaultdict(set)
    for flow in matrix.flows:
        ports[_addresses(flow.target, matrix, environment)].update(flow.ports)
    return tuple(
        pattern
        for target, called in sorted(ports.items())
        for protocol in (Protocol.TCP, Protocol.UDP)
        for pattern in agent_patterns(target, protocol, called)
    )


def _addresses(name: str, matrix: Matrix, environment: Environment) -> AddressPatterns:
    endpoint = matrix.endpoints[name]
    outside = isinstance(endpoint, External) and endpoint.namespace is None
    networks = environment.place(name).networks if outside else environment.vpc_networks
    return address_wildcards(networks, MOST_ADDRESSES) or ()
