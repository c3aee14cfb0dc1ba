"""NetworkPolicy objects as values (Kubernetes API reference, networking.k8s.io/v1 NetworkPolicy)."""

from collections.abc import Mapping
from dataclasses import dataclass

from flash_ticket.firewall.analyse.label_selector import Selector, read_selector
from flash_ticket.firewall.analyse.manifests import fields as field
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.analyse.workload import Workload, read_protocol
from flash_ticket.firewall.terms.addresses import AddressRange, without
from flash_ticket.firewall.terms.ports import ALL_PORTS, MAX_PORT, PortRange, PortSet, Protocol
from flash_ticket.firewall.terms.verdict import Direction


@dataclass(frozen=True, slots=True)
class PodPeer:
    """The pods that a rule's peer selects.

    Attributes:
        namespaces: Selects their namespaces; None means the policy's own namespace.
        pods: Selects the pods there.
    """

    namespaces: Selector | None
    pods: Selector


@dataclass(frozen=True, slots=True)
class AddressPeer:
    """The addresses of a rule's peer: an ipBlock without its exceptions, as sorted ranges."""

    ranges: tuple[AddressRange, ...]


Peer = PodPeer | AddressPeer


@dataclass(frozen=True, slots=True, order=True)
class NamedPort:
    """A container port by its name: each pod decides the number, and an address has none."""

    protocol: Protocol
    name: str


