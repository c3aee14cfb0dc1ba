"""Boxes in columns from left to right, and lines between them that cross no box.

The layered way of drawing graphs (Sugiyama, Tagawa and Toda 1981): a line that passes a column gets a lane of its own
there, the order within columns is improved by barycentres, and heights are set by least squares under that order.
Lines to one entry of one box share their lanes. All sums are exactly rounded, so that every machine draws the same.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import fsum

_ROUNDS = 12
_GAP_BASE, _GAP_PER_LINE, _GAP_MOST = 24.0, 3.0, 90.0
_LANE = 14.0
_APART = 22.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A thing to place.

    Attributes:
        key: Its name; no two boxes share it.
        column: Counted from the left.
        entries: How far below its top lines can come in, from the top.
    """

    key: str
    column: int
    width: float
    height: float
    entries: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A line from the right side of one box to an entry of another."""

    source: str
    target: str
    entry: int


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a box is: its upper left corner. A lane of a passing line has such a place, too."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Layout:
    """What came of it.

    Attributes:
        boxes: By key.
        lanes: The lanes of each column, by column.
        routes: For each line its points; from the first to the second it curves, to the third it is straight, and so
            on in turn.
    """

    boxes: Mapping[str, Placed]
    lanes: Mapping[int, tuple[Placed, ...]]
    routes: Mapping[Route, tuple[Point, ...]]


def placed(
    boxes: Sequence[Box],
    lines: Sequence[Route],
    margins: Mapping[int, float] | None = None,
    pinned: Mapping[str, float] | None = None,
) -> Layout:
    """Place boxes and lines; the highest thing is at y 0 if nothing is pinned, the first column at x 0.

    Args:
        boxes: At least one; the order decides where nothing else does.
        lines: Between these boxes; from one column to the same or an earlier one it loops around.
        margins: More room to leave left of a column, by column.
        pinned: The middles of boxes whose heights are given. They have a column of their own, which no line passes.
    """
    return _Placing(tuple(boxes), tuple(dict.fromkeys(lines)), margins or {}, pinned or {}).layout()


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a column: a box, or a lane of the lines to one entry, forwards or backwards."""

    column: int
    height: float
    of: str
    entry: int = -1
    backwards: bool = False


