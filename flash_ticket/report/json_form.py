"""Connections as JSON, and the choice between text and JSON for all reports."""

import json
from collections.abc import Iterator
from enum import StrEnum

from flash_ticket.firewall.terms.connections import Connections, words
from flash_ticket.firewall.terms.ports import PortSet


def ports_as_json(ports: PortSet) -> list[dict[str, str | int]]:
    """Return ranges as objects with ``protocol``, ``first`` and ``last``."""
    return [{"protocol": each.protocol.value, "first": each.first, "last": each.last} for each in ports]


def json_array(connections: Connections) -> Iterator[str]:
    """Yield an array of objects with ``src``, ``dst``, ``conn`` in netpol-analyzer's form, and ``ports`` as ranges."""
    between = "["
    for connection in connections:
        entry = {
            "src": words(connection.source),
            "dst": words(connection.destination),
            "conn": str(connection.ports),
            "ports": ports_as_json(connection.ports),
        }
        yield f"{between}\n  {json.dumps(entry)}"
        between = ","
    yield "[]\n" if between == "[" else "\n]\n"


class AnswerFormat(StrEnum):
    """Text for a person, or JSON for a program."""

    TXT = "txt"
    JSON = "json"