@dataclass(frozen=True, slots=True)
class RulePorts:
    """The ports of a rule.

    Attributes:
        numbered: The ports given by number; all ports for a rule without ports.
        named: The ports that each destination pod resolves.
    """

    numbered: PortSet
    named: tuple[NamedPort, ...] = ()

    def on(self, workload: Workload) -> PortSet:
        """Return the ports of the rule for a destination pod of this workload."""
        if not self.named:
            return self.numbered
        return self.numbered | PortSet.of(
            PortRange(port.protocol, number, number)
            for port in self.named
            for number in workload.numbers_of(port.name, port.protocol)
        )


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One entry of ``ingress`` or ``egress``.

    Attributes:
        index: Its index in the list, from 0.
        peers: The allowed peers; None for every peer, inside and outside the cluster.
        ports: The ports of the destination.
    """

    index: int
    peers: tuple[Peer, ...] | None
    ports: RulePorts


@dataclass(frozen=True, slots=True)
class Policy:
    """One NetworkPolicy.

    Attributes:
        namespace: The namespace of the policy and of the pods it can select.
        name: Its name, unique in the namespace.
        source: The file that contains it.
        pods: Selects pods of the namespace.
        rules: By direction. The policy does not restrict a missing direction; a direction without rules is closed.
    """

    namespace: str
    name: str
    source: str
    pods: Selector
    rules: Mapping[Direction, tuple[PolicyEntry, ...]]

    def __str__(self) -> str:
        """Return ``shop/allow-api``."""
        return f"{self.namespace}/{self.name}"


_SECTIONS = {Direction.INGRESS: ("ingress", "from"), Direction.EGRESS: ("egress", "to")}
_TYPES = {direction.policy_type: direction for direction in Direction}


def read_policy(body: Mapping[str, object], namespace: str, name: str, place: FieldPath) -> Policy:
    """Return the policy that an object declares.

    Raises:
        InputError: The API server would refuse the object or drop one of its fields.
    """
    spec = field.mapping(body.get("spec"), "spec", place)
    field.only(spec, ("podSelector", "policyTypes", "ingress", "egress"), "spec", place)
    rules: dict[Direction, tuple[PolicyEntry, ...]] = {}
    declared = _directions(spec, place)
    for direction, (section, peers) in _SECTIONS.items():
        entries = field.mappings(spec.get(section), f"spec.{section}", place)
        read = tuple(_rule(index, entry, peers, at, place) for index, (at, entry) in enumerate(entries))
        if direction in declared:
            rules[direction] = read
    pods = read_selector(spec.get("podSelector"), "spec.podSelector", place)
    return Policy(namespace, name, place.source, pods, rules)


def _directions(spec: Mapping[str, object], place: FieldPath) -> set[Direction]:
    written = field.items(spec.get("policyTypes"), "spec.policyTypes", place)
    if not written:
        return {Direction.INGRESS, Direction.EGRESS} if spec.get("egress") else {Direction.INGRESS}
    found: set[Direction] = set()
    for index, entry in enumerate(written):
        path = f"spec.policyTypes[{index}]"
        direction = _TYPES.get(field.text(entry, path, place))
        if direction is None:
            place.fail(path, f"unknown policy type {field.shown(entry)}", "Use Ingress or Egress")
        found.add(direction)
    return found


def _rule(index: int, raw: Mapping[str, object], peers: str, path: str, place: FieldPath) -> PolicyEntry:
    field.only(raw, (peers, "ports"), path, place)
    found = tuple(_peer(entry, at, place) for at, entry in field.mappings(raw.get(peers), f"{path}.{peers}", place))
    return PolicyEntry(index, found or None, _ports(raw.get("ports"), f"{path}.ports", place))


def _peer(raw: Mapping[str, object], path: str, place: FieldPath) -> Peer:
    field.only(raw, ("podSelector", "namespaceSelector", "ipBlock"), path, place)
    block, pods, namespaces = raw.get("ipBlock"), raw.get("podSelector"), raw.get("namespaceSelector")
    if block is not None:
        if pods is not None or namespaces is not None:
            place.fail(path, "an ipBlock together with a selector", "Write them as two peers")
        return _addresses(field.mapping(block, f"{path}.ipBlock", place), f"{path}.ipBlock", place)
    if pods is None and namespaces is None:
        place.fail(path, "this peer selects nothing", "Give it a podSelector, a namespaceSelector or an ipBlock")
    return PodPeer(
        None if namespaces is None else read_selector(namespaces, f"{path}.namespaceSelector", place),
        read_selector(pods, f"{path}.podSelector", place),
    )


def _addresses(raw: Mapping[str, object], path: str, place: FieldPath) -> AddressPeer:
    field.only(raw, ("cidr", "except"), path, place)
    block = read_cidr(raw.get("cidr"), f"{path}.cidr", place)
    holes: list[AddressRange] = []
    for index, entry in enumerate(field.items(raw.get("except"), f"{path}.except", place)):
        at = f"{path}.except[{index}]"
        hole = read_cidr(entry, at, place)
        if not block.covers(hole) or hole == block:
            place.fail(at, f"{entry} is not a strict part of {raw['cidr']}", "List only addresses within the cidr")
        holes.append(hole)
    return AddressPeer(without(block, holes))


def read_cidr(value: object, path: str, place: FieldPath) -> AddressRange:
    """Return the addresses of a CIDR.

    Raises:
        InputError: The value is not a CIDR.
    """
    written = field.text(value, path, place)
    try:
        if not written.partition("/")[2].isdigit():
            raise ValueError  # noqa: TRY301  # one message for every way to get it wrong
        return AddressRange.of(written)
    except ValueError:
        place.fail(path, f"{written!r} is not a CIDR", "Write one such as 10.0.0.0/8 or 2001:db8::/32")


def _ports(raw: object, path: str, place: FieldPath) -> RulePorts:
    entries = list(field.mappings(raw, path, place))
    if not entries:
        return RulePorts(ALL_PORTS)
    numbered: list[PortRange] = []
    named: set[NamedPort] = set()
    for at, entry in entries:
        field.only(entry, ("protocol", "port", "endPort"), at, place)
        protocol = read_protocol(entry.get("protocol"), f"{at}.protocol", place)
        port, end = entry.get("port"), entry.get("endPort")
        if isinstance(port, str):
            if end is not None:
                place.fail(f"{at}.endPort", "an endPort together with a named port", "Give the port by number")
            if not any(map(str.isalpha, port)):  # the API server requires a letter, so that no name looks like a number
                place.fail(f"{at}.port", f"{field.shown(port)} is not a port name", "Write a number without quotes")
            named.add(NamedPort(protocol, port))
        else:
            numbered.append(_range(protocol, port, end, at, place))
    return RulePorts(PortSet.of(numbered), tuple(sorted(named)))


def _range(protocol: Protocol, port: object, end: object, path: str, place: FieldPath) -> PortRange:
    if port is None:
        if end is not None:
            place.fail(f"{path}.endPort", "an endPort without a port", "Give the first port too")
        return PortRange(protocol, 1, MAX_PORT)
    first = _number(port, f"{path}.port", place)
    last = first if end is None else _number(end, f"{path}.endPort", place)
    if last < first:
        place.fail(f"{path}.endPort", f"{last} is below the port {first}", "Make it the last port of the range")
    return PortRange(protocol, first, last)


def _number(value: object, path: str, place: FieldPath) -> int:
    if type(value) is not int or not 1 <= value <= MAX_PORT:
        place.fail(path, f"{field.shown(value)} is not a port", f"Write 1 to {MAX_PORT}")
    return value
