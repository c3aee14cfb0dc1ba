"""A diagram that is too wide, folded: its columns go on in a new row below, as a long line of text does.

Each row is a diagram of its own. Columns before and after the rows stand beside all of them. A line from one row to
another leaves at the right, runs down or up there, comes back above its row, and enters it from the left. Lines to one
entry of one box share this way, as they share their lanes.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from math import ceil

from flash_ticket.report.picture.graph_layout import Box, Layout, Placed, Point, Route, placed, shifted

_WIDEST, _LEAST_ROOM = 2400.0, 900.0
_GAP = 60.0
_TRACK, _ROUND, _PAD = 8.0, 6.0, 12.0
_DOOR = 14.0


def rows_of(widths: Mapping[int, float], folding: range) -> list[range]:
    """Return the rows of a folded diagram, as ranges of columns; one row if it is narrow enough.

    Args:
        widths: The width of each column that has boxes.
        folding: The columns to fold; those before and after stand beside the rows.
    """
    every = {column: width + _GAP for column, width in widths.items()}
    inside = sum(every.get(column, 0.0) for column in folding)
    beside = sum(every.values()) - inside
    if beside + inside <= _WIDEST:
        return [folding]
    count = ceil(inside / max(_LEAST_ROOM, _WIDEST - beside))
    found, used = [range(folding.start, folding.start)], 0.0
    for column in folding:
        if used and used + every.get(column, 0.0) / 2 > len(found) * inside / count:
            found.append(range(column, column))
        found[-1] = range(found[-1].start, column + 1)
        used += every.get(column, 0.0)
    return found


def folded(boxes: Sequence[Box], lines: Sequence[Route], rows: Sequence[range], margins: Mapping[int, float]) -> Layout:
    """Place boxes and lines in rows; no line crosses a box. What is furthest up and left is at 0.

    Args:
        boxes: At least one; the order decides where nothing else does.
        lines: Between these boxes, none between two that are both beside the rows on different sides.
        rows: The columns of each row.
        margins: More room to leave left of a column, by column; inside rows there is none.
    """
    return _Folding(tuple(boxes), tuple(dict.fromkeys(lines)), tuple(rows), margins).layout()


@dataclass(slots=True)
class _Way:
    """The way of all lines to one entry of a box, between the regions that they leave and the one that they enter.

    Attributes:
        line: One of these lines.
        leaves: The regions that they leave, with the heights of the doors there.
        number: Its place among the ways to the same region.
        across: The heights on which it crosses from right to left: above the row that it enters, and above everything.
        track: Its place among the tracks right of the rows.
    """

    line: Route
    leaves: dict[int, float] = field(default_factory=dict)
    number: int = 0
    across: dict[str, float] = field(default_factory=dict)
    track: int = 0


def _leaving(line: Route) -> str:
    """Return the key of the door at the right of a region through which a line leaves it."""
    return f"\0> {line.entry} {line.target}"


@dataclass(frozen=True)
class _Folding:
    """Regions have numbers: -1 is left of the rows, then come the rows, then what is right of them."""

    boxes: tuple[Box, ...]
    lines: tuple[Route, ...]
    rows: tuple[range, ...]
    margins: Mapping[int, float]

    def layout(self) -> Layout:
        boxes = {box.key: self._regions[self._region[box.key]].boxes[box.key] for box in self.boxes}
        lanes: dict[int, tuple[Placed, ...]] = {}
        for number, region in self._regions.items():
            shift = self._columns(number).start - 1
            lanes |= {column + shift: found for column, found in region.lanes.items()}
        first, last = self.rows[0].start, max(box.column for box in self.boxes)
        lanes[first] = (*lanes.get(first, ()), self._area)
        if self._above:
            wide = Placed(self._far(-1) - _PAD, self._area.y, self._far(1) - self._far(-1) + 2 * _PAD, 1.0)
            lanes[last + 1] = (wide,)
        layout = Layout(boxes, lanes, {line: self._route(line) for line in self.lines})
        every = [*boxes.values(), *chain(*lanes.values())]
        return shifted(layout, -min(each.x for each in every), -min(each.y for each in every))

    @cached_property
    def _region(self) -> dict[str, int]:
        stops = [row.stop for row in self.rows]
        first = self.rows[0].start
        return {box.key: -1 if box.column < first else bisect_right(stops, box.column) for box in self.boxes}

    def _columns(self, number: int) -> range:
        if 0 <= number < len(self.rows):
            return self.rows[number]
        if number < 0:
            return range(self.rows[0].start)
        return range(self.rows[-1].stop, 1 + max(box.column for box in self.boxes))

    def _ends(self, line: Route) -> tuple[int, int]:
        return self._region[line.source], self._region[line.target]

    def _coming(self, line: Route) -> str:
        """Return the key of the door at the left of a region through which a line comes in."""
        source, target = self._ends(line)
        return f"\0{source if target == len(self.rows) else ''}< {line.entry} {line.target}"

    def _placed(self, number: int, pins: Mapping[str, float]) -> Layout:
        """Return a region as a diagram of its own: between two columns of doors, with the parts of lines in it."""
        columns = self._columns(number)
        shift = 1 - columns.start
        boxes = {
            box.key: replace(box, column=box.column + shift) for box in self.boxes if self._region[box.key] == number
        }
        lines = []
        for line in self.lines:
            source, target = self._ends(line)
            if source == number == target:
                lines.append(line)
            elif source == number:
                lines.append(Route(line.source, _leaving(line), 0))
            elif target == number:
                lines.append(Route(self._coming(line), line.target, line.entry))
        for line in lines:
            for key, column in ((line.source, 0), (line.target, len(columns) + 1)):
                boxes.setdefault(key, Box(key, column, 0.0, _DOOR, (_DOOR / 2,)))
        is_row = 0 <= number < len(self.rows)
        margins = (
            {} if is_row else {column + shift: margin for column, margin in self.margins.items() if column + shift > 0}
        )
        return placed(tuple(boxes.values()), lines, margins, {key: pins[key] for key in boxes if key in pins})

    @cached_property
    def _own_rows(self) -> list[Layout]:
        return [self._placed(number, {}) for number in range(len(self.rows))]

    @cached_property
    def _ways(self) -> dict[tuple[str, int], _Way]:
        """The ways by entry, except those between rows and what stands beside them, which are straight."""
        found: dict[tuple[str, int], _Way] = {}
        by_target: dict[int, list[_Way]] = {}
        for line in self.lines:
            source, target = self._ends(line)
            if source != target and source >= 0 and target < len(self.rows):
                way = found.setdefault((line.target, line.entry), _Way(line))
                if not way.leaves:
                    by_target.setdefault(target, []).append(way)
                way.leaves[source] = 0.0
        for target, ways in by_target.items():
            if target >= 0:  # the lowest door is reached on the outermost way, so that no two ways cross
                doors = self._own_rows[target].boxes
                ways.sort(key=lambda way: -doors[self._coming(way.line)].y)
            for number, way in enumerate(ways):
                way.number = number
        return found

    def _ways_to(self, number: int) -> int:
        return sum(self._region[way.line.target] == number for way in self._ways.values())

    @cached_property
    def _tops(self) -> list[float]:
        """The heights of the rows."""
        found, y = [], 0.0
        for number, row in enumerate(self._own_rows):
            y += 2 * _PAD + _TRACK * self._ways_to(number)
            found.append(y)
            y += _bottom(row)
        return found

    @cached_property
    def _beside(self) -> dict[int, Layout]:
        """What stands beside the rows, at its height; the left edge is at 0."""
        pins: dict[int, dict[str, float]] = {-1: {}, len(self.rows): {}}
        for line in self.lines:
            source, target = self._ends(line)
            if source == -1 < target:
                pins[-1][_leaving(line)] = self._door(target, self._coming(line))
            elif source < target == len(self.rows):
                pins[target][self._coming(line)] = self._door(source, _leaving(line))
        present = set(self._region.values())
        return {number: self._placed(number, heights) for number, heights in pins.items() if number in present}

    def _door(self, row: int, key: str) -> float:
        return self._tops[row] + self._own_rows[row].boxes[key].y + _DOOR / 2

    @cached_property
    def _start(self) -> float:
        """The left edge of the ways between the columns left of the rows and the rows."""
        left = self._beside.get(-1)
        if left is None:
            return 0.0
        own = [at.right + _GAP for key, at in left.boxes.items() if key in self._region]
        return max([at.x for key, at in left.boxes.items() if key.startswith("\0>")] or own)

    @cached_property
    def _left(self) -> float:
        """The left edge of the rows."""
        most = max(map(self._ways_to, range(len(self.rows))))
        return self._start + (2 * _PAD + _TRACK * most if most else 0.0)

    @cached_property
    def _right(self) -> float:
        """The right edge of the rows."""
        return self._left + max(map(_right, self._own_rows))

    @cached_property
    def _regions(self) -> dict[int, Layout]:
        rows = {n: shifted(row, self._left, self._tops[n]) for n, row in enumerate(self._own_rows)}
        right = {n: shifted(each, self._end, 0.0) for n, each in self._beside.items() if n == len(self.rows)}
        return {**{n: each for n, each in self._beside.items() if n < 0}, **rows, **right}

    @cached_property
    def _above(self) -> list[_Way]:
        """The ways that cross above everything: from what stands right of the rows, or to what stands left of them."""
        return [
            way for way in self._ways.values() if len(self.rows) in way.leaves or self._region[way.line.target] == -1
        ]

    @cached_property
    def _end(self) -> float:
        """Where what stands right of the rows begins; each way gets its heights and its track before."""
        for way in self._ways.values():
            target = self._region[way.line.target]
            for source in way.leaves:
                if source < len(self.rows):
                    way.leaves[source] = self._door(source, _leaving(way.line))
            if target >= 0:
                way.across["row"] = self._tops[target] - _PAD - _TRACK * (self._ways_to(target) - 1 - way.number)
        top = min([self._tops[0] - 2 * _PAD - _TRACK * self._ways_to(0), *map(_top, self._beside.values())])
        for number, way in enumerate(self._above):
            way.across["above"] = top - _PAD - _TRACK * number
        return self._right + 2 * _PAD + _TRACK * _tracked(list(self._ways.values())) if self._ways else self._right

    @cached_property
    def _area(self) -> Placed:
        """The rectangle of all rows and of the ways between them."""
        top = self._tops[0] - 2 * _PAD - _TRACK * self._ways_to(0)
        top = min([top, *(way.across["above"] - _PAD for way in self._above if self._end)])
        return Placed(self._start, top, self._end - self._start, self._tops[-1] + _bottom(self._own_rows[-1]) - top)

    def _far(self, side: int) -> float:
        """Return where the furthest way left (-1) or right (1) of everything runs."""
        room = _PAD + _TRACK * len(self._above)
        return -room if side < 0 else self._end + max([0.0, *map(_right, self._beside.values())]) + room

    def _route(self, line: Route) -> tuple[Point, ...]:
        source, target = self._ends(line)
        if source == target:
            return self._regions[source].routes[line]
        head = self._regions[source].routes[Route(line.source, _leaving(line), 0)]
        tail = self._regions[target].routes[Route(self._coming(line), line.target, line.entry)]
        way = self._ways.get((line.target, line.entry)) if source >= 0 and target < len(self.rows) else None
        between = (
            rounded([head[-1], *self._corners(way, source, target, head[-1][1], tail[0][1]), tail[0]]) if way else ()
        )
        return (*head, *between, *tail)

    def _corners(self, way: _Way, source: int, target: int, start: float, end: float) -> Iterator[Point]:
        down = self._right + _PAD + _TRACK * way.track
        turns = [(down, start)]
        if source == len(self.rows):
            outer = self._far(1) - _TRACK * self._above.index(way)
            turns = [(outer, start), (outer, way.across["above"]), (down, way.across["above"])]
        across = way.across["above" if target < 0 else "row"]
        back = self._left - _PAD - _TRACK * (self._ways_to(target) - 1 - way.number)
        if target < 0:
            back = self._far(-1) + _TRACK * self._above.index(way)
        yield from (*turns, (down, across), (back, across), (back, end))


def _tracked(ways: list[_Way]) -> int:
    """Give each way right of the rows a track where it meets no other; return how many tracks there are."""
    spans = []
    for number, way in enumerate(ways):
        heights = [*way.across.values(), *(y for y in way.leaves.values() if y)]
        spans.append((min(heights), max(heights), number))
    ends: list[float] = []
    for low, high, number in sorted(spans):
        free = next((track for track, end in enumerate(ends) if end + 2 * _PAD < low), len(ends))
        ends[free : free + 1] = [high]
        ways[number].track = free
    return len(ends)


def rounded(corners: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points of an upright line with round corners, without its ends: straight and round in turn."""
    found: list[Point] = []
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        found += [_towards(corner, before), _towards(corner, after)]
    return tuple(found)


def _towards(corner: Point, end: Point) -> Point:
    across, down = end[0] - corner[0], end[1] - corner[1]
    return corner[0] + max(-_ROUND, min(_ROUND, across)), corner[1] + max(-_ROUND, min(_ROUND, down))


def _every(layout: Layout) -> Iterator[Placed]:
    yield from layout.boxes.values()
    yield from chain(*layout.lanes.values())


def _top(layout: Layout) -> float:
    return min(each.y for each in _every(layout))


def _bottom(layout: Layout) -> float:
    return max(each.bottom for each in _every(layout))


def _right(layout: Layout) -> float:
    return max(each.right for each in _every(layout))
