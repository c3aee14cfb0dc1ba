"""The declared traffic of one environment as an HTML page: picture, matrix, proof, and what decides each connection.

With many services it opens on an overview instead, and shows one of them at a time.

The page is one file and loads nothing: it has no script, no font and no image except the embedded picture. Its content
security policy enforces that, and allows its style sheets by their hashes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.matrix import Flow, Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.prove.endpoint import DNS, KUBELET, NODE_DNS, Endpoint, Role
from flash_ticket.firewall.prove.proof import Blur, Proof
from flash_ticket.firewall.prove.violation import Violation
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange, listing
from flash_ticket.firewall.terms.verdict import Answer, Layer, Verdict
from flash_ticket.report.picture import drawing, overview, style
from flash_ticket.report.picture.graph_layout import columns
from flash_ticket.report.picture.markup import Markup, element, html_document, scrolling
from flash_ticket.report.picture.picture import clients, flows_shown, neighbours, picture
from flash_ticket.report.proof import blurs_said, not_known, opened_by_others

_BOTH = "both layers"
_LAYERS = {Layer.POD: "Pod layer (NetworkPolicies)", Layer.VPC: "VPC layer (security groups)"}
_SECTIONS = {
    "picture": "Picture",
    "matrix": "Matrix",
    "overview": "Overview",
    "proof": "Proof",
    "decides": "What decides",
    "denied": "What is denied",
}


def page(matrix: Matrix, environment: Environment, proof: Proof) -> str:
    """Return an HTML document of one environment's traffic; it contains no date."""
    return _Page(matrix, environment, proof).document()


