"""Filter patterns of CloudWatch Logs: which lines of the flow log and of the policy agent's log are counted.

Both logs are words with spaces between. A pattern in brackets names every word in its order; a condition at a word may
list values, with ``*`` at an end, and the conditions of different words must all hold. Source: CloudWatch Logs User
Guide, "Filter pattern syntax", terms in space-delimited log events. Regular expressions are left alone: of all patterns
of a log group, five may have one.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
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
