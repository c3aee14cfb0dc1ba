"""The VPC layer: the matrix compiled to security groups, their rules, and their attachments to pods.

Groups refer to each other only in separate rules, so that there is no cycle and a new flow replaces nothing. Existing
groups (datastores, nodes, cluster) get rules, but the program does not own them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import Attachment, Network
from flash_ticket.firewall.declare.matrix import External, Flow, Labels, Matrix
from flash_ticket.firewall.terms.input_error import InputError, refuse_all, shown
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange
from flash_ticket.firewall.terms.verdict import Direction

_NAME_LIMIT = 256
"""The maximum length of the value of a tag (EC2 user guide, "Tag your Amazon EC2 resources")."""

_DESCRIPTION_LIMIT = 255
"""The maximum length of a rule's description (EC2 API reference, IpRange and UserIdGroupPair)."""


@dataclass(frozen=True, slots=True, order=True)
class OwnGroup:
    """A security group that this program creates, for the load balancer or for a service."""

    label: str


Holder = OwnGroup | Group
RulePeer = OwnGroup | Group | PrefixList | Network


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One rule of one security group.

    Attributes:
        holder: The group of the rule.
        peer: The source (ingress) or destination (egress) of the allowed connections.
        flows: The flows that need the rule, sorted: ``api to redis``.
        id_of_others: The id of a rule of others; empty for a rule of this program.
    """

    holder: Holder
    direction: Direction
    peer: RulePeer
    ports: PortRange
    flows: tuple[str, ...]
    id_of_others: str = ""

    @property
    def name(self) -> str:
        """A unique name that says what the rule allows, such as ``api-egress-tcp-4000-to-pay``."""
        if self.id_of_others:
            return self.id_of_others
        side = "from" if self.direction is Direction.INGRESS else "to"
        protocol = self.ports.protocol.lower()
        return f"{self.holder.label}-{self.direction}-{protocol}-{self.ports.numbers}-{side}-{label_of(self.peer)}"

    @property
    def description(self) -> str:
        """The rule's flows, shortened to the maximum length of a description."""
        words = ", ".join(self.flows)
        if len(words) <= _DESCRIPTION_LIMIT:
            return words
        return f"{self.flows[0]} and {len(self.flows) - 1} more"


@dataclass(frozen=True, slots=True)
class PodAttachment:
    """The group of a service's pods (a SecurityGroupPolicy, vpcresources.k8s.aws/v1beta1)."""

    service: str
    pods: Labels
    group: OwnGroup

    def manifest(self, namespace: str, group_id: object) -> dict[str, Any]:
        """Return the object for the API server.

        Args:
            namespace: The namespace of the pods.
            group_id: The id of the group, ``sg-...``, or what Pulumi replaces with it.
        """
        labels = {"app.kubernetes.io/managed-by": MANAGED_BY, "app.kubernetes.io/part-of": namespace}
        return {
            "apiVersion": "vpcresources.k8s.aws/v1beta1",
            "kind": "SecurityGroupPolicy",
            "metadata": {"name": self.service, "namespace": namespace, "labels": labels},
            "spec": {
                "podSelector": {"matchLabels": dict(self.pods)},
                "securityGroups": {"groupIds": [group_id]},
            },
        }


@dataclass(frozen=True, slots=True)
class VpcFirewall:
    """The compiled VPC layer, sorted by name."""

    groups: tuple[OwnGroup, ...]
    rules: tuple[GroupRule, ...]
    attachments: tuple[PodAttachment, ...]


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


def label_of(peer: RulePeer) -> str:
    """Return the name of a peer in rule names and messages."""
    if isinstance(peer, Network):
        return str(peer)
    # Only AWS's own lists have unique names that never change (VPC User Guide, "Managed prefix lists").
    if isinstance(peer, PrefixList) and not peer.label.startswith("com.amazonaws."):
        return peer.id
    return peer.label


