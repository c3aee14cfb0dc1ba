"""The shapes of a diagram of endpoints and flows: stations with ports, frames, lines, and their style."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from flash_ticket.report.picture.folding import folded, rows_of
from flash_ticket.report.picture.graph_layout import Box, Layout, Placed, Point, Route, placed
from flash_ticket.report.picture.markup import Markup, element, number
from flash_ticket.report.picture.style import DARK, FONT, LIGHT, Palette
from flash_ticket.report.picture.text_width import fitted, width

EDGE = 28.0
"""The margin of a picture."""

_NAME, _DETAIL, _PORT, _GROUP = 15.0, 12.0, 12.0, 11.0
_MOST_TEXT = 230.0
_PAD = 10.0
_PORT_HEIGHT, _PORT_STEP, _PORT_PAD = 20.0, 25.0, 8.0
_ARROW = 16.0
_FRAME, _CAPTION = 7.0, 15.0
_BEND = 20.0
_ROUND = 7.0


class BoxKind(StrEnum):
    """The kind of a station, which decides the look of its border."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Station:
    """One endpoint in a diagram.

    Attributes:
        key: A unique name.
        column: The column, counted from the left.
        details: Smaller lines under the name.
        ports: The ports of the flows to it, one entry for each set of ports.
        frame: The caption of a frame for its security groups; empty for no frame.
        about: The full text, shown when a pointer rests on it.
    """

    key: str
    column: int
    name: str
    kind: BoxKind
    details: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    frame: str = ""
    about: str = ""

    @property
    def text_width(self) -> float:
        """The width that its text needs, up to a limit."""
        wanted = [width(self.name, _NAME, bold=True), *(width(each, _DETAIL) for each in self.details)]
        wanted.append(width(self.frame, _GROUP) - 2 * (_PAD + _FRAME) + 4)
        return min(_MOST_TEXT, max(wanted))

    @property
    def card_height(self) -> float:
        """The height of its card."""
        return max(2 * _PAD + 14 + 17 * len(self.details), _PORT_STEP * len(self.ports))


class Link(NamedTuple):
    """A flow between two stations, with its ports in words."""

    source: str
    target: str
    label: str


def port_labels(links: Iterable[Link]) -> dict[str, tuple[str, ...]]:
    """Return the ports of each station that links end at, in the order of the links."""
    found: dict[str, dict[str, None]] = {}
    for link in links:
        found.setdefault(link.target, {})[link.label] = None
    return {target: tuple(labels) for target, labels in found.items()}


@dataclass(frozen=True)
class Diagram:
    """Stations in columns, with an arrow for each link.

    Attributes:
        folding: The columns that go on in a new row where the diagram is too wide; those before and after stay beside.
        margins: Free space to the left of some columns.
    """

    stations: Sequence[Station]
    links: Sequence[Link]
    folding: range
    margins: Mapping[int, float] | None = None

    @cached_property
    def layout(self) -> Layout:
        """The places of the stations and the lines; the caller may move them."""
        boxes = [_box(one, self._shapes[one.column]) for one in self.stations]
        lines = list(map(self._route, self.links))
        rows = rows_of({column: shape.width for column, shape in self._shapes.items()}, self.folding)
        if len(rows) > 1:
            return folded(boxes, lines, rows, self.margins or {})
        return placed(boxes, lines, self.margins)

    def drawn(self, layout: Layout) -> Iterator[Markup]:
        """Yield the lines and the stations at these places."""
        for link in self.links:
            end = _port_left(link.label, self._shapes[self._station[link.target].column], layout.boxes[link.target])
            path = curve(layout.routes[self._route(link)]) + f"H{number(end)}"
            data = {"data-from": link.source, "data-to": link.target, "data-ports": link.label}
            about = element("title", None, f"{link.source} to {link.target}: {link.label}")
            yield element("path", {"class": "flow", "d": path, **data}, about)
        for one in self.stations:
            yield from _drawn(one, self._shapes[one.column], layout.boxes[one.key])

    @cached_property
    def _station(self) -> dict[str, Station]:
        return {one.key: one for one in self.stations}

    @cached_property
    def _shapes(self) -> dict[int, "_Shape"]:
        return {
            column: _Shape.of(one for one in self.stations if one.column == column)
            for column in sorted({one.column for one in self.stations})
        }

    def _route(self, link: Link) -> Route:
        return Route(link.source, link.target, self._station[link.target].ports.index(link.label))


