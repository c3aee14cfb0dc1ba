"""Connections as a graph in the DOT language of Graphviz, workloads framed by namespace."""

from collections.abc import Iterator

from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.connections import Connections, words
from flash_ticket.firewall.terms.escape import escaped

_OUTSIDE = "#b3261e"
_INSIDE = "#1a56a0"


def dot(connections: Connections) -> Iterator[str]:
    """Yield a directed graph; workloads that connect to nothing are in it too, ranges only if they connect."""
    framed: dict[str, list[str]] = {}
    loose: list[str] = []
    edges = list(connections)
    connected = {party for edge in edges for party in (edge.source, edge.destination)}
    for party in connections.parties:
        if isinstance(party, AddressRange):
            if party in connected:
                loose.append(_node(words(party), words(party), _OUTSIDE))
            continue
        namespace, slash, name = party.partition("/")
        if slash:
            framed.setdefault(namespace, []).append(_node(party, name, _INSIDE))
        else:
            loose.append(_node(party, party, _INSIDE))
    yield "digraph {\n"
    for namespace, nodes in framed.items():
        yield f"\tsubgraph {_quoted(f'cluster_{namespace}')} {{\n\t\tlabel={_quoted(namespace)}\n"
        yield from (f"\t\t{node}" for node in nodes)
        yield "\t}\n"
    yield from (f"\t{node}" for node in loose)
    for edge in edges:
        ends = f"{_quoted(words(edge.source))} -> {_quoted(words(edge.destination))}"
        yield f"\t{ends} [label={_quoted(str(edge.ports))}]\n"
    yield "}\n"


def _node(name: str, label: str, color: str) -> str:
    return f"{_quoted(name)} [label={_quoted(label)} color={_quoted(color)} fontcolor={_quoted(color)}]\n"


def _quoted(text: str) -> str:
    return '"' + escaped(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
