"""The VPC layer compiled: from the matrix to security groups, their rules, and their attachments to pods.

All pods of the namespace carry one more group beside their service's own. It holds what all share: the way to DNS.
Rules in groups of others name it instead of each service, so their number does not grow with the services.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.bind.environment import Environment, Group, Place, PrefixList
from flash_ticket.firewall.compile.coarsening import FAMILIES, Crowd, Entry, Joined, room
from flash_ticket.firewall.compile.vpc_layer import (
    Coarse,
    GroupRule,
    Holder,
    OwnGroup,
    PodAttachment,
    RulePeer,
    VpcFirewall,
    group_of_all_pods,
    label_of,
)
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import Attachment, Coarsening
from flash_ticket.firewall.declare.matrix import External, Flow, Matrix, Service
from flash_ticket.firewall.terms.input_error import InputError, refuse_all, shown
from flash_ticket.firewall.terms.ports import DNS_PORTS, MAX_PORT, PortRange
from flash_ticket.firewall.terms.verdict import Direction

_NAME_LIMIT = 256
"""The maximum length of the value of a tag (EC2 user guide, "Tag your Amazon EC2 resources")."""


_REFUSED_IN_DESCRIPTIONS = re.compile(r"[^a-zA-Z0-9 ._:/()#@\[\]+=&;{}!$*-]")
"""All but the characters that a rule's description may have (EC2 API reference, IpRange), without the comma, which
separates flows."""

_REASON_LIMIT = 100
"""The longest reason in a description, which also names the flow."""


def _reason(because: str) -> str:
    """Return the reason of a flow for a description; empty if EC2 does not accept its letters, such as Korean ones."""
    if any(each.isalpha() and not each.isascii() for each in because):
        return ""
    words = " ".join(_REFUSED_IN_DESCRIPTIONS.sub(" ", because).split())
    return f" ({words[:_REASON_LIMIT].rstrip()})" if words else ""


def compile_groups(matrix: Matrix, environment: Environment, standing: Iterable[GroupRule] = ()) -> VpcFirewall:
    """Return the groups and rules that allow the matrix's flows, with probes and DNS for the pods.

    They allow exactly that at each end, with two exceptions. Nodes may send to pods with our groups on every port,
    because these groups decide. And a group whose exact rules exceed AWS's quota gets coarser ones, if the binding does
    not say ``coarsen: never``.

    Args:
        matrix: The declaration.
        environment: The places of its names.
        standing: The deployed rules, which still exist while a deployment creates the new ones.

    Raises:
        InputError: The names of services and externals would give two rules the same name, or the name of a group
            would make that of a rule too long.
    """
    compiler = _GroupCompiler(matrix, environment)
    fixed, exact = _merged(compiler.fixed()), _merged(compiler.of_flows())
    for key in fixed.keys() & exact.keys():
        fixed[key] |= exact.pop(key)
    rules, coarse = _Sizes(compiler, fixed, exact, tuple(standing)).rules()
    refuse_all(_long_names(environment, rules))
    attachments = compiler.attachments()
    groups = {OwnGroup(name) for name in environment.fronts}
    if compiler.every:
        groups |= {compiler.every, *(OwnGroup(service.name) for service in matrix.services)}
    return VpcFirewall(tuple(sorted(groups)), _by_name(rules), attachments, coarse)


_Entries = dict[Entry[RulePeer], None]
_RuleKey = tuple[Holder, Direction, RulePeer, PortRange]
_Purposes = dict[_RuleKey, set[str]]


def _merged(rules: Iterable[GroupRule]) -> _Purposes:
    found: _Purposes = {}
    for rule in rules:
        found.setdefault((rule.holder, rule.direction, rule.peer, rule.ports), set()).update(rule.flows)
    return found


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The rules of all groups, made fit for AWS's quotas.

    Attributes:
        fixed: The rules that stay as they are, with their purposes.
        exact: The rules of flows and probes, which the pod layer decides, too.
    """

    compiler: "_GroupCompiler"
    fixed: _Purposes
    exact: _Purposes
    standing: tuple[GroupRule, ...]

    def rules(self) -> tuple[list[GroupRule], tuple[Coarse, ...]]:
        """Return the rules, and where they are coarse."""
        rules = [_rule(key, flows) for key, flows in self.fixed.items()]
        coarse: list[Coarse] = []
        fixed, standing = _by_place(self.fixed), _by_place(_key(rule) for rule in self.standing)
        for (holder, direction), found in _by_place(self.exact).items():
            kept = fixed.get((holder, direction), {})
            crowd = self._crowd(holder, direction, found, kept, standing.get((holder, direction), {}))
            made: list[str] = []
            for entry, stands_for in crowd.joined() if crowd else _alone(found):
                flows = set[str]().union(*(self.exact[holder, direction, *each] for each in stands_for))
                rule = _rule((holder, direction, *entry), flows)
                rules.append(rule)
                if stands_for != (entry,):
                    made.append(rule.name)
            if made:
                coarse.append(Coarse(holder, direction, len(found) + len(kept), tuple(sorted(made))))
        return rules, tuple(sorted(coarse, key=lambda each: (each.holder.label, each.direction)))

    def _crowd(
        self, holder: Holder, direction: Direction, exact: _Entries, fixed: _Entries, standing: _Entries
    ) -> Crowd[RulePeer] | None:
        compiler, quotas = self.compiler, self.compiler.environment.quotas
        if quotas.coarsen is Coarsening.NEVER:
            return None
        foreign = {(way, family): count for way, family, count in getattr(holder, "foreign_rules", ())}
        return Crowd(
            tuple(exact),
            frozenset(fixed),
            {family: quotas.rules_per_group - foreign.get((direction.value, family), 0) for family in FAMILIES},
            room(quotas.rules_per_group),
            compiler.every,
            compiler.joinable,
            len(compiler.matrix.services),
            frozenset(compiler.environment.cluster.nodes),
            label_of,
            frozenset(standing),
        )


