"""What a change of security groups opens and closes, by asking the naive evaluator about one connection at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from flash_ticket.firewall.bind.environment import Cluster, Environment, Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, RulePeer, VpcFirewall
from flash_ticket.firewall.declare.choices import Attachment, Network
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.endpoint import before_restart
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.mutants.mutations import Compiled
from tests.support.naive.naive_changes import (
    NOBODY,
    Changed,
    Effect,
    Names,
    addresses,
    at,
    firewalled,
    labels,
    named_pods,
    ports,
)
from tests.support.naive.naive_security_groups import Interface, Packet, enters, leaves

_WAYS = (Direction.EGRESS, Direction.INGRESS)


@dataclass(frozen=True)
class _Subject:
    """Something with a network interface: pods by their labels, or anything else by its groups."""

    names: Names
    address: str
    groups: tuple[OwnGroup | Group, ...] = ()
    pods: Mapping[str, str] | None = None
    namespace: str = ""
    node: int = 0

    def interface(self, firewall: VpcFirewall, environment: Environment, home: str) -> Interface:
        if self.pods is None:
            made = (group for group in self.groups if isinstance(group, Group) or group in firewall.groups)
            return Interface(tuple(made), self.address)
        attached = tuple(
            group
            for attachment in firewall.attachments
            for group in attachment.groups
            if (attachment.namespace or home) == self.namespace
            if group in firewall.groups and all(self.pods.get(key) == value for key, value in attachment.pods)
        )
        return Interface(attached or (environment.cluster.nodes[self.node],), self.address)


def group_changes(before: Compiled, after: Compiled) -> Iterator[Changed]:
    """Yield every connection that the VPC layer treats differently."""
    old, new = before.firewall, after.firewall
    differing = set(old.rules) ^ set(new.rules)
    subjects = [
        (each, [_Held.of(each, firewall, before) for firewall in (old, new)]) for each in _subjects(before, after)
    ]
    holders = {rule.holder for rule in differing}
    touched = [
        was.interface.groups != now.interface.groups
        or not holders.isdisjoint((*was.interface.groups, *now.interface.groups))
        for _, (was, now) in subjects
    ]
    near = (rule for rule in {*old.rules, *new.rules} if not differing or rule.holder in holders)
    asked = list(ports((rule.ports.first, rule.ports.last) for rule in near))
    for (one, sources), is_one in zip(subjects, touched, strict=True):
        for (other, destinations), is_other in zip(subjects, touched, strict=True):
            if not (is_one or is_other):
                continue
            for protocol, port in asked:
                was, now = (
                    _passes(source, destination, Packet(source.interface, destination.interface, protocol, port))
                    for source, destination in zip(sources, destinations, strict=True)
                )
                if was != now:
                    effect = Effect.ONE_END if was.through == now.through else Effect.REACHABILITY
                    opened = (now.out and not was.out) or (now.into and not was.into)
                    yield Changed(one.names, other.names, protocol, port, effect, opened=opened)


@dataclass(frozen=True)
class _Held:
    """An interface and the rules of its groups: no other rule decides about it, so each packet looks at these alone."""

    interface: Interface
    egress: tuple[GroupRule, ...]
    ingress: tuple[GroupRule, ...]
    is_ours: bool

    @classmethod
    def of(cls, subject: _Subject, firewall: VpcFirewall, compiled: Compiled) -> "_Held":
        interface = subject.interface(firewall, compiled.environment, compiled.matrix.namespace)
        rules = tuple(rule for rule in firewall.rules if rule.holder in interface.groups)
        egress, ingress = (tuple(rule for rule in rules if rule.direction == way) for way in _WAYS)
        return cls(interface, egress, ingress, any(isinstance(group, OwnGroup) for group in interface.groups))


@dataclass(frozen=True)
class _Passage:
    out: bool
    into: bool
    through: bool


def _passes(source: _Held, target: _Held, packet: Packet) -> _Passage:
    """Return whether our rules allow a packet at each end, and whether it passes as far as we know.

    A group of others can have more rules than ours: such an end counts as open if the other end has a group of ours.
    Between two groups of others, or hosts, the packet passes if either end opens it.
    """
    out, into = leaves(source.egress, packet), enters(target.ingress, packet)
    match source.is_ours, target.is_ours:
        case True, True:
            through = out and into
        case True, False:
            through = out
        case False, True:
            through = into
        case _:
            through = out or into
    return _Passage(out, into, through)


def _subjects(before: Compiled, after: Compiled) -> Iterator[_Subject]:
    environment = before.environment
    here, in_pod = str(environment.vpc_networks[0][9]), str(environment.pod_networks[0][9])
    for names, pod in named_pods(before):
        if pod.namespace in firewalled(before.matrix):
            for node in range(len(environment.cluster.nodes)):
                yield _Subject(names, in_pod, pods=pod.labels, namespace=pod.namespace, node=node)
        else:
            cluster = environment.cluster
            for group in cluster.groups_of_dns if "DNS" in names else cluster.nodes:
                yield _Subject(names, in_pod, (group,))
    for attachment in {*before.firewall.attachments, *after.firewall.attachments}:
        for each in labels({"matchLabels": dict(attachment.pods)}):
            yield _Subject(NOBODY, in_pod, pods=each, namespace=attachment.namespace or before.matrix.namespace)
    yield from _with_groups_of_nodes(before.matrix, environment.cluster, in_pod)
    if Attachment.PODS in environment.cluster.in_use:
        for nodes in environment.cluster.nodes:
            yield _Subject(frozenset({"the kubelet"}), here, (nodes,))
    yield _Subject(NOBODY, here, (Group("sg-strange", "strange"),))
    yield from _outside(before, after)


def _with_groups_of_nodes(matrix: Matrix, cluster: Cluster, address: str) -> Iterator[_Subject]:
    """Yield the pods that share the groups of the nodes while others have groups of their own: the old or the new."""
    if {Attachment.PODS, Attachment.NODES} <= set(cluster.in_use):
        for service in matrix.services:
            name = before_restart(service.name) if cluster.attachment is Attachment.PODS else service.name
            for group in cluster.nodes:
                yield _Subject(frozenset({name}), address, (group,))


def _outside(before: Compiled, after: Compiled) -> Iterator[_Subject]:
    environment = before.environment
    fronts = {front.external for front in environment.load_balancers}
    for name, place in environment.places:
        for group in (OwnGroup(name),) if name in fronts else place.groups:
            yield _Subject(frozenset({name}), str(place.networks[0][0]), (group,))
    rules = (*before.firewall.rules, *after.firewall.rules)
    for address in addresses(environment, [network for rule in rules for network in _networks(rule.peer)]):
        if not any(ip_address(address) in network for network in environment.cluster.resolvers):
            yield _Subject(at(before, address), address)


def _networks(peer: RulePeer) -> tuple[Network, ...]:
    if isinstance(peer, PrefixList):
        return peer.networks
    return () if isinstance(peer, OwnGroup | Group) else (peer,)
