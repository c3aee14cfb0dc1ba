"""The overview of many services, where one picture is too large: who calls what, and a part of the page for each.

Services stand in groups by who calls them, as lists of links and as a matrix of marks. A link leads to the part of one
service, which takes the overview's place; this needs no script, only the style sheet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flash_ticket.firewall.declare.matrix import Flow, Matrix
from flash_ticket.firewall.terms.ports import listing
from flash_ticket.report.picture.markup import Markup, element, scrolling

MOST_DRAWN = 16
"""How many services a page shows in one picture; with more it opens on the overview."""

_FEW = 4
_PLACES = "Places that call nothing"

STYLE = (
    ".part{display:none}.part:target{display:block}"
    "main:has(.part:target) .whole{display:none}"
    ".part{scroll-margin-top:1rem}.part:focus{outline:none}"
    ".names{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem .35rem;padding:0;margin:.25rem 0 0}"
    ".names a{display:inline-block;padding:.2rem .55rem;border:1px solid var(--line);border-radius:6px;"
    "background:var(--band);text-decoration:none;overflow-wrap:anywhere}"
    ".names a:hover{text-decoration:underline}.names span{color:var(--faint)}"
    "h3{font-size:1rem;margin:1.25rem 0 .25rem}"
    ".grid{max-height:90vh;overflow:auto;margin-top:1.5rem}"
    ".grid table{width:auto;border-collapse:separate;border-spacing:0;font-size:13px;line-height:1.3}"
    ".grid th,.grid td{padding:2px 4px;border:solid var(--line);border-width:0 1px 1px 0}"
    ".grid td{min-width:24px;text-align:center;color:var(--flow)}"
    ".grid td.self{background:var(--band)}"
    ".grid .start{border-left:2px solid var(--line)}"
    ".grid thead th{position:sticky;top:0;z-index:1;vertical-align:bottom}"
    ".grid thead .turned{writing-mode:vertical-rl;text-align:end;max-height:13rem;overflow:hidden;"
    "text-overflow:ellipsis}"
    ".grid thead th:first-child,.grid tbody th{position:sticky;left:0;min-width:9rem;max-width:16rem;"
    "white-space:normal;overflow-wrap:anywhere}"
    ".grid thead th:first-child{z-index:2}"
    ".grid tbody .group{background:var(--band);position:static;max-width:none}"
    ".grid .group span{position:sticky;left:4px}"
    ".grid tbody tr:hover th,.grid tbody tr:hover td{background:var(--inside)}"
    ".grid a{text-decoration:none}.grid a:hover{text-decoration:underline}"
    "figure svg{width:auto;min-width:0}"
    "@media (max-width:40rem){.grid thead th:first-child,.grid tbody th{min-width:7rem;max-width:8rem}"
    ".grid tbody .group{max-width:none}.names a{padding:.35rem .6rem}}"
    "@media print{.grid{max-height:none}.grid thead th,.grid tbody th{position:static}}"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Endpoints that have something in common, in order."""

    title: str
    names: tuple[str, ...]


