"""A diagram read back from its SVG text: the position of everything, as a program would draw it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

_SVG = "{http://www.w3.org/2000/svg}"
_STEPS = 12
_DUST = 0.2  # lengths are rounded to one decimal

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rectangle:
    looks: str
    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: "Rectangle") -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def holds(self, other: "Rectangle") -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )

    def holds_point(self, point: Point) -> bool:
        across, down = point[0] - self.x, point[1] - self.y
        return _DUST < across < self.width - _DUST and _DUST < down < self.height - _DUST


@dataclass(frozen=True, slots=True)
class Line:
    source: str
    target: str
    ports: str
    points: tuple[Point, ...]


class Diagram:
    """One SVG document; ParseError if it is not well-formed."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)  # noqa: S314 - our own output
        _, _, self.width, self.height = (float(each) for each in self.root.attrib["viewBox"].split())

    def rectangles(self, *looks: str) -> list[Rectangle]:
        return [_rectangle(each) for each in self.root.iter(f"{_SVG}rect") if each.attrib["class"].split()[0] in looks]

    def texts(self, *looks: str) -> list[ET.Element]:
        return [each for each in self.root.iter(f"{_SVG}text") if not looks or each.attrib["class"] in looks]

    def words(self, *looks: str) -> list[str]:
        return [each.text or "" for each in self.texts(*looks)]

    def card_of(self, name: str) -> Rectangle:
        for station in self.root.iter(f"{_SVG}g"):
            if name in [text.text for text in station.iter(f"{_SVG}text") if text.attrib["class"] == "name"]:
                return next(
                    _rectangle(each) for each in station.iter(f"{_SVG}rect") if each.attrib["class"].startswith("card")
                )
        raise AssertionError(f"{name} is not drawn")

    def lines(self) -> list[Line]:
        return [
            Line(
                path.attrib["data-from"],
                path.attrib["data-to"],
                path.attrib["data-ports"],
                tuple(_sampled(path.attrib["d"])),
            )
            for path in self.root.iter(f"{_SVG}path")
            if "data-from" in path.attrib
        ]

    def titles(self) -> list[str]:
        return [each.text or "" for each in self.root.iter(f"{_SVG}title")]

    @property
    def description(self) -> str:
        return self.root.findtext(f"{_SVG}desc") or ""


def _rectangle(rect: ET.Element) -> Rectangle:
    x, y, width, height = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
    return Rectangle(rect.attrib["class"], x, y, width, height)


def _sampled(path: str) -> Iterator[Point]:
    """Yield points along a path with the commands M, L, H and C."""
    at = (0.0, 0.0)
    for command, written in re.findall(r"([MLHC])([^MLHC]*)", path):
        numbers = [float(each) for each in written.split()]
        if command == "M":
            at = (numbers[0], numbers[1])
            yield at
            continue
        if command == "H":
            numbers = [numbers[0], at[1]]
        ends = list(zip(numbers[::2], numbers[1::2], strict=True))
        if len(ends) == 1:
            ends = [at, ends[0], ends[0]]
        for step in range(1, _STEPS + 1):
            part = step / _STEPS
            rest = 1 - part
            weights = (rest**3, 3 * rest**2 * part, 3 * rest * part**2, part**3)
            hull = (at, *ends)
            yield (
                sum(weight * point[0] for weight, point in zip(weights, hull, strict=True)),
                sum(weight * point[1] for weight, point in zip(weights, hull, strict=True)),
            )
        at = ends[-1]