def _by_place(keys: Iterable[_RuleKey]) -> dict[tuple[Holder, Direction], _Entries]:
    found: dict[tuple[Holder, Direction], _Entries] = {}
    for holder, direction, peer, ports in keys:
        found.setdefault((holder, direction), {})[Entry(peer, ports)] = None
    return found


def _alone(entries: _Entries) -> Iterator[Joined[RulePeer]]:
    return (Joined(entry, (entry,)) for entry in entries)


def _key(rule: GroupRule) -> _RuleKey:
    return rule.holder, rule.direction, rule.peer, rule.ports


def _rule(key: _RuleKey, flows: Iterable[str]) -> GroupRule:
    return GroupRule(*key, tuple(sorted(flows)))


def _long_names(environment: Environment, rules: Iterable[GroupRule]) -> Iterator[InputError]:
    """Yield a mistake for each group of others whose name is too long for the names of the rules about it."""
    reported: set[Group] = set()
    for rule in rules:
        ends = [end for end in (rule.holder, rule.peer) if isinstance(end, Group)]
        longest = max(ends, key=lambda end: len(end.label), default=None)
        if longest and longest not in reported and len(rule.name) > _NAME_LIMIT:
            reported.add(longest)
            yield InputError(
                stack_file(environment.name),
                f"{BINDING_KEY}.{_key_of(environment, longest)}",
                f"the name of the security group {shown(longest.label)} has {len(longest.label)} characters, so a rule "
                f"about it would have a Name of {len(rule.name)}, and EC2 allows {_NAME_LIMIT}",
                "Use a group with a shorter name, or shorten the names of services in traffic.yaml",
            )


def _key_of(environment: Environment, group: Group) -> str:
    """Return the key of a group in the binding."""
    cluster = environment.cluster
    if group in cluster.nodes:
        return "cluster.nodes"
    if group in cluster.groups_of_dns:
        return "cluster.dns.groups" if group in cluster.dns_groups else "cluster.name"
    return next((f"places.{name}.groups" for name, place in environment.places if group in place.groups), "places")


def _by_name(rules: Iterable[GroupRule]) -> tuple[GroupRule, ...]:
    named: dict[str, GroupRule] = {}
    for rule in rules:
        other = named.setdefault(rule.name, rule)
        if other is not rule:
            raise InputError(
                "traffic.yaml",
                "",
                f"a rule of the security group {other.holder.label} and one of {rule.holder.label} would both be named "
                f"{rule.name}",
                "Rename a service or external whose name reads like a rule's",
            )
    return tuple(named[name] for name in sorted(named))