def compile_groups(matrix: Matrix, environment: Environment) -> VpcFirewall:
    """Return the groups and rules that allow exactly the matrix's flows, with probes and DNS for the pods.

    Raises:
        InputError: The names of services and externals would give two rules the same name, or the name of a group
            would make that of a rule too long.
    """
    compiler = _GroupCompiler(matrix, environment)
    merged: dict[tuple[Holder, Direction, RulePeer, PortRange], set[str]] = {}
    for rule in compiler.rules():
        merged.setdefault((rule.holder, rule.direction, rule.peer, rule.ports), set()).update(rule.flows)
    rules = [GroupRule(*what, tuple(sorted(flows))) for what, flows in merged.items()]
    refuse_all(_long_names(environment, rules))
    attachments = compiler.attachments()
    groups = {OwnGroup(environment.load_balancer.external)}
    if Attachment.PODS in environment.cluster.in_use:
        groups |= {OwnGroup(service.name) for service in matrix.services}
    return VpcFirewall(tuple(sorted(groups)), _by_name(rules), attachments)


def _long_names(environment: Environment, rules: Iterable[GroupRule]) -> Iterator[InputError]:
    """Yield a mistake for each group of others whose name is too long for the names of the rules about it."""
    told: set[Group] = set()
    for rule in rules:
        ends = [end for end in (rule.holder, rule.peer) if isinstance(end, Group)]
        longest = max(ends, key=lambda end: len(end.label), default=None)
        if longest and longest not in told and len(rule.name) > _NAME_LIMIT:
            told.add(longest)
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
    if group == cluster.nodes:
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


@dataclass(frozen=True, slots=True)
class _GroupCompiler:
    matrix: Matrix
    environment: Environment

    def attachments(self) -> tuple[PodAttachment, ...]:
        if self.environment.cluster.attachment is Attachment.NODES:
            return ()
        return tuple(PodAttachment(each.name, each.pods, OwnGroup(each.name)) for each in self.matrix.services)

    def rules(self) -> Iterator[GroupRule]:
        yield from self._clients()
        for flow in self.matrix.flows:
            yield from self._flow(flow)
        for service in self.matrix.services:
            yield from self._probes(service.name, service.ports)
            yield from self._dns(service.name)

    def _clients(self) -> Iterator[GroupRule]:
        front = self.environment.load_balancer
        peers: tuple[RulePeer, ...] = (front.clients,) if isinstance(front.clients, PrefixList) else front.clients
        for peer in peers:
            for port in front.listeners:
                purpose = (f"clients to {front.external}",)
                yield GroupRule(OwnGroup(front.external), Direction.INGRESS, peer, port, purpose)

    def _flow(self, flow: Flow) -> Iterator[GroupRule]:
        purpose = f"{flow.source} to {flow.target}{_reason(flow.because)}"
        for source in self._interfaces(flow.source):
            for target in self._interfaces(flow.target):
                for port in flow.ports:
                    yield from _both_ends(source, target, port, purpose)

    def _probes(self, service: str, ports: tuple[PortRange, ...]) -> Iterator[GroupRule]:
        if Attachment.PODS not in self.environment.cluster.in_use:
            return  # a kubelet reaches the pods of its own node without crossing a network interface
        for port in ports:
            yield from _both_ends(
                self.environment.cluster.nodes, OwnGroup(service), port, f"kubelet probes to {service}"
            )

    def _dns(self, service: str) -> Iterator[GroupRule]:
        for source in self._interfaces(service):
            for target in self.environment.cluster.groups_of_dns:
                for port in DNS_PORTS:
                    yield from _both_ends(source, target, port, f"{service} to DNS")

    def _interfaces(self, name: str) -> tuple[RulePeer, ...]:
        """Return the peers that match an endpoint's network interfaces in rules."""
        endpoint = self.matrix.endpoints[name]
        if name == self.environment.load_balancer.external:
            return (OwnGroup(name),)
        if not isinstance(endpoint, External):
            cluster = self.environment.cluster
            return tuple(OwnGroup(name) if each is Attachment.PODS else cluster.nodes for each in cluster.in_use)
        if endpoint.namespace is not None:
            return (self.environment.cluster.nodes,)  # pods without a SecurityGroupPolicy use the node's groups
        place = self.environment.place(name)
        if place.groups:
            return place.groups
        return (place.prefix_list,) if place.prefix_list else place.networks


def _both_ends(source: RulePeer, target: RulePeer, port: PortRange, purpose: str) -> Iterator[GroupRule]:
    """Yield a rule for each end that has a group; replies need no rule, because groups are stateful."""
    if isinstance(source, Holder):
        yield GroupRule(source, Direction.EGRESS, target, port, (purpose,))
    if isinstance(target, Holder):
        yield GroupRule(target, Direction.INGRESS, source, port, (purpose,))
