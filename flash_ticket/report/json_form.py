"""Connections as JSON, and the choice between text and JSON for all reports."""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum

from flash_ticket.firewall.terms.connections import Connections, words
from flash_ticket.firewall.terms.ports import PortSet


def ports_as_json(ports: PortSet) -> list[dict[str, str | int]]:
    """Return ranges as objects with ``protocol``, ``first`` and ``last``."""
    return [{"protocol": each.protocol.value, "first": each.first, "last": each.last} for each in ports]


NO_REASONS: Mapping[tuple[str, str], str] = {}
NO_DOMAINS: Mapping[str, tuple[str, ...]] = {}


def json_array(
    connections: Connections,
    reasons: Mapping[tuple[str, str], str] = NO_REASONS,
    domains: Mapping[str, tuple[str, ...]] = NO_DOMAINS,
) -> Iterator[str]:
    """Yield an array of objects with ``src``, ``dst``, ``conn`` in netpol-analyzer's form, and ``ports`` as ranges.

    An object has ``because`` if there is a reason for its ends, and ``domains`` if its destination is known by names.
    """
    between = "["
    for connection in connections:
        ends = words(connection.source), words(connection.destination)
        entry: dict[str, object] = {
            "src": ends[0],
            "dst": ends[1],
            "conn": str(connection.ports),
            "ports": ports_as_json(connection.ports),
        }
        if ends[1] in domains:
            entry["domains"] = list(domains[ends[1]])
        if ends in reasons:
            entry["because"] = reasons[ends]
        yield f"{between}\n  {json.dumps(entry)}"
        between = ","
    yield "[]\n" if between == "[" else "\n]\n"


class AnswerFormat(StrEnum):
    """Text for a person, or JSON for a program."""

    TXT = "txt"
    JSON = "json"
