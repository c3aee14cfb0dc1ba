"""The colours of pictures and pages, for light and for dark surroundings.

Text has a contrast of at least 4.5 to what it stands on, lines and borders that mean something at least 3 (WCAG 2.2,
success criteria 1.4.3 and 1.4.11). No meaning rests on colour alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``, named for their use.

    Attributes:
        ground: What everything lies on.
        ink: Text.
        faint: Lesser text.
        network: The ground of a VPC, ``network_edge`` its border.
        inside: The ground of a namespace, ``inside_edge`` its border.
        card: The ground of an endpoint, ``card_edge`` its border.
        flow: What is allowed: lines, arrows and the ground of ports.
        on_flow: Text on ``flow``.
        guard: Security groups.
        good: What holds, ``bad`` what does not.
    """

    ground: str
    ink: str
    faint: str
    network: str
    network_edge: str
    inside: str
    inside_edge: str
    card: str
    card_edge: str
    flow: str
    on_flow: str
    guard: str
    good: str
    bad: str


LIGHT = Palette(
    ground="#ffffff",
    ink="#172033",
    faint="#505b70",
    network="#f5f7fa",
    network_edge="#7c899c",
    inside="#e8effc",
    inside_edge="#4f78bd",
    card="#ffffff",
    card_edge="#66748a",
    flow="#2457b3",
    on_flow="#ffffff",
    guard="#92600a",
    good="#17703f",
    bad="#b3261e",
)
DARK = Palette(
    ground="#0f141b",
    ink="#e6ebf2",
    faint="#a9b4c4",
    network="#161d27",
    network_edge="#6d7c92",
    inside="#182842",
    inside_edge="#6f97dc",
    card="#202b3a",
    card_edge="#8593a8",
    flow="#8ab4ff",
    on_flow="#0d1a33",
    guard="#e3b04b",
    good="#6fd39b",
    bad="#ff9d94",
)
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
