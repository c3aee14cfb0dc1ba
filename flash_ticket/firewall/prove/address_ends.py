"""The ends of a question: an endpoint by its name, or one address or domain name with everything that can have it.

Several places can hold an address, and each is an end of its own: their interfaces can carry different groups. The
answer about such an end is about this address alone, not about every address of the place.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_address

from flash_ticket.firewall.analyse.endpoint_name import find_port
from flash_ticket.firewall.bind.environment import SYMBOLIC_ID
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.bind.symbolic_account import is_symbolic
from flash_ticket.firewall.compile.vpc_layer import Holder as GroupHolder
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.prove.both_layers import ANYWHERE, BothLayers, has_say
from flash_ticket.firewall.prove.endpoint import (
    INTERNET,
    KUBELET,
    NODE_DNS,
    THROUGH_NODE,
    VPC_HOST,
    Endpoint,
    Role,
    any_overlap,
    before_restart,
    pods_with,
    without_shared_group,
)
from flash_ticket.firewall.terms.addresses import AddressRange, Family, canonical_address, is_private
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Layer, Verdict

_THROUGH_NODE = (
    "Ask the groups of the node, or set ENABLE_V4_EGRESS=false on the VPC CNI and cluster.cni.ipv4Egress: none here"
)
_NAME = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?")
_APART = {NODE_DNS, VPC_HOST}
"""Hosts that get an answer of their own: groups do not judge the first, and no place is meant by the second."""


class Holder(StrEnum):
    """What has an address, as somebody has looked it up."""

    POD = "a pod"
    NODE = "a node"
    SERVICE = "a Service"
    INTERFACE = "an interface"


@dataclass(frozen=True, slots=True)
class Held:
    """Who has an address.

    Attributes:
        namespace: The namespace of a pod or a Service.
        name: The name of a pod or a Service.
        labels: The labels of a pod, or the selector of a Service.
        groups: The ids of the groups on an interface; for a group of this program, its label too.
        ports: Each port of a Service with the port of its pods.
    """

    holder: Holder
    namespace: str = ""
    name: str = ""
    labels: Labels = ()
    groups: frozenset[str] = frozenset()
    ports: tuple[tuple[PortRange, int], ...] = ()


@dataclass(frozen=True, slots=True)
class KnownAddresses:
    """Who has which address at one moment, by the address in canonical form; by default, this is unknown."""

    held: Mapping[str, Held] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return whether anybody has looked."""
        return bool(self.held)


@dataclass(frozen=True, slots=True)
class End:
    """One end of a question.

    Attributes:
        words: What answers call it: ``redis``, or ``10.10.20.7 (redis)``.
        name: The endpoint's name, or the address alone.
        endpoint: The endpoint; for an address, with this address alone.
        ports: For the address of a Service, each of its ports with the port of the pods.
    """

    words: str
    name: str
    endpoint: Endpoint
    ports: tuple[tuple[PortRange, int], ...] = ()

    def behind(self, port: PortRange) -> PortRange:
        """Return the port that is called at the pods."""
        found = (target for outside, target in self.ports if outside.covers(port))
        target = next(found, None)
        return port if target is None else PortRange(port.protocol, target, target)


Verdicts = tuple[Verdict, ...]
"""The verdict of each layer that has a say on one connection."""