@dataclass(frozen=True, slots=True)
class _Shape:
    """The measures that all stations of one column share, so that they line up."""

    text: float
    ports: float
    frame: float

    @staticmethod
    def of(stations: Iterable[Station]) -> "_Shape":
        """Return the measures that fit every station."""
        every = tuple(stations)
        ports = [min(width(each, _PORT), _MOST_TEXT) + 2 * _PORT_PAD for one in every for each in one.ports]
        framed = any(one.frame for one in every)
        return _Shape(max(one.text_width for one in every), max(ports, default=0.0), _FRAME if framed else 0.0)

    @property
    def before(self) -> float:
        """The width of ports and their arrows to the left of a frame."""
        return self.ports + _ARROW if self.ports else 0.0

    @property
    def width(self) -> float:
        """The whole width of a station."""
        return self.before + 2 * self.frame + self.text + 2 * _PAD


def _box(station: Station, shape: _Shape) -> Box:
    """Return the box of a station, for the layout."""
    framed = 2 * (_FRAME + _CAPTION) if station.frame else 0.0
    height = station.card_height + framed
    first = height / 2 - _PORT_STEP * (len(station.ports) - 1) / 2
    entries = tuple(first + _PORT_STEP * place for place in range(len(station.ports)))
    return Box(station.key, station.column, shape.width, height, entries)


def _drawn(station: Station, shape: _Shape, at: Placed) -> Iterator[Markup]:
    """Yield a station: its frame, its card, its text, its ports with their arrows."""
    parts: list[Markup] = [element("title", None, station.about)] if station.about else []
    card = Placed(
        at.x + shape.before + (shape.frame if station.frame else 0.0),
        at.y + (at.height - station.card_height) / 2,
        shape.text + 2 * _PAD + (0.0 if station.frame else 2 * shape.frame),
        station.card_height,
    )
    if station.frame:
        around = grown(card, _FRAME)
        parts += [
            rectangle(around, "guard", _ROUND + 3),
            words(station.frame, (around.x + 2, around.y - 5), "caption", _GROUP, around.width - 4),
        ]
    parts.append(rectangle(card, f"card {station.kind}", _ROUND))
    left, y = card.x + _PAD, card.y + _PAD + 12
    parts.append(words(station.name, (left, y), "name", _NAME, shape.text, bold=True))
    parts += [
        words(detail, (left, y + 18 + 17 * place), "detail", _DETAIL, shape.text)
        for place, detail in enumerate(station.details)
    ]
    for label, entry in zip(station.ports, _box(station, shape).entries, strict=True):
        parts += _port(label, at.x + shape.ports, at.y + entry, card)
    yield element("g", {"class": "station"}, *parts)


def _port(label: str, right: float, y: float, card: Placed) -> Iterator[Markup]:
    """Yield a set of ports that ends at ``right``, and the arrow from there to the card."""
    shown = fitted(label, _PORT, _MOST_TEXT)
    wide = width(shown, _PORT) + 2 * _PORT_PAD
    yield element("path", {"class": "flow", "d": f"M{_at((right, y))}H{number(card.x - 6)}"})
    yield element("path", {"class": "tip", "d": f"M{_at((card.x, y))}l-9 -5v10z"})
    yield rectangle(Placed(right - wide, y - _PORT_HEIGHT / 2, wide, _PORT_HEIGHT), "port", _PORT_HEIGHT / 2)
    yield element(
        "text", {"class": "on-port", "x": right - wide / 2, "y": y + 4.2, "data-room": wide - _PORT_PAD}, shown
    )


def _port_left(label: str, shape: _Shape, at: Placed) -> float:
    """Return the x coordinate at which the lines to a set of ports end."""
    return at.x + shape.ports - width(fitted(label, _PORT, _MOST_TEXT), _PORT) - 2 * _PORT_PAD


def curve(points: Sequence[Point]) -> str:
    """Return a path with a curve from the first point to the second, a straight line to the third, and so on."""
    pieces = [f"M{_at(points[0])}"]
    heading = 1.0
    for place, (one, other) in enumerate(pairwise(points)):
        if place % 2:
            heading = 1.0 if other[0] >= one[0] else -1.0
            pieces.append(f"L{_at(other)}")
            continue
        if place and _is_upright(points[place - 1], one):  # a corner: from down or up to a side
            pieces.append(f"C{_at((one[0], other[1]))} {_at((one[0], other[1]))} {_at(other)}")
            continue
        if place + 2 < len(points) and _is_upright(other, points[place + 2]):  # a corner: from a side to down or up
            pieces.append(f"C{_at((other[0], one[1]))} {_at((other[0], one[1]))} {_at(other)}")
            continue
        onward = points[place + 2][0] < other[0] if place + 2 < len(points) else False
        ahead = -1.0 if onward else 1.0
        if heading == ahead:
            reach = (other[0] - one[0]) / 2
            bend = (one[0] + reach, one[1]), (other[0] - reach, other[1])
        else:  # a turn: it leaves in the old direction and comes back in the new one
            edge = max(one[0], other[0]) + _BEND if heading > 0 else min(one[0], other[0]) - _BEND
            bend = (edge, one[1]), (edge, other[1])
        pieces.append(f"C{_at(bend[0])} {_at(bend[1])} {_at(other)}")
    return "".join(pieces)


