"""Filter patterns of CloudWatch Logs, for the flow log and the policy agent's log, and patterns for addresses.

The lines of both logs are words with spaces between them. A pattern in brackets names every word in order. A word may
have a condition: a list of values, with ``*`` at an end. All conditions must hold. Source: CloudWatch Logs User Guide,
"Filter pattern syntax", terms in space-delimited log events. The patterns use no regular expressions, because only five
patterns of a log group may have one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from itertools import product

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import External, Flow, Matrix
from flash_ticket.firewall.terms.ports import PortRange, Protocol

MAX_PATTERN = 1024
"""The maximum length of a filterPattern (CloudWatch Logs API reference, PutMetricFilter)."""

MOST_ADDRESSES = 6
"""The most addresses in one condition; with at most `_MOST_PORTS` ports, a pattern stays below `MAX_PATTERN`."""

_MOST_PORTS = 16
_NUMBERS = {Protocol.TCP: "6", Protocol.UDP: "17"}
"""The protocol numbers in flow logs (IANA, "Protocol Numbers")."""

_AGENT_WORDS = ("label", "node", "source", "source_port", "destination", "port", "protocol", "verdict")
"""The words of ``Node: n;SIP: a;SPORT: p;DIP: b;DPORT: p;PROTOCOL: TCP;PolicyVerdict: DENY``.

There is no space before a key, so each word but the first contains a value and the next key.
"""

_LATER_AGENT_WORDS = (*_AGENT_WORDS, "tier")
"""Later releases add ``;Tier: t``."""

AGENT_VERDICTS = '"PolicyVerdict: "'
"""Every verdict in the agent's log; other lines of the log group do not match."""

AGENT_DENIALS = '"PolicyVerdict: DENY"'
"""Every denial in the agent's log."""

_OCTET_BITS = 8
_OCTETS = 4

AddressPatterns = tuple[str, ...]
"""Addresses, or wildcards such as ``10.10.20.*``; empty for any address."""


def declared_in_flow_log(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the patterns that count denied declared flows in the flow log, in a stable order."""
    ports: dict[tuple[AddressPatterns, AddressPatterns], set[PortRange]] = defaultdict(set)
    for flow in _at_addresses(matrix):
        ends = _addresses(flow.source, matrix, environment), _addresses(flow.target, matrix, environment)
        ports[ends].update(flow.ports)
    return tuple(
        pattern
        for (source, target), called in sorted(ports.items())
        for protocol in (Protocol.TCP, Protocol.UDP)
        for pattern in flow_log_patterns(source, target, protocol, called)
    )


def declared_in_agent_log(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the patterns that count denied declared flows in the policy agent's log, in a stable order."""
    ports: dict[AddressPatterns, set[PortRange]] = defaultdict(set)
    for flow in _at_addresses(matrix):
        ports[_addresses(flow.target, matrix, environment)].update(flow.ports)
    return tuple(
        pattern
        for target, called in sorted(ports.items())
        for protocol in (Protocol.TCP, Protocol.UDP)
        for pattern in agent_patterns(target, protocol, called)
    )


def rejections() -> str:
    """Return the pattern for every REJECT record of the flow log."""
    return _pattern(_field_names(), {"action": 'action="REJECT"'})


def flow_log_patterns(
    sources: Sequence[str], targets: Sequence[str], protocol: Protocol, ports: Iterable[PortRange]
) -> tuple[str, ...]:
    """Return patterns for each REJECT record between addresses on ports; no record matches two patterns.

    Args:
        sources: Addresses, or wildcards such as ``10.10.20.*``; empty for any address.
        targets: The same for the destination.
        protocol: TCP or UDP; ports of other protocols are ignored.
        ports: The destination ports; a wide range gets its own pattern.
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

    Wide ranges of ports are left out: a word of this log contains more than the number, so it cannot be compared.
    """
    # A wildcard that ends in * also matches the next key; a whole address does not.
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


def _at_addresses(matrix: Matrix) -> Iterator[Flow]:
    """Yield the flows whose ends logs can show; they hold addresses, so a target known by names is none of them."""
    named = {external.name for external in matrix.externals if external.domains}
    return (flow for flow in matrix.flows if flow.target not in named)


def _addresses(name: str, matrix: Matrix, environment: Environment) -> AddressPatterns:
    endpoint = matrix.endpoints[name]
    outside = isinstance(endpoint, External) and endpoint.has_place
    networks = environment.place(name).networks if outside else environment.vpc_networks
    return address_wildcards(networks, MOST_ADDRESSES) or ()


def address_regex(networks: Iterable[Network]) -> str | None:
    """Return a regular expression, to be anchored, for the networks' IPv4 addresses; None if there are none.

    IPv6 addresses are left out, because one prefix has too many forms as text.
    """
    found = [_regex(network) for network in networks if isinstance(network, IPv4Network)]
    return "|".join(found) or None


def address_wildcards(networks: Iterable[Network], most: int) -> tuple[str, ...] | None:
    """Return wildcards such as ``10.10.20.*`` that together match the networks' addresses, as narrow as possible.

    A network that needs more than ``most`` wildcards is widened to whole octets. Return None if there is an IPv6
    network, because one prefix has too many forms as text.
    """
    found: set[str] = set()
    for network in networks:
        if not isinstance(network, IPv4Network):
            return None
        found.update(_wildcards(network, most))
    return tuple(sorted(found))


def _field_names() -> list[str]:
    return [field.replace("-", "_") for field in RECORD_FIELDS]


def _is_narrow(port: PortRange) -> bool:
    return port.last - port.first < _MOST_PORTS


def _one_by_one(word: str, ports: Iterable[PortRange], ending: str) -> list[str]:
    numbers = sorted({number for port in ports for number in range(port.first, port.last + 1)})
    values = [f"{number}{ending}" for number in numbers]
    return [_condition(word, values[start : start + _MOST_PORTS]) for start in range(0, len(values), _MOST_PORTS)]


def _any_of(word: str, values: Sequence[str]) -> list[str]:
    """Return conditions that together match the values; without values, one condition that matches everything."""
    starts = range(0, len(values), MOST_ADDRESSES)
    return [_condition(word, values[start : start + MOST_ADDRESSES]) for start in starts] or [word]


def _condition(word: str, values: Sequence[str]) -> str:
    return " || ".join(f'{word}="{value}"' for value in values)


def _pattern(words: Iterable[str], conditions: Mapping[str, str]) -> str:
    return f"[{', '.join(conditions.get(word, word) for word in words)}]"


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
    """Return the octets that all addresses share, and the possible values of the octet that they share in part."""
    octets = str(network.network_address).split(".")
    full, rest = divmod(network.prefixlen, _OCTET_BITS)
    if not rest:
        return octets[:full], []
    first = int(octets[full])
    return octets[:full], [str(value) for value in range(first, first + 2 ** (_OCTET_BITS - rest))]
