"""The colours of pictures and pages, for light and dark mode, and the style sheet of a page.

Text has a contrast of at least 4.5 to its background, meaningful lines and borders have at least 3 (WCAG 2.2, success
criteria 1.4.3 and 1.4.11). Colour alone never carries meaning.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``, named after their use.

    Attributes:
        ground: The background of everything.
        ink: Text.
        faint: Less important text.
        network: The background of a VPC; ``network_edge`` is its border.
        inside: The background of a namespace; ``inside_edge`` is its border.
        card: The background of an endpoint; ``card_edge`` is its border.
        flow: What is allowed: lines, arrows and the background of ports.
        on_flow: Text on ``flow``.
        guard: Security groups.
        good: What holds; ``bad`` is for what does not.
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


def _colours(palette: Palette) -> str:
    return (
        f"--ground:{palette.ground};--ink:{palette.ink};--faint:{palette.faint};--band:{palette.network};"
        f"--line:{palette.network_edge};--inside:{palette.inside};--flow:{palette.flow};--on-flow:{palette.on_flow};"
        f"--good:{palette.good};--bad:{palette.bad}"
    )


STYLE = (
    f":root{{color-scheme:light dark;{_colours(LIGHT)}}}"
    f"@media (prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}"
    "*{box-sizing:border-box}"
    f"body{{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 {FONT}}}"
    "header,main,footer{max-width:80rem;margin:0 auto;padding:0 1.5rem}"
    "header{padding-top:2.5rem}"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .25rem;overflow-wrap:anywhere}"
    "h2{font-size:1.3rem;margin:2.75rem 0 .75rem}"
    "p{margin:.5rem 0;max-width:70ch;overflow-wrap:anywhere}"
    ".lead{color:var(--faint);margin:0}"
    "nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:1rem 0 0}"
    "a{color:var(--flow);text-underline-offset:.2em}"
    "a:focus-visible,summary:focus-visible,.wide:focus-visible"
    "{outline:3px solid var(--flow);outline-offset:2px;border-radius:4px}"
    ".skip{position:absolute;left:1rem;top:-5rem;background:var(--flow);color:var(--on-flow);padding:.5rem 1rem}"
    ".skip:focus{top:.5rem}"
    ".verdict{border:1px solid var(--line);border-left:6px solid var(--good);border-radius:8px;padding:.75rem 1.25rem;"
    "margin:1.5rem 0 0;background:var(--band)}"
    ".verdict.fails{border-left-color:var(--bad)}"
    ".verdict strong{color:var(--good)}.verdict.fails strong{color:var(--bad)}"
    "figure{margin:0}"
    "figcaption{color:var(--faint);margin-top:.5rem}"
    ".wide{overflow-x:auto;border:1px solid var(--line);border-radius:8px}"
    "figure svg{display:block;width:100%;min-width:60rem;height:auto}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;color:var(--faint);padding:.6rem .9rem}"
    "th,td{text-align:left;vertical-align:top;padding:.5rem .9rem;border-top:1px solid var(--line)}"
    "thead th{background:var(--band);white-space:nowrap}"
    "tbody th{font-weight:600;white-space:nowrap;position:sticky;left:0;background:var(--ground)}"
    "td{white-space:nowrap}"
    "td.open{background:var(--inside);font-weight:600}"
    "td.shut{color:var(--faint)}"
    "td.both{color:var(--good)}"
    "td.long{min-width:16rem;white-space:normal}"
    "details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;background:var(--band)}"
    "summary{cursor:pointer;padding:.6rem .9rem;overflow-wrap:anywhere}"
    "summary b{font-weight:600}"
    "summary span{color:var(--faint)}"
    "dl{margin:0;padding:.25rem 1rem 1rem 1.75rem}"
    "dt{font-weight:600;margin-top:.6rem}"
    "dd{margin:.15rem 0 0;overflow-wrap:anywhere}"
    "footer{color:var(--faint);padding-top:2rem;padding-bottom:3rem}"
    "@media (max-width:40rem){header,main,footer{padding-left:1rem;padding-right:1rem}h1{font-size:1.5rem}"
    "tbody th{white-space:normal;min-width:7rem}figure svg{width:auto;min-width:0;zoom:1.1}}"
    f"@media print{{:root{{{_colours(LIGHT)}}}"
    "nav,.skip{display:none}.wide{overflow:visible;border:0}figure svg{min-width:0}"
    "details::details-content{content-visibility:visible;height:auto}"
    "figure,tr,details{break-inside:avoid}body{font-size:11pt}th,td{padding:.2rem .4rem}"
    "td,td.long{min-width:0;white-space:normal;overflow-wrap:anywhere}}"
)