def _is_upright(one: Point, other: Point) -> bool:
    return one[0] == other[0] and one[1] != other[1]


def _at(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def grown(inner: Placed, by: float) -> Placed:
    """Return the rectangle with a margin around it."""
    return Placed(inner.x - by, inner.y - by, inner.width + 2 * by, inner.height + 2 * by)


def rectangle(at: Placed, looks: str, rounded: float) -> Markup:
    """Return a rectangle with rounded corners."""
    return element(
        "rect", {"class": looks, "x": at.x, "y": at.y, "width": at.width, "height": at.height, "rx": rounded}
    )


def words(content: str, at: Point, looks: str, size: float, room: float, *, bold: bool = False) -> Markup:  # noqa: PLR0913 - a text has a position, a style and a maximal width
    """Return text that starts at a point of its baseline and is cut if it is wider than ``room``."""
    shown = fitted(content, size, room, bold=bold)
    return element("text", {"class": looks, "x": at[0], "y": at[1], "data-room": room}, shown)


class Titles(NamedTuple):
    """The words of a whole picture: its name and description for a screen reader, and the two lines at its top.

    Attributes:
        key: What its ids begin with, unless it is a document of its own. The page around it then has its style.
    """

    name: str
    description: str
    heading: str
    subtitle: str
    key: str = ""


def document(size: tuple[float, float], titles: Titles, *parts: str) -> Markup:
    """Return a complete SVG document of this width and height, with its style and a final line feed."""
    key = titles.key or "diagram"
    room = size[0] - 2 * EDGE
    svg = element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "diagram",
            "role": "img",
            "aria-labelledby": f"{key}-title",
            "aria-describedby": f"{key}-description",
            "viewBox": f"0 0 {number(size[0])} {number(size[1])}",
            "width": size[0],
            "height": size[1],
        },
        element("title", {"id": f"{key}-title"}, titles.name),
        element("desc", {"id": f"{key}-description"}, titles.description),
        *([] if titles.key else [element("style", None, Markup(STYLE))]),
        rectangle(Placed(0, 0, *size), "ground", 0),
        words(titles.heading, (EDGE, EDGE + 22), "title", 22, room, bold=True),
        words(titles.subtitle, (EDGE, EDGE + 46), "note", 14, room),
        *parts,
    )
    return Markup(f"{svg}\n")


def _rules(colours: Palette) -> str:
    return (
        f".diagram .ground{{fill:{colours.ground}}}"
        f".diagram text{{fill:{colours.ink}}}"
        f".diagram .detail,.diagram .note{{fill:{colours.faint}}}"
        f".diagram .caption{{fill:{colours.guard}}}"
        f".diagram .guard{{stroke:{colours.guard}}}"
        f".diagram .network{{fill:{colours.network};stroke:{colours.network_edge}}}"
        f".diagram .namespace{{fill:{colours.inside};stroke:{colours.inside_edge}}}"
        f".diagram .card{{fill:{colours.card};stroke:{colours.card_edge}}}"
        f".diagram .card.inside{{stroke:{colours.inside_edge}}}"
        f".diagram .flow{{stroke:{colours.flow}}}"
        f".diagram .tip,.diagram .port{{fill:{colours.flow}}}"
        f".diagram text.on-port{{fill:{colours.on_flow}}}"
    )


STYLE = (
    f".diagram{{font-family:{FONT}}}"
    ".diagram .title{font-size:22px;font-weight:700}"
    f".diagram .name{{font-size:{number(_NAME)}px;font-weight:600}}"
    f".diagram .detail{{font-size:{number(_DETAIL)}px}}"
    f".diagram .caption{{font-size:{number(_GROUP)}px;font-weight:500}}"
    f".diagram .on-port{{font-size:{number(_PORT)}px;font-weight:500;text-anchor:middle}}"
    ".diagram .place{font-size:14px;font-weight:600}"
    ".diagram .note,.diagram .said{font-size:14px}"
    ".diagram .said{font-weight:600}"
    ".diagram .guard{fill:none;stroke-width:1.5;stroke-dasharray:6 4}"
    ".diagram .network,.diagram .namespace{stroke-width:1.5}"
    ".diagram .card{stroke-width:1.5}"
    ".diagram .card.elsewhere{stroke-dasharray:2 3}"
    ".diagram .flow{fill:none;stroke-width:1.8;stroke-linecap:round}"
    ".diagram .flow:hover{stroke-width:3.5}"
    f"{_rules(LIGHT)}"
    f"@media (prefers-color-scheme:dark){{{_rules(DARK)}}}"
    f"@media print{{{_rules(LIGHT)}}}"
)
"""The whole style of a diagram; it contains no markup, so it works in XML and in HTML."""