def part_id(name: str, clients: Sequence[str]) -> str:
    """Return the id of the part of the page that shows one endpoint.

    Args:
        name: The endpoint.
        clients: The names of the load balancers' clients, which the matrix does not declare.
    """
    if name not in clients:
        return f"of-{name}"
    return "clients" if len(clients) == 1 else name.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Overview:
    """All endpoints of a page with many services.

    Attributes:
        flows: Every flow shown, with those of the load balancers' clients.
        ordered: The names of the declared endpoints, in the order in which they call each other.
        fronts: The externals that are load balancers.
        clients: The names of their clients.
    """

    matrix: Matrix
    flows: Sequence[Flow]
    ordered: Sequence[str]
    fronts: Sequence[str]
    clients: Sequence[str]

    def groups(self) -> tuple[Group, ...]:
        """Return the endpoints by who calls them: outside callers first, places that are only called last."""
        services = {service.name for service in self.matrix.services}
        calling = {flow.source for flow in self.flows}
        outside = [name for name in self.ordered if name not in services]
        first = Group("Callers from outside", (*self.clients, *(name for name in outside if name in calling)))
        last = Group(_PLACES, tuple(name for name in outside if name not in calling))
        return tuple(each for each in (first, *self._of_services(), last) if each.names)

    def everywhere(self) -> tuple[str, ...]:
        """Return who calls more than half of the services. Such a caller, often monitoring, tells no group apart."""
        called: dict[str, set[str]] = {}
        services = {service.name for service in self.matrix.services}
        for flow in self.flows:
            if flow.target in services and flow.source != flow.target:
                called.setdefault(flow.source, set()).add(flow.target)
        return tuple(name for name, targets in called.items() if 2 * len(targets) > len(services))

    def _of_services(self) -> Iterator[Group]:
        place = {name: number for number, name in enumerate(self.ordered)}
        ignored = set(self.everywhere())
        callers: dict[str, list[str]] = {service.name: [] for service in self.matrix.services}
        for flow in self.flows:
            if flow.target in callers and flow.source not in {flow.target, *ignored}:
                callers[flow.target].append(flow.source)
        for found in callers.values():
            found.sort(key=place.__getitem__)
        by_only: dict[str, list[str]] = {}
        titled: dict[str, list[str]] = {}
        by_fronts: set[str] = set()
        for name in sorted(callers, key=lambda each: ([place[one] for one in callers[each]], place[each])):
            match callers[name]:
                case found if fronts := [front for front in self.fronts if front in found]:
                    titled.setdefault(title := f"Called by {' and '.join(fronts)}", []).append(name)
                    by_fronts.add(title)
                case []:
                    titled.setdefault("Called by no other", []).append(name)
                case [only]:
                    by_only.setdefault(only, []).append(name)
                case found:
                    many = "five or more" if len(found) > _FEW else "two to four"
                    titled.setdefault(f"Called by {many}", []).append(name)
        single = [names[0] for names in by_only.values() if len(names) == 1]
        titled |= {f"Called by {only} alone": names for only, names in by_only.items() if len(names) > 1}
        titled |= {"Called by one other": single}
        ends = ["Called by one other", "Called by two to four", "Called by five or more", "Called by no other"]
        first = [title for title in titled if title in by_fronts]
        order = [*first, *(title for title in titled if title not in {*first, *ends}), *ends]
        yield from (Group(title, tuple(titled[title])) for title in order if titled.get(title))

    def content(self) -> Iterator[Markup]:
        """Yield the groups as lists of links, then the matrix."""
        groups = self.groups()
        yield element("p", None, "Choose a service to see what it calls, what calls it, and which rules decide.")
        if ignored := self.everywhere():
            calls = "call" if len(ignored) > 1 else "calls"
            yield element("p", None, f"{' and '.join(ignored)} {calls} most services, and so makes no group.")
        for number, group in enumerate(groups, 1):
            yield element("h3", None, f"{number}. {group.title} ({len(group.names)})")
            yield self._names((name, "") for name in group.names)
        yield scrolling("The matrix", self._table(groups), "grid")

    def _table(self, groups: Sequence[Group]) -> Markup:
        called = {flow.target for flow in self.flows} | {each.name for each in self.matrix.services if each.ports}
        ports = {(flow.source, flow.target): listing(flow.ports) for flow in self.flows}
        columns = [[name for name in group.names if name in called] for group in groups]
        starts = {names[0] for names in columns if names}
        head = [element("th", {"scope": "col"}, "From \\ to")]
        for name in (name for names in columns for name in names):
            looks = "turned start" if name in starts else "turned"
            head.append(element("th", {"scope": "col", "class": looks, "title": name}, self._link(name, in_table=True)))
        rows = []
        for number, group in enumerate(groups[:-1] if groups[-1].title == _PLACES else groups, 1):
            title = element("span", None, f"{number}. {group.title}")
            across = {"scope": "rowgroup", "class": "group", "colspan": str(len(head))}
            body = [element("tr", None, element("th", across, title))]
            for source in group.names:
                cells = [_cell(source, target, ports, starts) for names in columns for target in names]
                body.append(
                    element("tr", None, element("th", {"scope": "row"}, self._link(source, in_table=True)), *cells)
                )
            rows.append(element("tbody", None, *body))
        said = (
            "A mark: the row may open connections to the column. Everything else is denied, except between externals."
        )
        return element(
            "table", None, element("caption", None, said), element("thead", None, element("tr", None, *head)), *rows
        )

    def part(self, name: str, drawn: Markup, decides: Iterable[Markup]) -> Markup:
        """Return the part of the page that shows one endpoint.

        Args:
            name: Its name.
            drawn: Its picture, with its neighbours.
            decides: What decides each connection to it.
        """
        key, decisions = part_id(name, self.clients), tuple(decides)
        into = [(flow.source, listing(flow.ports)) for flow in self.flows if flow.target == name]
        out_of = [(flow.target, listing(flow.ports)) for flow in self.flows if flow.source == name]
        parts = [element("p", None, element("a", {"href": "#overview"}, "\u2190 Back to the overview"))]
        parts.append(element("h2", {"id": f"{key}-heading"}, name))
        for said, nothing, ends in (
            ("Is called by", "Nothing calls it.", into),
            ("Calls", "It calls nothing.", out_of),
        ):
            parts.append(element("h3", None, f"{said} ({len(ends)})") if ends else element("p", None, nothing))
            parts += [self._names(ends)] if ends else []
        parts += [element("h3", None, "Picture"), element("figure", {"aria-label": f"Picture of {name}"}, drawn)]
        if decisions:
            parts += [element("h3", None, f"What decides connections to {name}"), *decisions]
        return element(
            "section", {"class": "part", "id": key, "aria-labelledby": f"{key}-heading", "tabindex": "-1"}, *parts
        )

    def _names(self, ends: Iterable[tuple[str, str]]) -> Markup:
        return element("ul", {"class": "names"}, *(element("li", None, self._link(*end)) for end in ends))

    def _link(self, name: str, ports: str = "", *, in_table: bool = False) -> Markup:
        """Return a link to the part of an endpoint. Those of the table repeat others, so the tab key skips them."""
        skipped = {"tabindex": "-1"} if in_table else {}
        said = [element("span", None, f" {ports}")] if ports else []
        return element("a", {"href": f"#{part_id(name, self.clients)}", **skipped}, name, *said)


def _cell(source: str, target: str, ports: Mapping[tuple[str, str], str], starts: set[str]) -> Markup:
    looks = " ".join([*(["start"] if target in starts else []), *(["self"] if source == target else [])])
    attributes = {"class": looks} if looks else {}
    opened = ports.get((source, target))
    if opened is None:
        return element("td", attributes, "")
    said = f"{source} to {target}: {opened}"
    mark = element("span", {"role": "img", "aria-label": opened}, "\u25cf")
    return element("td", {**attributes, "title": said}, mark)
