"""Connections in every output format, of any manifests or of this project."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.analyse.exposure import Exposure
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.connections import Connection, Connections, PartyName, words
from flash_ticket.firewall.terms.input_error import InputError, escaped
from flash_ticket.report import json_form, table
from flash_ticket.report.picture.connection_picture import connections_svg
from flash_ticket.report.picture.page import page
from flash_ticket.report.picture.picture import picture

_OUTSIDE = "#b3261e"
_INSIDE = "#1a56a0"


class Format(StrEnum):
    """An output format."""

    TXT = "txt"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    DOT = "dot"
    SVG = "svg"
    HTML = "html"
    """A page about this project: matrix, proof and picture."""


def lines(connections: Connections) -> Iterator[str]:
    r"""Yield ``src => dst : TCP 80\n`` for each connection, sorted by source, then destination.

    One piece may contain many lines.
    """
    within = connections.within
    written: list[tuple[object, str]] | None = None
    of: object = None
    for source, found in connections.rows():
        if found is not of:
            of, written = (
                found,
                [(destination, f"{escaped(words(destination))} : {ports}\n") for destination, ports in found],
            )
        head = f"{escaped(words(source))} => "
        yield "".join([head + line for destination, line in written or () if destination != source or source in within])


def _dot(connections: Connections) -> Iterator[str]:
    """Yield a directed graph: all workloads, and the address ranges that have a connection."""
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
        yield f"\tsubgraph {quoted(f'cluster_{namespace}')} {{\n\t\tlabel={quoted(namespace)}\n"
        yield from (f"\t\t{node}" for node in nodes)
        yield "\t}\n"
    yield from (f"\t{node}" for node in loose)
    for edge in edges:
        ends = f"{quoted(words(edge.source))} -> {quoted(words(edge.destination))}"
        yield f"\t{ends} [label={quoted(str(edge.ports))}]\n"
    yield "}\n"


def _node(name: str, label: str, color: str) -> str:
    return f"{quoted(name)} [label={quoted(label)} color={quoted(color)} fontcolor={quoted(color)}]\n"


def quoted(text: str) -> str:
    """Return any text as a quoted name of DOT."""
    return '"' + escaped(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _svg(connections: Connections) -> Iterator[str]:
    yield connections_svg(connections)


_WRITERS: Mapping[Format, Callable[[Connections], Iterator[str]]] = {
    Format.TXT: lines,
    Format.JSON: json_form.json_array,
    Format.CSV: table.csv_rows,
    Format.MD: table.markdown_rows,
    Format.DOT: _dot,
    Format.SVG: _svg,
}


def written(connections: Connections, form: Format) -> Iterator[str]:
    """Yield the pieces of a listing in a format, in order.

    Raises:
        InputError: There are too many connections for a picture, or only this project has the format.
    """
    if form is Format.HTML:
        raise InputError("--output", "html", "only this project has a page", "Leave out --dir, or choose another form")
    return _WRITERS[form](connections)


def written_exposure(found: Exposure, form: Format, focus: "Focus") -> Iterator[str]:
    """Yield a listing with the pods that the manifests do not hold; as text, these connections come after the others.

    Raises:
        InputError: As ``written``, or nothing has a name in the focus.
    """
    listed = focus.of(found.connections)
    if form is not Format.TXT:
        yield from written(listed, form)
        return
    beyond = [each for each in listed if {each.source, each.destination} & found.strangers]
    yield from (_line(each) for each in listed if not {each.source, each.destination} & found.strangers)
    for said, ends in (("Egress", "source"), ("Ingress", "destination")):
        lines_of = [_line(each) for each in beyond if getattr(each, ends) not in found.strangers]
        if lines_of:
            yield f"\n{said} exposure to pods that these manifests do not hold:\n"
            yield from lines_of
    shown = {end for each in listed for end in (each.source, each.destination)}
    open_ = [(name, direction) for name, direction in found.unprotected if name in shown]
    if open_:
        yield "\nWorkloads that no policy protects:\n"
        yield from (f"{escaped(name)} is not protected on {direction.policy_type}\n" for name, direction in open_)


def _line(found: Connection) -> str:
    return f"{escaped(words(found.source))} => {escaped(words(found.destination))} : {found.ports}\n"


@dataclass(frozen=True, slots=True)
class Focus:
    """The connections that somebody asks for; all of them by default.

    Attributes:
        sources: The names of their sources; any if there is none.
        destinations: The names of their destinations; any if there is none.
        among: The names of both ends; any if there is none.
    """

    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    among: tuple[str, ...] = ()

    def of(self, connections: Connections) -> Connections:
        """Return only the connections that are asked for.

        Raises:
            InputError: Nothing has one of the names.
        """
        if self == EVERYTHING:
            return connections
        leaving = arriving = frozenset(connections.parties)
        if self.sources:
            leaving &= _named(connections, self.sources, "--from")
        if self.destinations:
            arriving &= _named(connections, self.destinations, "--to")
        if self.among:
            ends = _named(connections, self.among, "--between")
            leaving, arriving = leaving & ends, arriving & ends
        return connections.focused(leaving, arriving)


def _named(connections: Connections, names: tuple[str, ...], option: str) -> frozenset[PartyName]:
    return frozenset(party for name in names for party in connections.named(name, option))


EVERYTHING = Focus()
"""No focus: all connections."""


def project_listing(
    firewall: CompiledFirewall, layers: BothLayers, form: Format, focus: Focus = EVERYTHING
) -> Iterator[str]:
    """Yield the pieces of what passes both layers of a stack, or perhaps does, in a format, in order.

    Raises:
        InputError: Nothing has a name in the focus, or the format has no focus.
    """
    if focus != EVERYTHING:
        if form is Format.HTML:
            raise InputError("--output", "html", "the page always shows the whole project", "Choose another form")
        yield from _annotated(focus.of(layers.connections()), form, firewall.matrix)
        return
    match form:
        case Format.SVG:
            yield picture(firewall.matrix, firewall.environment)
        case Format.HTML:
            yield page(firewall.matrix, firewall.environment, firewall.proof())
        case _:
            yield from _annotated(layers.connections(), form, firewall.matrix)


def _annotated(connections: Connections, form: Format, matrix: Matrix) -> Iterator[str]:
    """Yield the pieces of a listing; text and JSON give domain names, and the reason of a flow from traffic.yaml."""
    reasons = matrix.reasons
    domains = {external.name: external.domains for external in matrix.externals if external.domains}
    if not (reasons or domains) or form not in {Format.TXT, Format.JSON}:
        yield from written(connections, form)
    elif form is Format.JSON:
        yield from json_form.json_array(connections, reasons, domains)
    else:
        for each in connections:
            ends = words(each.source), words(each.destination)
            said = "; ".join(filter(None, (", ".join(domains.get(ends[1], ())), reasons.get(ends))))
            yield f"{_line(each).rstrip()} ({escaped(said)})\n" if said else _line(each)