@dataclass(frozen=True)
class Question:
    """Questions about connections between endpoints and addresses of one environment.

    Attributes:
        layers: Both layers.
        known: Who has which address, if somebody has looked.
    """

    layers: BothLayers
    known: KnownAddresses = field(default_factory=KnownAddresses)

    def answers(self, source: str, destination: str, port: str) -> list[Verdicts]:
        """Return an answer for each pair of ends that the two texts mean; for two names there is one.

        Raises:
            InputError: An end does not exist, both are the same, the port is invalid, or no layer has a say.
        """
        if domain_name(source):
            problem = "it is a domain name, and a connection comes from an address"
            raise InputError(self.layers.environment.name, source, problem, "Name the pod or address that connects")
        if _address(source) is None and _address(destination) is None and not self._is_name(destination):
            return [tuple(self.layers.verdicts(source, destination, port))]
        asked = find_port(port, ANYWHERE)
        calling = self.known.held.get(_address(source) or "")
        if calling and calling.holder is Holder.SERVICE:
            problem = "it is the address of a Service, and no connection comes from one"
            raise InputError(self.layers.environment.name, source, problem, "Name the pod that connects")
        ends = self.ends(source), self.ends(destination)
        is_fourth = AddressRange.of(_address(destination) or "::").family is Family.V4
        if THROUGH_NODE in self.layers.named and is_fourth and any(end.endpoint.workload for end in ends[0]):
            problem = f"pods reach {destination} through their node, where neither policies nor the pods' groups apply"
            raise InputError(self.layers.environment.name, source, problem, _THROUGH_NODE)
        answers = [self.answer(one, other, asked) for one in ends[0] for other in ends[1]]
        found = [answer for answer in answers if any(map(_is_controlled, answer))]
        if not found:
            problem = f"no layer controls connections between it and {destination}"
            raise InputError(self.layers.environment.name, source, problem, "Name a service at one end")
        return found

    def answer(self, source: End, destination: End, port: PortRange) -> Verdicts:
        """Return what each layer says about a port from one end to another."""
        called = destination.behind(port)
        one, other = source.endpoint, destination.endpoint
        found = (self.layers.answer(layer, one, other, called) for layer in Layer if has_say(layer, one, other))
        return tuple(_named(verdict, source, destination) for verdict in found if verdict)

    def ends(self, text: str) -> list[End]:
        """Return what a text means: an endpoint by its name, or everything that can have an address.

        Raises:
            InputError: It is neither.
        """
        address = _address(text)
        if address is None and self._is_name(text):
            return [*self._named(domain_name(text))]
        if address is None:
            return [End(text, text, self.layers.endpoint(text))]
        held = self.known.held.get(address)
        at = AddressRange.of(address)
        if alone := self._alone(at):
            return [End(f"{address} ({alone.name})", address, _at(alone, at))]
        if held and held.holder is Holder.POD:
            return [*self._pods(address, at, held)]
        if held and held.holder is Holder.SERVICE:
            return [*self._behind(address, at, held)]
        return [*self._hosts(address, at, held)]

    def _alone(self, at: AddressRange) -> Endpoint | None:
        """Return the external that alone has an address."""
        for name, place in self.layers.environment.places:
            found = self.layers.named[name]
            if place.occupants is Occupants.ONLY and any_overlap(found.ranges, (at,)):
                return found
        return None

    def _is_name(self, text: str) -> bool:
        return text not in self.layers.named and bool(domain_name(text))

    def _named(self, name: str) -> Iterator[End]:
        """Yield what policies take a domain name for: an external, or the internet."""
        at = self.layers.names.address_of(name)
        for each in self.layers.endpoints:
            if not each.workload and any_overlap(each.ranges, (at,)):
                yield End(f"{name} ({each.name})", name, _at(each, at))

    def unknown(self, *texts: str) -> list[str]:
        """Return what is not known about the addresses among some texts, one line for each."""
        found = []
        for text in texts:
            address = _address(text)
            at = AddressRange.of(address) if address else None
            if at and not self.known and self._may_be_inside(at) and not self._alone(at):
                found.append(
                    f"{address}: it is not known here whether a pod, a node or a Service has this address. "
                    "Give --inventory with the output of flash-firewall inventory, or name the service instead."
                )
        return found

    def _pods(self, address: str, at: AddressRange, held: Held) -> Iterator[End]:
        """Yield the pod at an address; while the attachment changes, it can have either."""
        layers, name = self.layers, f"{held.namespace}/{held.name}"
        found = pods_with(layers.matrix, layers.environment, layers.firewall, held.namespace, held.labels)
        yield End(f"{address} ({_pod(name, self._service(held))})", address, _at(found, at))
        service = self._service(held)
        for other in (before_restart(service), without_shared_group(service)) if service else ():
            if former := layers.named.get(other):
                other_groups = _at(replace(found, groups=former.groups), at)
                yield End(f"{address} ({_pod(name, former.name)})", address, other_groups)

    def _service(self, held: Held) -> str:
        services = self.layers.matrix.services_in(held.namespace)
        return next((each.name for each in services if set(each.pods) <= set(held.labels)), "")

    def _behind(self, address: str, at: AddressRange, held: Held) -> Iterator[End]:
        """Yield the pods behind the address of a Service."""
        layers = self.layers
        found = pods_with(layers.matrix, layers.environment, layers.firewall, held.namespace, held.labels)
        workload = replace(found.workload, cluster_ips=(at,)) if found.workload else None
        words = f"{address} (the Service {held.namespace}/{held.name})"
        yield End(words, address, replace(found, workload=workload), held.ports)

    def _hosts(self, address: str, at: AddressRange, held: Held | None) -> Iterator[End]:
        """Yield every place and host that can have an address."""
        nodes = {group.id for group in self.layers.environment.cluster.nodes}
        if held and (held.holder is Holder.NODE or nodes & held.groups):
            yield from self._node(address, at, " (", ")")
            return
        by_groups = defaultdict[object, list[Endpoint]](list)
        around = [
            each
            for each in self.layers.endpoints
            if not each.workload and each.name != KUBELET and any_overlap(each.ranges, (at,))
        ]
        for each in _fitting(around, held):
            by_groups[each.groups, each.name if each.name in _APART else ""].append(each)
        for alike in by_groups.values():
            yield End(f"{address} ({', '.join(_words(each, at) for each in alike)})", address, _at(alike[0], at))
        if not self.known and self._may_be_inside(at):
            yield from self._node(address, at, ", if it is ", "")
        for name, _ in self.layers.environment.places if not held else ():
            place = self.layers.named[name]
            if _may_be_in(place, at):
                yield End(f"{address}, if it is in {name}", address, place)

    def _node(self, address: str, at: AddressRange, before: str, after: str) -> Iterator[End]:
        """Yield the node with an address, for the pods that run on it and for those that do not."""
        kubelet = self.layers.named.get(KUBELET)
        if kubelet:
            yield End(f"{address}{before}the node of the pod{after}", address, _at(kubelet, at))
        groups = frozenset(self.layers.environment.cluster.nodes)
        another = "another node" if kubelet else "a node"
        host = Endpoint(another, Role.UNDECLARED, None, (at,), groups)
        yield End(f"{address}{before}{another}{after}", address, host)

    def _may_be_inside(self, at: AddressRange) -> bool:
        """Return whether an address can be one of the VPC or of Services."""
        environment = self.layers.environment
        if environment.account == SYMBOLIC_ID and is_private(at):
            return True
        inside = (*environment.vpc_networks, *environment.pod_networks, *environment.cluster.services)
        return any_overlap(map(AddressRange.of_network, inside), (at,))