@dataclass(frozen=True)
class _Placing:
    boxes: tuple[Box, ...]
    lines: tuple[Route, ...]
    margins: Mapping[int, float]
    pinned: Mapping[str, float]

    def layout(self) -> Layout:
        at, left = self._heights, self._lefts
        top = 0.0 if self.pinned else min(at[slot] - slot.height / 2 for slot in at)
        boxes = {
            box.key: Placed(left[box.column], at[self._slot[box.key]] - box.height / 2 - top, box.width, box.height)
            for box in self.boxes
        }
        lanes: dict[int, list[Placed]] = {}
        for slot, middle in at.items():
            if slot.entry >= 0:
                lane = Placed(left[slot.column], middle - _LANE / 2 - top, self._widths[slot.column], _LANE)
                lanes.setdefault(slot.column, []).append(lane)
        routes = {line: self._route(line, boxes, top) for line in self.lines}
        return Layout(boxes, {column: tuple(found) for column, found in lanes.items()}, routes)

    def _route(self, line: Route, boxes: Mapping[str, Placed], top: float) -> tuple[Point, ...]:
        source, target = boxes[line.source], boxes[line.target]
        points = [(source.right, source.y + source.height / 2)]
        for slot in self._lanes_of[line]:
            left, y = self._lefts[slot.column], self._heights[slot] - top
            ends = [(left, y), (left + self._widths[slot.column], y)]
            points += reversed(ends) if slot.backwards else ends
        points.append((target.x, target.y + self._box[line.target].entries[line.entry]))
        return tuple(points)

    @cached_property
    def _box(self) -> dict[str, Box]:
        return {box.key: box for box in self.boxes}

    @cached_property
    def _slot(self) -> dict[str, _Slot]:
        return {box.key: _Slot(box.column, box.height, box.key) for box in self.boxes}

    @cached_property
    def _lanes_of(self) -> dict[Route, tuple[_Slot, ...]]:
        found = {}
        for line in self.lines:
            start, end = self._box[line.source].column, self._box[line.target].column
            backwards = start >= end
            passed = range(start, end - 1, -1) if backwards else range(start + 1, end)
            found[line] = tuple(_Slot(column, _LANE, line.target, line.entry, backwards) for column in passed)
        return found

    @cached_property
    def _links(self) -> tuple[tuple[_Slot, _Slot], ...]:
        """Neighbouring slots that lines join, the left one first; within a column (a loop) in any order."""
        found: dict[tuple[_Slot, _Slot], None] = {}
        for line in self.lines:
            chain = [self._slot[line.source], *self._lanes_of[line], self._slot[line.target]]
            for one, other in pairwise(chain):
                found[(one, other) if one.column <= other.column else (other, one)] = None
        return tuple(found)

    @cached_property
    def _beside(self) -> dict[_Slot, list[tuple[_Slot, float, float]]]:
        """The neighbours of each slot: how far off its own middle the join is, how far off theirs, and its weight."""
        found: dict[_Slot, list[tuple[_Slot, float, float]]] = {}
        for one, other in self._links:
            straight = 1.0 + (one.entry >= 0) + 2.0 * (one.entry >= 0 and other.entry >= 0)
            shift = self._entry_shift(one, other)
            found.setdefault(one, []).append((other, shift, straight))
            found.setdefault(other, []).append((one, -shift, straight))
        return found

    def _entry_shift(self, one: _Slot, other: _Slot) -> float:
        """Return how far the join is below the middle of the right slot."""
        if other.entry >= 0 or one.column == other.column:
            return 0.0
        entries = [
            self._box[other.of].entries[line.entry]
            for line in self._into[other.of]
            if (one.of == line.source if one.entry < 0 else (one.of, one.entry) == (line.target, line.entry))
        ]
        return fsum(entries) / len(entries) - other.height / 2 if entries else 0.0

    @cached_property
    def _into(self) -> dict[str, list[Route]]:
        found: dict[str, list[Route]] = {box.key: [] for box in self.boxes}
        for line in self.lines:
            found[line.target].append(line)
        return found

    @cached_property
    def _ordered(self) -> dict[int, list[_Slot]]:
        slots = dict.fromkeys([*self._slot.values(), *(slot for lanes in self._lanes_of.values() for slot in lanes)])
        order: dict[int, list[_Slot]] = {}
        for slot in slots:
            order.setdefault(slot.column, []).append(slot)
        for column in self._fixed:
            order[column].sort(key=lambda slot: self.pinned[slot.of])
        best, fewest = order, self._crossings(order)
        for turn in range(_ROUNDS if fewest else 0):
            step = 1 if turn % 2 == 0 else -1
            order = self._swept(order, step)
            crossings = self._crossings(order)
            if crossings < fewest:
                best, fewest = order, crossings
        return best

    def _swept(self, order: Mapping[int, list[_Slot]], step: int) -> dict[int, list[_Slot]]:
        found: dict[int, list[_Slot]] = {}
        for column in sorted(order, reverse=step < 0):
            if column in self._fixed:
                found[column] = order[column]
                continue
            rank = {slot: place for place, slot in enumerate(found.get(column - step, ()))}
            own = {slot: place for place, slot in enumerate(order[column])}
            scale = max(1, len(rank)) / max(1, len(own))

            def barycentre(
                slot: _Slot, rank: dict[_Slot, int] = rank, own: dict[_Slot, int] = own, scale: float = scale
            ) -> float:
                known = [rank[other] + shift / 1000 for other, shift, _ in self._beside.get(slot, ()) if other in rank]
                return fsum(known) / len(known) if known else own[slot] * scale

            found[column] = sorted(order[column], key=barycentre)
        return found

    def _crossings(self, order: Mapping[int, list[_Slot]]) -> int:
        rank = {slot: place for slots in order.values() for place, slot in enumerate(slots)}
        spans: dict[int, list[tuple[int, float]]] = {}
        for one, other in self._links:
            if one.column < other.column:
                spans.setdefault(one.column, []).append((rank[one], rank[other] + self._entry_shift(one, other) / 1000))
        total = 0
        for ends in spans.values():
            seen: list[float] = []
            for _, end in sorted(ends):
                total += len(seen) - bisect_right(seen, end)
                insort(seen, end)
        return total

    @cached_property
    def _heights(self) -> dict[_Slot, float]:
        at: dict[_Slot, float] = {}
        centre = (min(self.pinned.values()) + max(self.pinned.values())) / 2 if self.pinned else 0.0
        for slots in self._ordered.values():
            y = 0.0
            for before, slot in zip([None, *slots], slots, strict=False):
                y += _distance(before, slot) if before else 0.0
                at[slot] = y
            middle = y / 2 - centre
            at.update({slot: at[slot] - middle for slot in slots})
        at.update({self._slot[key]: middle for key, middle in self.pinned.items()})
        for turn in range(2 * _ROUNDS):
            for column in sorted(self._ordered.keys() - self._fixed, reverse=turn % 2 == 1):
                at.update(self._settled(self._ordered[column], at))
        return at

    @cached_property
    def _fixed(self) -> set[int]:
        """The columns of pinned boxes."""
        return {self._box[key].column for key in self.pinned}

    def _settled(self, slots: Sequence[_Slot], at: Mapping[_Slot, float]) -> dict[_Slot, float]:
        """Return heights as near as can be to what the neighbours ask for, in this order and apart.

        Least squares under an order is isotonic regression, solved by pooling adjacent violators.
        """
        offset, pools = 0.0, list[tuple[float, float, int]]()
        offsets = []
        for before, slot in zip([None, *slots], slots, strict=False):
            offset += _distance(before, slot) if before else 0.0
            offsets.append(offset)
            near = [(at[other] + shift, weight) for other, shift, weight in self._beside.get(slot, ())]
            weight = fsum(each for _, each in near) or 0.05
            wish = fsum(y * each for y, each in near) / weight if near else at[slot]
            pools.append((wish - offset, weight, 1))
            while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
                (one, light, few), (other, heavy, many) = pools[-2:]
                pools[-2:] = [((one * light + other * heavy) / (light + heavy), light + heavy, few + many)]
        levels = [level for level, _, count in pools for _ in range(count)]
        return {slot: level + off for slot, level, off in zip(slots, levels, offsets, strict=True)}

    @cached_property
    def _widths(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for box in self.boxes:
            found[box.column] = max(found.get(box.column, 0.0), box.width)
        return {column: found.get(column, 0.0) for column in range(max(found) + 1)}

    @cached_property
    def _lefts(self) -> dict[int, float]:
        ends: dict[int, set[tuple[_Slot, _Slot]]] = {}
        for one, other in self._links:
            ends.setdefault(one.column, set()).add((one, other))
        x, found = 0.0, {}
        for column, width in self._widths.items():
            x += self.margins.get(column, 0.0)
            found[column] = x
            gap = _GAP_BASE + _GAP_PER_LINE * max(0, len(ends.get(column, ())) - 1)
            x += width + min(_GAP_MOST, gap)
        return found


def _distance(one: _Slot, other: _Slot) -> float:
    """Return how far apart the middles of two slots must be."""
    apart = _APART if one.entry < 0 and other.entry < 0 else _APART / 2 if one.entry < 0 or other.entry < 0 else 0.0
    return (one.height + other.height) / 2 + apart


def shifted(layout: Layout, x: float, y: float) -> Layout:
    """Return a layout moved to the right and down."""

    def move(each: Placed) -> Placed:
        return replace(each, x=each.x + x, y=each.y + y)

    return Layout(
        {key: move(each) for key, each in layout.boxes.items()},
        {column: tuple(map(move, lanes)) for column, lanes in layout.lanes.items()},
        {line: tuple((px + x, py + y) for px, py in points) for line, points in layout.routes.items()},
    )


def columns(keys: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return for each key a column right of all that link to it, as far as there are no cycles."""
    following: dict[str, dict[str, None]] = {key: {} for key in keys}
    called: set[str] = set()
    for source, target in links:
        following[source][target] = None
        called.add(target)
    starts = sorted(following, key=lambda key: key in called)
    found = dict.fromkeys(following, 0)
    finished = _finished_last_first(starts, following)
    place = {key: number for number, key in enumerate(finished)}
    for key in finished:
        for target in following[key]:
            if place[target] > place[key]:  # else it closes a cycle
                found[target] = max(found[target], found[key] + 1)
    return found


def _finished_last_first(starts: Sequence[str], following: Mapping[str, Iterable[str]]) -> list[str]:
    """Return every key before all that it leads to, except where a search in depth came back to where it was."""
    finished: list[str] = []
    seen: set[str] = set()
    for start in starts:
        if start in seen:
            continue
        seen.add(start)
        path = [(start, iter(following[start]))]
        while path:
            key, rest = path[-1]
            onward = next((target for target in rest if target not in seen), None)
            if onward is None:
                finished.append(key)
                path.pop()
            else:
                seen.add(onward)
                path.append((onward, iter(following[onward])))
    return finished[::-1]