@dataclass(frozen=True)
class _Page:
    matrix: Matrix
    environment: Environment
    proof: Proof

    def document(self) -> str:
        title = f"Allowed connections: {self.matrix.namespace} in {self.environment.name}"
        content = (
            element("a", {"class": "skip", "href": "#content"}, "Skip to the content"),
            element("header", None, *self._header(title)),
            element("main", {"id": "content", "tabindex": "-1"}, *self._sections()),
            element(
                "footer", None, element("p", None, "Made by flash-firewall from traffic.yaml and the stack's binding.")
            ),
        )
        if self._is_large:
            return html_document(title, "en", (style.STYLE, overview.STYLE, drawing.STYLE), content)
        return html_document(title, "en", (style.STYLE,), content, (drawing.STYLE,))

    @property
    def _is_large(self) -> bool:
        return len(self.matrix.services) > overview.MOST_DRAWN

    def _header(self, title: str) -> Iterator[Markup]:
        cluster = self.environment.cluster
        yield element("h1", None, title)
        yield element(
            "p", {"class": "lead"}, f"Cluster {cluster.name}, {self.environment.region}, groups on {cluster.attachment}"
        )
        links = [element("li", None, element("a", {"href": f"#{key}"}, _SECTIONS[key])) for key in self._content()]
        yield element("nav", {"aria-label": "Sections"}, element("ul", None, *links))
        looks = "verdict" if self.proof.holds else "verdict fails"
        if self.proof.holds:
            said, more = "\u2713 The proof holds.", " Both layers let through what is declared, and nothing else."
            if self.proof.blurs:
                more = " Both layers let through what is declared, and what they cannot tell from it: see below."
        else:
            said, more = (
                "\u2717 The proof does not hold.",
                " Nothing is deployed until it does: see what is wrong below.",
            )
        yield element("div", {"class": looks}, element("p", None, element("strong", None, said), more))

    def _sections(self) -> Iterator[Markup]:
        for key, parts in self._content().items():
            heading = element("h2", {"id": f"{key}-heading"}, _SECTIONS[key])
            named = {"id": key, "class": "whole"} if self._is_large else {"id": key}
            yield element("section", {**named, "aria-labelledby": f"{key}-heading"}, heading, *parts())
        if self._is_large:
            yield from self._parts()

    def _content(self) -> dict[str, Callable[[], Iterable[Markup]]]:
        """Return what makes the content of each section, in order."""
        ends: dict[str, Callable[[], Iterable[Markup]]] = {"proof": self._proof, "denied": self._denied}
        if self._is_large:
            return {"overview": self._overview.content, **ends}
        return {
            "picture": self._picture,
            "matrix": self._matrix,
            "proof": self._proof,
            "decides": self._decides,
            "denied": self._denied,
        }

    @cached_property
    def _overview(self) -> overview.Overview:
        fronts = tuple(self.environment.fronts)
        return overview.Overview(self.matrix, self._flows, self._ordered, fronts, self._clients)

    @cached_property
    def _clients(self) -> tuple[str, ...]:
        return tuple(clients(front) for front in self.environment.fronts)

    def _parts(self) -> Iterator[Markup]:
        """Yield the parts of single endpoints. The page shows one of them at a time."""
        into: dict[str, list[Flow]] = {}
        for flow in self._flows:
            into.setdefault(flow.target, []).append(flow)
        for flow in self._implied:  # those to the resolver belong to the service that asks
            into.setdefault(flow.target if flow.target in self.matrix.endpoints else flow.source, []).append(flow)
        for group in self._overview.groups():
            for name in group.names:
                key = overview.part_id(name, self._clients)
                drawn = Markup(neighbours(self.matrix, self.environment, name, f"{key}-picture"))
                shown = scrolling(f"The picture of {name}", drawn)
                yield self._overview.part(name, shown, map(self._decision, into.get(name, ())))

    def _picture(self) -> Iterator[Markup]:
        drawing_ = scrolling("The picture", Markup(picture(self.matrix, self.environment)))
        caption = "Every declared connection. The matrix below says the same in words."
        yield element(
            "figure", {"aria-label": "Picture of the traffic"}, drawing_, element("figcaption", None, caption)
        )

    def _matrix(self) -> Iterator[Markup]:
        allowed = {(flow.source, flow.target): listing(flow.ports) for flow in self._flows}
        targets = [name for name in self._ordered if self._can_be_called(name)]
        rows = []
        for source in (*self._clients, *self._ordered):
            cells = []
            for target in targets:
                ports = allowed.get((source, target))
                closed = "itself" if source == target else self._unless_declared(source, target)
                cells.append(element("td", {"class": "open" if ports else "shut"}, ports or closed))
            rows.append((source, cells))
        said = (
            "Rows may open connections to columns, on the ports in the cell; replies pass automatically. "
            "This firewall has no say between two externals."
        )
        yield scrolling("The matrix", _table(said, ["From \\ to", *targets], rows))
        yield element(
            "p",
            None,
            f"Implied for every service: DNS ({listing(DNS_PORTS)})"
            + (", and probes from the kubelet of its node on its ports." if KUBELET in self._layers.named else "."),
        )

    def _unless_declared(self, source: str, target: str) -> str:
        governed = {*(service.name for service in self.matrix.services), *self.environment.fronts}
        return "denied" if governed & {source, target} else "no say"

    def _can_be_called(self, name: str) -> bool:
        endpoint = self.matrix.endpoints[name]
        return bool(endpoint.ports) or any(flow.target == name for flow in self._flows)

    def _summary(self) -> str:
        count, proof = len(self.proof.violations), self.proof
        if count:
            return f"{count} connection{'s are' if count > 1 else ' is'} not as declared."
        return (
            f"{proof.declared:,} declared connections pass both layers. Of the undeclared ones on the ports in play "
            f"{proof.stopped[2]:,} are stopped by both layers and {proof.stopped[1]:,} by one. One layer is enough to "
            "stop a connection; two are better. The command flash-firewall check --stopped-by-one lists those of one."
        )

    def _proof(self) -> Iterator[Markup]:
        yield element("p", None, self._summary())
        if self.environment.account == SymbolicAccount(self.environment.region).id:
            yield element(
                "p", None, "Made from the files alone: the addresses of places are placeholders, the names are real."
            )
        yield from self._of_others()
        for heading, blurs in blurs_said(self.proof.blurs):
            yield element("p", None, heading)
            yield element("ul", None, *(element("li", None, _blur(blur)) for blur in blurs))
        if self.proof.violations:
            head = ["From", "To", "Ports", "Layer", "What is wrong", "What decides", "What to change"]
            rows = [(", ".join(each.sources), _violation(each)) for each in self.proof.violations]
            said = "Connections that are not as declared."
            yield scrolling("The violations", _table(said, head, rows))

    def _of_others(self) -> Iterator[Markup]:
        """Yield what rules of others open, and what only the account knows of them."""
        others = self.proof.others
        if others.unknown:
            yield element("p", None, f"{not_known(others)} {', '.join(others.groups)}.")
        if others.openings:
            yield element("p", None, opened_by_others(others))
            yield element("ul", None, *(element("li", None, str(each)) for each in others.openings))

    def _decides(self) -> Iterator[Markup]:
        yield element("p", None, "For each connection the rule that lets it through, in each layer and at each end.")
        place = {name: number for number, name in enumerate(self._ordered)}
        declared = sorted(self._flows, key=lambda flow: (place.get(flow.source, -1), place[flow.target]))
        yield from map(self._decision, (*declared, *self._implied))

    def _decision(self, flow: Flow) -> Markup:
        """Return what decides a connection, folded away."""
        source, target = self._layers.named[flow.source], self._layers.named[flow.target]
        parts: list[Markup] = []
        for port in flow.ports:
            for layer, verdict in self._verdicts(source, target, port):
                parts += _decision(layer, port, verdict)
        is_wrong = (flow.source, flow.target) in self._wrong
        outcome = "not as declared: see the proof" if is_wrong else "passes both layers"
        summary = element(
            "summary",
            None,
            element("b", None, f"{flow.source} \u2192 {flow.target}"),
            element("span", None, f" {listing(flow.ports)}, {outcome}"),
        )
        return element("details", None, summary, element("dl", None, *parts))

    @cached_property
    def _wrong(self) -> set[tuple[str, str]]:
        return {pair for each in self.proof.violations for pair in product(each.sources, each.destinations)}

    def _verdicts(self, source: Endpoint, target: Endpoint, port: PortRange) -> Iterator[tuple[Layer, Verdict | None]]:
        for layer in Layer:
            yield layer, self._layers.answer(layer, source, target, port)

    def _denied(self) -> Iterator[Markup]:
        yield element(
            "p",
            None,
            "What is not declared is denied, in both directions. Undeclared callers, tried on every service:",
        )
        called = (service for service in self.matrix.services if service.ports)
        services = sorted(called, key=lambda service: self._ordered.index(service.name))
        undeclared = [
            each
            for each in self._layers.endpoints
            if each.role is Role.UNDECLARED
            and (each.workload or each.ranges)  # if places cover everything, no other host is left
        ]
        cells = {
            (stranger.name, service.name): _stopped(
                self._answers(stranger, self._layers.named[service.name], service.ports)
            )
            for stranger in undeclared
            for service in services
        }
        strangers, names = [each.name for each in undeclared], [each.name for each in services]
        if self._is_large:
            said = "To services (rows) from strangers (columns), on the service's ports: which layers stop it."
            rows = [(name, [cells[stranger, name] for stranger in strangers]) for name in names]
            yield scrolling("What is denied", _table(said, ["To \\ from", *strangers], rows))
        else:
            said = "From strangers (rows) to services (columns), on the service's ports: which layers stop it."
            rows = [(stranger, [cells[stranger, name] for name in names]) for stranger in strangers]
            yield scrolling("What is denied", _table(said, ["From \\ to", *names], rows))

    def _answers(self, source: Endpoint, target: Endpoint, ports: Iterable[PortRange]) -> dict[Layer, Answer]:
        """Return whether each layer stops all of these ports."""
        found: dict[Layer, set[Answer]] = {layer: set() for layer in Layer}
        for port in ports:
            for layer, verdict in self._verdicts(source, target, port):
                found[layer].add(verdict.answer if verdict else Answer.PASSES)
        order = (Answer.PASSES, Answer.UNKNOWN, Answer.STOPPED)
        return {layer: next(each for each in order if each in answers) for layer, answers in found.items()}

    @cached_property
    def _flows(self) -> tuple[Flow, ...]:
        return flows_shown(self.matrix, self.environment)

    @cached_property
    def _implied(self) -> tuple[Flow, ...]:
        named, found = self._layers.named, []
        for service in self.matrix.services:
            found += [Flow(service.name, each, DNS_PORTS) for each in (DNS, NODE_DNS) if each in named]
            if KUBELET in named and service.ports:
                found.append(Flow(KUBELET, service.name, service.ports))
        return tuple(found)

    @cached_property
    def _ordered(self) -> list[str]:
        """The names in order: callers of the services, the services as they call each other, what is only called."""
        callers = [each.name for each in self.matrix.externals if self.matrix.flows_out_of[each.name]]
        calls = ((flow.source, flow.target) for flow in self.matrix.flows)
        column = columns(self.matrix.endpoints, calls)
        services = sorted((each.name for each in self.matrix.services), key=lambda name: (column[name], name))
        rest = [each.name for each in self.matrix.externals if each.name not in callers]
        return [*callers, *services, *rest]

    @cached_property
    def _layers(self) -> BothLayers:
        return compile_firewall(self.matrix, self.environment).layers()


