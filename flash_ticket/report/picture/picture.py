"""The declared traffic of one environment as a picture for a design review: an SVG document.

From left to right: the clients of the load balancer, the callers of the services, the services in the order that
they call each other, and what they call. Many columns of services are folded into rows. A frame around the services is
the namespace, a larger one is the VPC.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import inf

from flash_ticket.firewall.bind.environment import Environment, LoadBalancer, PrefixList
from flash_ticket.firewall.declare.choices import Attachment, Network
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.declare.matrix import External, Flow, Matrix, Service
from flash_ticket.firewall.terms.ports import listing
from flash_ticket.report.picture.drawing import (
    EDGE,
    BoxKind,
    Diagram,
    Link,
    Station,
    Titles,
    document,
    grown,
    port_labels,
    rectangle,
    words,
)
from flash_ticket.report.picture.graph_layout import Layout, Placed, columns, shifted
from flash_ticket.report.picture.markup import Markup
from flash_ticket.report.picture.text_width import wrapped

_HEADER = 70.0
_INNER = 18.0
_HEADING = 34.0
_LEAST_WIDTH = 720.0
_NOTE = 14.0
_SHOWN = 2
"""The most networks or names in a box; of more it shows one and the number of the others."""


def picture(matrix: Matrix, environment: Environment) -> str:
    """Return an SVG document of the allowed traffic of one environment.

    The same matrix and environment give the same text. It contains no date and no address of a place.
    """
    return _Picture(matrix, environment).document()


def neighbours(matrix: Matrix, environment: Environment, name: str, key: str) -> str:
    """Return an SVG element for a page: one endpoint, what it calls, and what calls it.

    Args:
        matrix: The declaration.
        environment: Where its names lead.
        name: The endpoint; the clients of a load balancer are one, too.
        key: What the ids of the element begin with.
    """
    flows = tuple(each for each in matrix.flows if name in {each.source, each.target})
    near = {name, *(end for each in flows for end in (each.source, each.target))}
    near |= {front for front in environment.fronts if name == clients(front)}
    around = replace(
        matrix,
        services=tuple(each for each in matrix.services if each.name in near),
        externals=tuple(each for each in matrix.externals if each.name in near),
        flows=flows,
    )
    return _Picture(around, environment, name, key).document()


def clients(front: str) -> str:
    """Return the name that the proof and the picture give to the clients of a load balancer."""
    return f"clients of {front}"


def flows_shown(matrix: Matrix, environment: Environment) -> tuple[Flow, ...]:
    """Return the flows from the clients to the load balancers, then the declared flows."""
    fronts = environment.fronts.items()
    return (*(Flow(clients(name), name, front.listeners) for name, front in fronts), *matrix.flows)


@dataclass(frozen=True)
class _Picture:
    matrix: Matrix
    environment: Environment
    around: str = ""
    key: str = ""

    def document(self) -> str:
        boxes = min(each.y for each in self._diagram.layout.boxes.values())
        above = min((at.y for at, *_ in self._frames(self._diagram.layout)), default=boxes)
        layout = shifted(self._diagram.layout, EDGE, EDGE + _HEADER - above)
        frames = tuple(self._frames(layout))
        every = [*layout.boxes.values(), *chain(*layout.lanes.values()), *(at for at, *_ in frames)]
        right, bottom = max(each.right for each in every), max(each.bottom for each in every)
        width = max(_LEAST_WIDTH, right + EDGE)
        notes = tuple(self._notes(width - 2 * EDGE, bottom + 34))
        height = bottom + 34 + 24 * len(notes) + EDGE / 2
        drawn_frames = (part for frame in frames for part in _drawn_frame(*frame))
        return document((width, height), self._titles, *drawn_frames, *self._diagram.drawn(layout), *notes)

    @property
    def _titles(self) -> Titles:
        title = f"{self.matrix.namespace} in {self.environment.name}"
        said = "; ".join(f"{each.source} to {each.target} on {listing(each.ports)}" for each in self._flows)
        if self.around:
            name = f"{self.around}: allowed connections"
            described = f"Allowed: {said}." if said else "No connection is allowed."
            return Titles(name, described, self.around, "What may call it, and what it may call", self.key)
        return Titles(
            f"{title}: allowed connections",
            f"Allowed: {said}. Everything else is denied.",
            title,
            f"Allowed connections on cluster {self.environment.cluster.name}, {self.environment.region}",
        )

    @cached_property
    def _links(self) -> list[Link]:
        flows = (each for each in self._flows if each.source != each.target)
        return [Link(each.source, each.target, listing(each.ports)) for each in flows]

    @cached_property
    def _flows(self) -> tuple[Flow, ...]:
        left_out = {clients(name) for name in self.environment.fronts} - {
            clients(each.external) for each in self._fronts
        }
        return tuple(each for each in flows_shown(self.matrix, self.environment) if each.source not in left_out)

    @cached_property
    def _fronts(self) -> tuple[LoadBalancer, ...]:
        """The load balancers that are shown with their clients."""
        fronts = self.environment.fronts.items()
        return tuple(front for name, front in fronts if self.around in {"", name, clients(name)})

    @cached_property
    def _on_nodes(self) -> bool:
        return self.environment.cluster.attachment is Attachment.NODES

    @property
    def _group_of_nodes(self) -> str:
        return " or ".join(group.label for group in self.environment.cluster.nodes)

    @cached_property
    def _columns(self) -> dict[str, int]:
        """Column of each name: 0 for callers outside the VPC, 1 for callers in it, then services, then called ones."""
        names = {service.name for service in self.matrix.services}
        calls = [(each.source, each.target) for each in self.matrix.flows if {each.source, each.target} <= names]
        found = {name: 2 + column for name, column in columns(sorted(names), calls).items()}
        after = max(found.values(), default=1) + 1
        for external in self.matrix.externals:
            if self._calls_only(external):
                found[external.name] = 1 if self._is_in_vpc(external) else 0
            else:
                found[external.name] = after if self._is_in_vpc(external) else after + 1
        found |= {clients(front.external): 0 for front in self._fronts}
        return found

    @cached_property
    def _services_end(self) -> int:
        return max((self._columns[service.name] for service in self.matrix.services), default=1)

    def _calls_only(self, external: External) -> bool:
        if external.name in self.environment.fronts:
            return True
        called = self.matrix.flows_into[external.name]
        return not called and (bool(self.matrix.flows_out_of[external.name]) or not external.ports)

    def _is_in_vpc(self, external: External) -> bool:
        if external.namespace is not None or external.name in self.environment.fronts:
            return True
        if external.domains:
            return False
        place = self.environment.place(external.name)
        return bool(place.groups) or any(
            network.version == block.version and network.overlaps(block)
            for network in place.networks
            for block in self.environment.vpc_networks
        )

    @cached_property
    def _ports(self) -> dict[str, tuple[str, ...]]:
        flows = sorted(self._flows, key=lambda each: each.ports)
        links = (each for each in flows if each.source != each.target)
        return port_labels(Link(each.source, each.target, listing(each.ports)) for each in links)

    def _station(self, name: str, kind: BoxKind, details: tuple[str, ...], frame: str, shown: str = "") -> Station:
        about = "; ".join([name, *details, *([f"security group: {frame}"] if frame else [])])
        caption = f"sg {frame}" if frame else ""
        return Station(
            name, self._columns[name], shown or name, kind, details, self._ports.get(name, ()), caption, about
        )

    def _clients(self, front: LoadBalancer) -> Station:
        name, allowed = clients(front.external), front.clients
        if isinstance(allowed, PrefixList):
            details: tuple[str, ...] = ("prefix list", allowed.label.removeprefix("com.amazonaws.global."))
        else:
            details = _some(allowed)
        return self._station(
            name, BoxKind.OUTSIDE, details, "", "clients" if len(self.environment.fronts) == 1 else name
        )

    def _service(self, service: Service) -> Station:
        details = [f"namespace {service.namespace}"] if service.namespace else []
        details += [f"{key.rpartition('/')[2]}={value}" for key, value in service.pods]
        if not self.matrix.flows_into[service.name] and not self.matrix.flows_out_of[service.name]:
            details.append("no flow: all denied")
        own = (flow for flow in self.matrix.flows_into[service.name] if flow.source == service.name)
        details += [f"each other: {listing(flow.ports)}" for flow in own]
        return self._station(service.name, BoxKind.INSIDE, tuple(details), "" if self._on_nodes else service.name)

    def _external(self, external: External) -> Station:
        if external.namespace is not None:
            labels = [f"{key.rpartition('/')[2]}={value}" for key, value in external.pods] or ["all pods"]
            where = (f"namespace {external.namespace}", *labels)
            return self._station(external.name, BoxKind.ELSEWHERE, where, self._group_of_nodes)
        if external.name in self.environment.fronts:
            return self._station(external.name, BoxKind.OUTSIDE, ("load balancer",), external.name)
        if external.domains:
            return self._station(external.name, BoxKind.OUTSIDE, ("external, by name", *_few(external.domains)), "")
        place = self.environment.place(external.name)
        groups = " + ".join(group.label for group in place.groups)
        details: tuple[str, ...] = ("external",) if place.groups else ("external, by address",)
        if place.prefix_list:
            details = ("external, prefix list", place.prefix_list.label)
        return self._station(external.name, BoxKind.OUTSIDE, details, groups)

    @cached_property
    def _diagram(self) -> Diagram:
        stations = (
            *(self._clients(front) for front in self._fronts),
            *(self._external(external) for external in self.matrix.externals),
            *(self._service(service) for service in self.matrix.services),
        )
        inner = _INNER * (2 if self._on_nodes else 1)
        margins = {
            1: _INNER,
            2: inner,
            self._services_end + 1: inner,
            self._services_end + 2: _INNER * 2,
        }
        return Diagram(stations, self._links, range(2, self._services_end + 1), margins)

    def _frames(self, layout: Layout) -> Iterator[tuple[Placed, str, str, float]]:
        """Yield the VPC, the namespaces and the nodes' group, if any: rectangle, style, caption, text start."""
        last = self._services_end + 1
        if not any(1 <= column <= last for column in self._columns.values()):
            return  # an external outside the VPC alone
        vpc = _around(layout, self._columns, 1, last)
        if not self.matrix.services:  # the neighbours of an external alone
            yield Placed(vpc.x - 14, vpc.y - 42, vpc.width + 28, vpc.height + 56), "network", "VPC", vpc.x
            return
        inside = _around(layout, self._columns, 2, self._services_end)
        if self._on_nodes:
            guard = Placed(inside.x - 12, inside.y - _HEADING, inside.width + 24, inside.height + _HEADING + 16)
            namespace = grown(guard, 10)
        else:
            namespace = grown(inside, 14)
        namespace = Placed(namespace.x, namespace.y - _HEADING + 8, namespace.width, namespace.height + _HEADING - 8)
        top = min(vpc.y - 8, namespace.y - 12) - _HEADING + 6
        bottom = max(vpc.bottom, namespace.bottom) + 14
        left, right = min(vpc.x - 14, namespace.x - 12), max(vpc.right + 14, namespace.right + 12)
        yield Placed(left, top, right - left, bottom - top), "network", "VPC", vpc.x
        names = self.matrix.namespaces
        said = f"{'namespaces' if len(names) > 1 else 'namespace'} {', '.join(names)}"
        yield namespace, "namespace", said, inside.x
        if self._on_nodes:
            yield guard, "guard", f"sg {self._group_of_nodes}", inside.x

    def _notes(self, room: float, top: float) -> Iterator[Markup]:
        y = top
        for looks, sentence in self._sentences():
            for line in wrapped(sentence, _NOTE * (1.12 if looks == "said" else 1.0), room):
                yield words(line, (EDGE, y), looks, _NOTE, room, bold=looks == "said")
                y += 24

    def _sentences(self) -> Iterator[tuple[str, str]]:
        if self.around:
            return
        yield (
            "said",
            f"Everything else is denied: at pods by NetworkPolicies ({DEFAULT_DENY}), in the VPC by security groups.",
        )
        if self._on_nodes:
            yield "note", "Between services only NetworkPolicies decide: all their pods carry the group of the nodes."
            yield "note", "Implied for every service: DNS (TCP 53, UDP 53)."
        else:
            yield "note", "Implied for every service: DNS (TCP 53, UDP 53), and kubelet probes on its ports."
        yield (
            "note",
            "Arrows are connections that may be opened, on the ports at their head. Dashed: a security group (sg).",
        )


def _around(layout: Layout, column_of: dict[str, int], first: int, last: int) -> Placed:
    """Return the rectangle around everything in a range of columns."""
    within = [layout.boxes[key] for key, column in column_of.items() if first <= column <= last]
    within += [lane for column, lanes in layout.lanes.items() if first <= column <= last for lane in lanes]
    left, top = min((each.x for each in within), default=inf), min((each.y for each in within), default=inf)
    right, bottom = max(each.right for each in within), max(each.bottom for each in within)
    return Placed(left, top, right - left, bottom - top)


def _drawn_frame(at: Placed, looks: str, said: str, left: float) -> Iterator[Markup]:
    yield rectangle(at, looks, 12)
    caption = "caption" if looks == "guard" else "place"
    yield words(said, (left, at.y + 22), caption, 12 if looks == "guard" else 14, at.right - left - 12, bold=True)


def _some(networks: tuple[Network, ...]) -> tuple[str, ...]:
    return _few(tuple(map(str, networks)))


def _few(texts: tuple[str, ...]) -> tuple[str, ...]:
    return texts if len(texts) <= _SHOWN else (texts[0], f"and {len(texts) - 1} more")
