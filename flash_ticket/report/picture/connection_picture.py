"""Connections of any manifests as a picture: one SVG document, from callers on the left to the called on the right.

Few connections are drawn one by one. Where there are many, parties that the analysis treats alike in every respect
(they are in the same blocks on the same side) are one station; what these may open among themselves is said on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.terms.addresses import AddressRange, whole
from flash_ticket.firewall.terms.connections import Connections, PartyName, words
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet
from flash_ticket.report.picture import drawing
from flash_ticket.report.picture.drawing import (
    BoxKind,
    Shape,
    Station,
    box,
    document,
    drawn,
    flow,
    port_left,
    shapes,
    shifted,
)
from flash_ticket.report.picture.graph_layout import Placed, Route, columns, placed

MOST = 200
"""How many connections are drawn; more are lines that no eye can follow."""

_EDGE, _HEADER, _NAMED = 28.0, 64.0, 3

Parties = tuple[PartyName, ...]


def connections_svg(connections: Connections) -> str:
    """Return an SVG document of the connections.

    Raises:
        InputError: There are so many, even between groups of alike parties, that a picture shows nothing.
    """
    singles = sum(len(block.sources) * len(block.destinations) for block in connections.blocks)
    groups = _alike(connections) if singles > MOST else _each(connections)
    links = _links(connections, groups)
    drawn_links = sum(source != target for source, target in links)
    if drawn_links > MOST:
        raise InputError(
            "--output svg",
            "",
            f"{drawn_links:,} connections, even between groups of workloads alike, are too many for a picture",
            "Use --output dot and a graph viewer, or ask for fewer manifests",
        )
    return _ConnectionPicture(tuple(groups), links).document()


def _each(connections: Connections) -> list[Parties]:
    """Return every workload by itself, and the ranges that connect."""
    connected = {party for block in connections.blocks for party in (*block.sources, *block.destinations)}
    return [(party,) for party in connections.parties if party in connected or not isinstance(party, AddressRange)]


def _alike(connections: Connections) -> list[Parties]:
    """Return the parties in groups of those that are in the same blocks."""
    memberships: dict[PartyName, list[tuple[int, bool]]] = {party: [] for party in connections.parties}
    for index, block in enumerate(connections.blocks):
        for is_source, parties in ((True, block.sources), (False, block.destinations)):
            for party in parties:
                memberships[party].append((index, is_source))
    groups: dict[tuple[object, ...], list[PartyName]] = {}
    for party, member_of in memberships.items():
        is_range = isinstance(party, AddressRange)
        if member_of or not is_range:
            groups.setdefault((is_range, *member_of), []).append(party)
    return [tuple(group) for group in groups.values()]


def _links(connections: Connections, groups: Iterable[Parties]) -> dict[tuple[str, str], PortSet]:
    """Return what each group may open at each, and at others of its own, by the words of their first members."""
    group_of = {party: words(group[0]) for group in groups for party in group}
    size: dict[str, int] = {}
    for name in group_of.values():
        size[name] = size.get(name, 0) + 1
    found: dict[tuple[str, str], PortSet] = {}
    for block in connections.blocks:
        sources = dict.fromkeys(group_of[party] for party in block.sources)
        targets = dict.fromkeys(group_of[party] for party in block.destinations)
        for source in sources:
            for target in targets:
                if source != target or size[source] > 1:
                    found[source, target] = found.get((source, target), NO_PORTS) | block.ports
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class _ConnectionPicture:
    groups: tuple[Parties, ...]
    links: Mapping[tuple[str, str], PortSet]

    def document(self) -> str:
        boxes = [box(one, self._shapes[one.column]) for one in self._stations.values()]
        lines = {pair: self._line(pair) for pair in self.links if pair[0] != pair[1]}
        if not boxes:
            return document((480, _EDGE + _HEADER), "No workload", "There is no workload to connect.", *self._head(480))
        layout = shifted(placed(boxes, tuple(lines.values())), _EDGE, _EDGE + _HEADER)
        every = [*layout.boxes.values(), *(lane for lanes in layout.lanes.values() for lane in lanes)]
        width = max(480.0, max(each.right for each in every) + _EDGE + 20)
        height = max(each.bottom for each in every) + _EDGE
        parts = []
        for (source, target), line in lines.items():
            label, at = self._label(source, target), layout.boxes[target]
            data = {"data-from": source, "data-to": target, "data-ports": label}
            end = port_left(label, self._shapes[self._stations[target].column], at)
            parts.append(flow(layout.routes[line], end, f"{source} to {target}: {label}", data))
        for key, station in self._stations.items():
            parts.extend(drawn(station, self._shapes[station.column], layout.boxes[key]))
        said = "; ".join(f"{source} to {target} : {ports}" for (source, target), ports in self.links.items())
        title = f"{len(self.groups)} endpoints, {len(lines)} connections"
        return document((width, height), title, said or "No connection is allowed.", *self._head(width), *parts)

    def _head(self, width: float) -> Iterable[str]:
        yield drawing.rectangle(Placed(0, 0, width, 100_000), "ground", 0)
        yield drawing.words("Allowed connections", (_EDGE, _EDGE + 22), "title", 22, width - 2 * _EDGE, bold=True)
        said = "Every connection that the manifests allow, on the ports at the arrow's head"
        yield drawing.words(said, (_EDGE, _EDGE + 46), "note", 14, width - 2 * _EDGE)

    def _label(self, source: str, target: str) -> str:
        ports = self.links[source, target]
        return "all ports" if ports == ALL_PORTS else str(ports).replace(",", ", ")

    def _line(self, pair: tuple[str, str]) -> Route:
        return Route(*pair, self._stations[pair[1]].ports.index(self._label(*pair)))

    @cached_property
    def _stations(self) -> dict[str, Station]:
        names = [words(group[0]) for group in self.groups]
        column_of = columns(names, (pair for pair in self.links if pair[0] != pair[1]))
        return {words(group[0]): self._station(group, column_of[words(group[0])]) for group in self.groups}

    def _station(self, group: Parties, column: int) -> Station:
        key = words(group[0])
        ports = tuple(
            dict.fromkeys(
                self._label(source, target) for source, target in self.links if target == key and source != key
            )
        )
        name, details = _named(group[0])
        kind = BoxKind.OUTSIDE if isinstance(group[0], AddressRange) or "/" not in key else BoxKind.INSIDE
        if len(group) > 1:
            name, details = f"{len(group)} alike", tuple(_named(party)[0] for party in group[:_NAMED])
            details += (f"and {len(group) - _NAMED} more",) if len(group) > _NAMED else ()
            if (key, key) in self.links:
                details += (f"each other: {self._label(key, key)}",)
        return Station(key, column, name, kind, details, ports, about=", ".join(map(words, group[:MOST])))

    @cached_property
    def _shapes(self) -> dict[int, Shape]:
        return shapes(tuple(self._stations.values()))


def _named(party: PartyName) -> tuple[str, tuple[str, ...]]:
    """Return how a station is headed, and what stands under it."""
    if isinstance(party, AddressRange):
        if party == whole(party.family):
            return "anywhere", (f"every IPv{party.family.value} address",)
        first, _, last = str(party).partition("-")
        return first, ("external",) if first == last else (f"to {last}", "external")
    namespace, slash, rest = party.partition("/")
    if not slash:
        return party, ()
    name, _, kind = rest.removesuffix("]").partition("[")
    return name, (f"{kind or 'workload'} in {namespace}",)
