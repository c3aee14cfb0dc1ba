"""Connections of any manifests as a picture: one SVG document, from callers on the left to the called on the right.

Few connections are drawn one by one. Where there are many, parties that the analysis treats alike in every respect
(they are in the same blocks on the same side) are one station; what these may open among themselves is said on it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flash_ticket.firewall.terms.addresses import AddressRange, whole
from flash_ticket.firewall.terms.changes import Change, ChangeKind
from flash_ticket.firewall.terms.connections import Connections, PartyName, words
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet
from flash_ticket.report.picture.drawing import (
    EDGE,
    BoxKind,
    Diagram,
    Link,
    Station,
    Titles,
    document,
    port_labels,
)
from flash_ticket.report.picture.graph_layout import columns, shifted

MOST = 200
"""How many connections are drawn; more are lines that no eye can follow."""

_HEADER, _NAMED = 64.0, 3

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
            f"{drawn_links:,} connections, even with similar workloads drawn as one, are too many for a picture",
            "Use --output dot and a graph viewer, or ask for fewer manifests",
        )
    labels = {pair: _label(ports) for pair, ports in links.items()}
    said = "; ".join(f"{source} to {target} : {ports}" for (source, target), ports in links.items())
    return _ConnectionPicture(tuple(groups), labels, _ALLOWED, said or "No connection is allowed.").document()


def changes_svg(changes: Sequence[Change]) -> str:
    """Return an SVG document of the connections that differ, with what is added, removed or changed at the arrows.

    Raises:
        InputError: There are so many that a picture shows nothing.
    """
    if len(changes) > MOST:
        problem = f"{len(changes):,} changes are too many for a picture"
        raise InputError("--output svg", "", problem, "Use --output dot and a graph viewer, or --output txt")
    parties = sorted({party for each in changes for party in (each.source, each.destination)}, key=words)
    labels = {(words(each.source), words(each.destination)): change_label(each) for each in changes}
    said = "; ".join(map(str, changes))
    groups = tuple((party,) for party in parties)
    return _ConnectionPicture(groups, labels, _CHANGED, said or "No connection differs.").document()


def change_label(change: Change) -> str:
    """Return what happens to the ports of a pair: ``added TCP 80``, or ``TCP 80 -> TCP 443``."""
    before, after = _label(change.before), _label(change.after)
    if change.kind is ChangeKind.CHANGED:
        return f"{before} -> {after}"
    return f"{change.kind.value} {after if change.after else before}"


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


class _Words(NamedTuple):
    title: str
    subtitle: str
    counted: str
    nothing: str
    nothing_described: str


_ALLOWED = _Words(
    "Allowed connections",
    "Every connection that the manifests allow, on the ports at the arrow's head",
    "connections",
    "No workload",
    "There is no workload to connect.",
)
_CHANGED = _Words(
    "Changed connections",
    "Every connection that differs, with what happens to its ports at the arrow's head",
    "changes",
    "No change",
    "No connection differs.",
)


@dataclass(frozen=True)
class _ConnectionPicture:
    groups: tuple[Parties, ...]
    links: Mapping[tuple[str, str], str]
    words: "_Words"
    description: str

    def document(self) -> str:
        if not self.groups:
            return document((480, EDGE + _HEADER), self._titles(self.words.nothing, self.words.nothing_described))
        links = [Link(*pair, label) for pair, label in self.links.items() if pair[0] != pair[1]]
        names, labels = [words(group[0]) for group in self.groups], port_labels(links)
        column_of = columns(names, [(link.source, link.target) for link in links])
        stations = [
            self._station(name, group, column_of[name], labels.get(name, ()))
            for name, group in zip(names, self.groups, strict=True)
        ]
        diagram = Diagram(stations, links, range(max(column_of.values()) + 1))
        layout = shifted(diagram.layout, EDGE, EDGE + _HEADER)
        every = [*layout.boxes.values(), *(lane for lanes in layout.lanes.values() for lane in lanes)]
        size = max(480.0, max(each.right for each in every) + EDGE + 20), max(each.bottom for each in every) + EDGE
        titles = self._titles(f"{len(names)} endpoints, {len(links)} {self.words.counted}", self.description)
        return document(size, titles, *diagram.drawn(layout))

    def _titles(self, name: str, description: str) -> Titles:
        return Titles(name, description, self.words.title, self.words.subtitle)

    def _station(self, key: str, group: Parties, column: int, ports: tuple[str, ...]) -> Station:
        name, details = _named(group[0])
        kind = BoxKind.OUTSIDE if isinstance(group[0], AddressRange) or "/" not in key else BoxKind.INSIDE
        if len(group) > 1:
            name, details = f"{len(group)} alike", tuple(_named(party)[0] for party in group[:_NAMED])
            details += (f"and {len(group) - _NAMED} more",) if len(group) > _NAMED else ()
            if (key, key) in self.links:
                details += (f"each other: {self.links[key, key]}",)
        return Station(key, column, name, kind, details, ports, about=", ".join(map(words, group[:MOST])))


def _label(ports: PortSet) -> str:
    return "all ports" if ports == ALL_PORTS else str(ports).replace(",", ", ")


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
