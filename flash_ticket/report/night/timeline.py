"""The denied connections over time, as a plot: one row a connection, from its first denied line to its last."""

from collections.abc import Iterator, Sequence
from math import log10

from flash_ticket.firewall.terms.moment import written
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.report.night.words import Words
from flash_ticket.report.picture.markup import Markup, element
from flash_ticket.report.picture.text_width import fitted
from flash_ticket.report.traffic.traffic_words import ends
from flash_ticket.traffic.denials.denied import Denial

MOST_ROWS = 20

_WIDTH, _ROW, _TOP, _BOTTOM = 340.0, 52.0, 4.0, 22.0
"""On a phone a unit is about a pixel, so that text is drawn in its own size."""

TEXT = 12.5
"""The size of all text."""

_THINNEST, _THICKEST = 4.0, 12.0
_SHORTEST = 5.0
"""Units of a connection that was denied once."""


def timeline(denials: Sequence[Denial], begin: float, end: float, words: Words) -> Markup:
    """Return the plot as svg.

    Args:
        denials: In the order of the rows.
        begin: The left edge, in seconds since 1970.
        end: The right edge.
        words: Of the language of the page.
    """
    rows = denials[:MOST_ROWS]
    height = _TOP + len(rows) * _ROW + _BOTTOM
    size: dict[str, str | float] = {"viewBox": f"0 0 {_WIDTH:.0f} {height:.0f}", "role": "img", "class": "timeline"}
    length = max(end - begin, 1.0)
    axis = [
        element("line", {"x1": 0, "x2": _WIDTH, "y1": height - _BOTTOM, "y2": height - _BOTTOM, "class": "axis"}),
        element("text", {"x": 0, "y": height - 6}, written(begin)),
        element("text", {"x": _WIDTH, "y": height - 6, "text-anchor": "end"}, written(end)),
    ]
    bars = [part for number, each in enumerate(rows) for part in _row(each, number, begin, length, words)]
    return element("svg", size, element("title", None, words.timeline), *bars, *axis)


def _row(denial: Denial, number: int, begin: float, length: float, words: Words) -> Iterator[Markup]:
    top = _TOP + number * _ROW
    left = min(max((denial.first - begin) / length, 0.0), 1.0) * _WIDTH
    right = min(max((denial.last - begin) / length, 0.0), 1.0) * _WIDTH
    width = max(right - left, _SHORTEST)
    thick = min(_THINNEST + 2 * log10(max(denial.count, 1)), _THICKEST)
    layer = words.pod if denial.layer is Layer.POD else words.vpc
    yield element(
        "text",
        {"x": 0, "y": top + 12},
        element("title", None, ends(denial)),
        fitted(ends(denial), TEXT, _WIDTH),
    )
    said = f"{words.counted(denial.count)}, {layer}"
    yield element("text", {"x": 0, "y": top + 28, "class": "less"}, fitted(said, TEXT, _WIDTH))
    yield element(
        "rect",
        {
            "x": min(left, _WIDTH - width),
            "y": top + 33,
            "width": width,
            "height": thick,
            "rx": 2,
            "class": denial.layer.value,
        },
    )
