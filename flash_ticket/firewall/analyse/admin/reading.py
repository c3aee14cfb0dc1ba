"""Reads policies of administrators from manifests (Network Policy API, types of v1alpha1, v1alpha2 and v1beta1).

What cannot be judged is an error that names the field: nodes and domain names, whose addresses no manifest holds, and
fields, kinds and versions that this program does not know. An answer that leaves them out would be wrong.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Never

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP, Action, AdminPolicy, AdminRule, Tier
from flash_ticket.firewall.analyse.label_selector import EVERYTHING, read_selector
from flash_ticket.firewall.analyse.manifests import fields as field
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.analyse.policy import AddressPeer, NamedPort, Peer, PodPeer, RulePorts, read_cidr
from flash_ticket.firewall.analyse.workload import read_protocol
from flash_ticket.firewall.terms.ports import ALL_PORTS, MAX_PORT, PortRange, PortSet, Protocol
from flash_ticket.firewall.terms.verdict import Direction

_MOST_IMPORTANT, _LEAST_IMPORTANT = 0, 1000


@dataclass(frozen=True, slots=True)
class _Form:
    """How a kind and its versions are written.

    Attributes:
        versions: The versions that have these fields.
        spec: The fields of the specification.
        actions: The words for actions.
        ports: The field of a rule that holds its ports.
        tier: The tier; None if the specification holds it.
        name: The only name that the API accepts; empty for any.
    """

    versions: tuple[str, ...]
    spec: tuple[str, ...]
    actions: Mapping[str, Action]
    ports: str
    tier: Tier | None = None
    name: str = ""


_ALLOW = {"Allow": Action.ALLOW, "Deny": Action.DENY}
_ACCEPT = {"Accept": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
_RULES = ("subject", "ingress", "egress")
_FORMS = {
    "AdminNetworkPolicy": _Form(
        ("v1alpha1",), ("priority", *_RULES), {**_ALLOW, "Pass": Action.PASS}, "ports", Tier.ADMIN
    ),
    "BaselineAdminNetworkPolicy": _Form(("v1alpha1",), _RULES, _ALLOW, "ports", Tier.BASELINE, "default"),
    "ClusterNetworkPolicy": _Form(("v1beta1", "v1alpha2"), ("tier", "priority", *_RULES), _ACCEPT, "protocols"),
}
ADMIN_KINDS = frozenset(_FORMS)
"""The kinds of policies that administrators write for the whole cluster."""

_TIERS = {"Admin": Tier.ADMIN, "Baseline": Tier.BASELINE}
_SECTIONS = {Direction.INGRESS: ("ingress", "from"), Direction.EGRESS: ("egress", "to")}
_INGRESS_PEERS = ("namespaces", "pods")
_EGRESS_PEERS = (*_INGRESS_PEERS, "nodes", "networks", "domainNames")
_NOT_JUDGED = {
    "nodes": "the addresses of nodes are not known here",
    "domainNames": "the addresses of domain names are not known here",
}
_PROTOCOLS = {protocol.lower(): protocol for protocol in Protocol}


def read_admin_policy(body: Mapping[str, object], name: str, place: FieldPath) -> AdminPolicy:
    """Return the policy that an object of the Network Policy API declares.

    Raises:
        InputError: The policy cannot be judged, or the API server would refuse it.
    """
    kind, version = str(body["kind"]), str(body["apiVersion"]).removeprefix(f"{GROUP}/")
    form = _FORMS.get(kind)
    if form is None or version not in form.versions:
        known = ", ".join(f"{each} {version}" for each, known in _FORMS.items() for version in known.versions)
        place.fail("apiVersion", f"this program cannot judge {kind} {version}", f"Use {known}")
    if form.name and name != form.name:
        place.fail("metadata.name", f"the API accepts no other name than {form.name!r}", f"Rename it to {form.name}")
    spec = field.mapping(body.get("spec"), "spec", place)
    field.only(spec, form.spec, "spec", place)
    reader = _RuleReader(form, place)
    return AdminPolicy(
        kind,
        name,
        place.source,
        reader.tier(spec),
        reader.priority(spec),
        _subject(spec.get("subject"), place),
        {direction: rules for direction in Direction if (rules := reader.rules(spec, direction))},
    )


@dataclass(frozen=True, slots=True)
class _RuleReader:
    form: _Form
    place: FieldPath

    def tier(self, spec: Mapping[str, object]) -> Tier:
        if self.form.tier is not None:
            return self.form.tier
        written = spec.get("tier")
        found = _TIERS.get(written) if isinstance(written, str) else None
        if found is None:
            self.place.fail("spec.tier", f"unknown tier {field.shown(written)}", f"Use {' or '.join(_TIERS)}")
        return found

    def priority(self, spec: Mapping[str, object]) -> int:
        if "priority" not in self.form.spec:
            return _MOST_IMPORTANT
        written = spec.get("priority")
        if type(written) is not int or not _MOST_IMPORTANT <= written <= _LEAST_IMPORTANT:
            remedy = f"Write {_MOST_IMPORTANT} to {_LEAST_IMPORTANT}"
            self.place.fail("spec.priority", f"{field.shown(written)} is not a priority", remedy)
        return written

    def rules(self, spec: Mapping[str, object], direction: Direction) -> tuple[AdminRule, ...]:
        section, _ = _SECTIONS[direction]
        entries = field.mappings(spec.get(section), f"spec.{section}", self.place)
        return tuple(self._rule(index, raw, direction, path) for index, (path, raw) in enumerate(entries))

    def _rule(self, index: int, raw: Mapping[str, object], direction: Direction, path: str) -> AdminRule:
        _, peers = _SECTIONS[direction]
        field.only(raw, ("name", "action", peers, self.form.ports), path, self.place)
        written = raw.get("action")
        action = self.form.actions.get(written) if isinstance(written, str) else None
        if action is None:
            remedy = f"Use {', '.join(self.form.actions)}"
            self.place.fail(f"{path}.action", f"unknown action {field.shown(written)}", remedy)
        known = _INGRESS_PEERS if direction is Direction.INGRESS else _EGRESS_PEERS
        entries = field.mappings(raw.get(peers), f"{path}.{peers}", self.place)
        found = tuple(_peer(entry, known, at, self.place) for at, entry in entries)
        if not found:
            self.place.fail(f"{path}.{peers}", "a rule needs at least one peer", "Name its peers, or remove the rule")
        return AdminRule(index, action, found, self._ports(raw, f"{path}.{self.form.ports}"))

    def _ports(self, raw: Mapping[str, object], path: str) -> RulePorts:
        if raw.get(self.form.ports) is None:
            return RulePorts(ALL_PORTS)
        entries = list(field.mappings(raw[self.form.ports], path, self.place))
        if not entries:
            self.place.fail(path, "the API does not say what an empty list matches", "Remove it, or name ports")
        read = _port if self.form.ports == "ports" else _protocol
        found = [part for at, entry in entries for part in read(entry, at, self.place)]
        numbered = PortSet.of(part for part in found if isinstance(part, PortRange))
        return RulePorts(numbered, tuple(sorted({part for part in found if isinstance(part, NamedPort)})))


def _subject(raw: object, place: FieldPath) -> PodPeer:
    body = field.mapping(raw, "spec.subject", place)
    kind = _only_one(body, _INGRESS_PEERS, "spec.subject", place)
    return _pods(body[kind], kind, f"spec.subject.{kind}", place)


def _peer(raw: Mapping[str, object], known: tuple[str, ...], path: str, place: FieldPath) -> Peer:
    kind = _only_one(raw, known, path, place)
    at = f"{path}.{kind}"
    if kind in _NOT_JUDGED:
        _refuse_to_judge(at, _NOT_JUDGED[kind], place)
    if kind != "networks":
        return _pods(raw[kind], kind, at, place)
    blocks = enumerate(field.items(raw[kind], at, place))
    ranges = tuple(read_cidr(each, f"{at}[{index}]", place) for index, each in blocks)
    if not ranges:
        place.fail(at, "a peer needs at least one network", "Name one, such as 10.0.0.0/8")
    return AddressPeer(ranges)


def _refuse_to_judge(path: str, why: str, place: FieldPath) -> Never:
    place.fail(path, f"this rule cannot be judged: {why}", "Name networks or pods, or leave this policy out")


def _only_one(raw: Mapping[str, object], known: tuple[str, ...], path: str, place: FieldPath) -> str:
    field.only(raw, known, path, place)
    given = [key for key in known if raw.get(key) is not None]
    if len(given) != 1:
        problem = f"{' and '.join(given)} together" if given else "it selects nothing"
        place.fail(path, problem, f"Give exactly one of {', '.join(known)}")
    return given[0]


def _pods(raw: object, kind: str, path: str, place: FieldPath) -> PodPeer:
    if kind == "namespaces":
        return PodPeer(read_selector(raw, path, place), EVERYTHING)
    body = field.mapping(raw, path, place)
    field.only(body, ("namespaceSelector", "podSelector"), path, place)
    return PodPeer(
        read_selector(body.get("namespaceSelector"), f"{path}.namespaceSelector", place),
        read_selector(body.get("podSelector"), f"{path}.podSelector", place),
    )


def _port(raw: Mapping[str, object], path: str, place: FieldPath) -> Iterator[PortRange | NamedPort]:
    """Yield the ports of an entry of ``ports`` (v1alpha1)."""
    kind = _only_one(raw, ("portNumber", "portRange", "namedPort"), path, place)
    at = f"{path}.{kind}"
    if kind == "namedPort":
        yield from _named(raw[kind], at, place)
        return
    body = field.mapping(raw[kind], at, place)
    ends = ("port", "port") if kind == "portNumber" else ("start", "end")
    field.only(body, ("protocol", *dict.fromkeys(ends)), at, place)
    yield _range(read_protocol(body.get("protocol"), f"{at}.protocol", place), body, ends, at, place)


def _protocol(raw: Mapping[str, object], path: str, place: FieldPath) -> Iterator[PortRange | NamedPort]:
    """Yield the ports of an entry of ``protocols`` (v1alpha2, v1beta1)."""
    kind = _only_one(raw, (*_PROTOCOLS, "destinationNamedPort"), path, place)
    at = f"{path}.{kind}"
    if kind == "destinationNamedPort":
        yield from _named(raw[kind], at, place)
        return
    body = field.mapping(raw[kind], at, place)
    kind, protocol = _only_one(body, ("destinationPort",), at, place), _PROTOCOLS[kind]
    at = f"{at}.{kind}"
    port = field.mapping(body[kind], at, place)
    if _only_one(port, ("number", "range"), at, place) == "number":
        yield _range(protocol, port, ("number", "number"), at, place)
        return
    at = f"{at}.range"
    block = field.mapping(port["range"], at, place)
    field.only(block, ("start", "end"), at, place)
    yield _range(protocol, block, ("start", "end"), at, place)


def _named(value: object, path: str, place: FieldPath) -> Iterator[NamedPort]:
    """Yield a named port, which has the protocol that each pod gives it."""
    name = field.text(value, path, place)
    yield from (NamedPort(protocol, name) for protocol in Protocol)


def _range(
    protocol: Protocol, body: Mapping[str, object], ends: tuple[str, str], path: str, place: FieldPath
) -> PortRange:
    numbers: list[int] = []
    for end in ends:
        value = body.get(end)
        if type(value) is not int or not 1 <= value <= MAX_PORT:
            place.fail(f"{path}.{end}", f"{field.shown(value)} is not a port", f"Write 1 to {MAX_PORT}")
        numbers.append(value)
    first, last = numbers
    if last < first:
        place.fail(f"{path}.{ends[1]}", f"{last} is below {first}", "Make it the last port of the range")
    return PortRange(protocol, first, last)