def domain_name(text: str) -> str:
    """Return a domain name as policies write it; empty if the text is none."""
    found = text.strip().lower().removesuffix(".")
    return found if _NAME.fullmatch(found) else ""


def _address(text: str) -> str | None:
    """Return an address in canonical form; None if the text is none."""
    try:
        ip_address(text.strip())
        return canonical_address(text.strip())
    except ValueError:
        return None


def _words(endpoint: Endpoint, at: AddressRange) -> str:
    return "a host of a private network" if endpoint.name == INTERNET and is_private(at) else endpoint.name


def _may_be_in(place: Endpoint, at: AddressRange) -> bool:
    """Return whether an address may belong to a place, as far as known without the account."""
    return any(map(is_symbolic, place.ranges)) and (place.listed is not None or is_private(at))


def _pod(name: str, service: str) -> str:
    return f"the pod {name}, {service}" if service else f"the pod {name}"


def _at(endpoint: Endpoint, at: AddressRange) -> Endpoint:
    """Return an endpoint with one address alone."""
    workload = replace(endpoint.workload, addresses=(at,), cluster_ips=()) if endpoint.workload else None
    return replace(endpoint, workload=workload, ranges=(at,))


def _fitting(endpoints: list[Endpoint], held: Held | None) -> list[Endpoint]:
    """Return the endpoints that an interface can belong to; all of them if its groups are not known."""
    if not held:
        return endpoints
    by_group = [each for each in endpoints if held.groups & {_known_as(group) for group in each.groups}]
    return by_group or [each for each in endpoints if not each.groups]


def _known_as(group: GroupHolder) -> str:
    return group.label if isinstance(group, OwnGroup) else group.id


def _is_controlled(verdict: Verdict) -> bool:
    """Return whether a layer controls a connection: between hosts without groups, there is nothing to control."""
    return verdict.layer is Layer.POD or bool(verdict.egress.governors or verdict.ingress.governors)


def _named(verdict: Verdict, source: End, destination: End) -> Verdict:
    """Return a verdict with the names of the ends that were asked for."""
    egress = replace(verdict.egress, endpoint=source.name, peer=destination.name)
    ingress = replace(verdict.ingress, endpoint=destination.name, peer=source.name)
    return replace(verdict, source=source.words, destination=destination.words, egress=egress, ingress=ingress)