def _decision(layer: Layer, port: PortRange, verdict: Verdict | None) -> Iterator[Markup]:
    yield element("dt", None, f"{_LAYERS[layer]}, {port}")
    if verdict is None:
        yield element("dd", None, "has no say here")
    else:
        for side in (verdict.egress, verdict.ingress):
            yield element("dd", None, str(side))


def _violation(each: Violation) -> list[Markup]:
    targets, ports = ", ".join(each.destinations), str(each.ports).replace(",", ", ")
    short = [targets, ports, each.layer.value, each.fault.value]
    long = [str(each.side), each.remedy]
    return [element("td", None, cell) for cell in short] + [element("td", {"class": "long"}, cell) for cell in long]


def _blur(blur: Blur) -> str:
    like = f", like {', '.join(blur.like)}" if blur.like else ""
    return f"{blur.source} \u2192 {blur.destination}: {str(blur.ports).replace(',', ', ')}{like}"


def _stopped(answers: dict[Layer, Answer]) -> Markup:
    said = _by(answers)
    return element("td", {"class": "both" if said == _BOTH else "shut"}, said)


def _by(answers: dict[Layer, Answer]) -> str:
    """Return which layers stop something, in words."""
    layers = [layer.value for layer, answer in answers.items() if answer is Answer.STOPPED]
    unknown = [layer.value for layer, answer in answers.items() if answer is Answer.UNKNOWN]
    if len(layers) == len(answers):
        return _BOTH
    if unknown:
        return f"{layers[0]} layer; {unknown[0]} layer not known" if layers else "perhaps neither: see the proof"
    return f"{layers[0]} layer alone" if layers else "neither: see the proof"


def _table(caption: str, head: list[str], rows: Iterable[tuple[str, list[Markup]]]) -> Markup:
    top = element("tr", None, *(element("th", {"scope": "col"}, each) for each in head))
    body = [element("tr", None, element("th", {"scope": "row"}, name), *cells) for name, cells in rows]
    parts = (element("caption", None, caption), element("thead", None, top), element("tbody", None, *body))
    return element("table", None, *parts)