@dataclass(frozen=True)
class _GroupCompiler:
    matrix: Matrix
    environment: Environment

    @cached_property
    def every(self) -> OwnGroup | None:
        """The group that the pods of all services carry; None if no pods have groups of ours."""
        return group_of_all_pods(self.matrix.namespace) if self._on_pods else None

    @cached_property
    def joinable(self) -> frozenset[RulePeer]:
        """The groups of services whose pods all carry that group, too."""
        services = {service.name for service in self.matrix.services} - self.environment.waiting
        return frozenset(OwnGroup(name) for name in services if self._on_pods)

    def attachments(self) -> tuple[PodAttachment, ...]:
        if self.environment.cluster.attachment is Attachment.NODES or self.every is None:
            return ()
        return tuple(
            PodAttachment(each.name, each.pods, (OwnGroup(each.name), self.every), each.namespace)
            for each in self._services
        )

    def fixed(self) -> Iterator[GroupRule]:
        """Yield the rules for the load balancer's clients, and those that all pods share."""
        yield from self._clients()
        yield from self._dns()
        if self.every:
            purpose = f"kubelet probes to the pods of {self.matrix.namespace}"
            for protocol in sorted({port.protocol for service in self._services for port in service.ports}):
                for nodes in self.environment.cluster.nodes:
                    yield GroupRule(nodes, Direction.EGRESS, self.every, PortRange(protocol, 1, MAX_PORT), (purpose,))

    def of_flows(self) -> Iterator[GroupRule]:
        """Yield the rules of flows and probes, without those that a rule for all pods includes."""
        joinable, nodes = self.joinable, self.environment.cluster.nodes
        for rule in self._of_flows_and_probes():
            if rule.holder not in nodes or rule.direction is Direction.INGRESS or rule.peer not in joinable:
                yield rule

    def _of_flows_and_probes(self) -> Iterator[GroupRule]:
        for flow in self.matrix.flows:
            yield from self._flow(flow)
        for service in self._services:
            yield from self._probes(service.name, service.ports)

    @property
    def _services(self) -> tuple[Service, ...]:
        return self.matrix.services

    @property
    def _on_pods(self) -> bool:
        return Attachment.PODS in self.environment.cluster.in_use

    def _clients(self) -> Iterator[GroupRule]:
        for name, front in self.environment.fronts.items():
            peers: tuple[RulePeer, ...] = (front.clients,) if isinstance(front.clients, PrefixList) else front.clients
            for peer in peers:
                for port in front.listeners:
                    yield GroupRule(OwnGroup(name), Direction.INGRESS, peer, port, (f"clients to {name}",))

    def _flow(self, flow: Flow) -> Iterator[GroupRule]:
        purpose = f"{flow.source} to {flow.target}{_reason(flow.because)}"
        for source in self._interfaces(flow.source):
            for target in self._interfaces(flow.target):
                for port in flow.ports:
                    yield from _both_ends(source, target, port, purpose)

    def _probes(self, service: str, ports: tuple[PortRange, ...]) -> Iterator[GroupRule]:
        if not self._on_pods:
            return  # a kubelet reaches the pods of its own node without crossing a network interface
        for port in ports:
            for nodes in self.environment.cluster.nodes:
                yield from _both_ends(nodes, OwnGroup(service), port, f"kubelet probes to {service}")

    def _dns(self) -> Iterator[GroupRule]:
        cluster = self.environment.cluster
        sources: dict[Holder, str] = {}
        if self.every:
            waiting = (each.name for each in self._services if each.name in self.environment.waiting)
            sources = {OwnGroup(name): f"{name} to DNS" for name in waiting}
            sources[self.every] = f"the pods of {self.matrix.namespace} to DNS"
        if Attachment.NODES in cluster.in_use:
            sources |= dict.fromkeys(cluster.nodes, f"the pods of {self.matrix.namespace} to DNS")
        for source, purpose in sources.items():
            for target in cluster.groups_of_dns:
                for port in DNS_PORTS:
                    yield from _both_ends(source, target, port, purpose)

    def _interfaces(self, name: str) -> tuple[RulePeer, ...]:
        """Return the peers that match an endpoint's network interfaces in rules."""
        endpoint = self.matrix.endpoints[name]
        if name in self.environment.fronts:
            return (OwnGroup(name),)
        if not isinstance(endpoint, External):
            nodes: tuple[RulePeer, ...] = self.environment.cluster.nodes
            by_attachment = {Attachment.PODS: (OwnGroup(name),), Attachment.NODES: nodes}
            return tuple(peer for each in self.environment.cluster.in_use for peer in by_attachment[each])
        if endpoint.namespace is not None:
            return self.environment.cluster.nodes  # pods without a SecurityGroupPolicy use the node's groups
        return self.environment.anywhere if endpoint.domains else _at(self.environment.place(name))


def _at(place: Place) -> tuple[RulePeer, ...]:
    if place.stays_on_node:
        return ()
    if place.groups:
        return place.groups
    return (place.prefix_list,) if place.prefix_list else place.networks


def _both_ends(source: RulePeer, target: RulePeer, port: PortRange, purpose: str) -> Iterator[GroupRule]:
    """Yield a rule for each end that has a group; replies need no rule, because groups are stateful."""
    if isinstance(source, Holder):
        yield GroupRule(source, Direction.EGRESS, target, port, (purpose,))
    if isinstance(target, Holder):
        yield GroupRule(target, Direction.INGRESS, source, port, (purpose,))
