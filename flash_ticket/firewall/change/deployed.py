"""What a stack has deployed, in the terms of the compilers, read from the descriptions of both APIs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from flash_ticket.firewall.analyse.cluster import NAME_LABEL as NAMESPACE_NAME
from flash_ticket.firewall.analyse.names.reading import is_for_names, names_in, policy_set
from flash_ticket.firewall.bind.environment import Environment, Group, Place, PrefixList
from flash_ticket.firewall.compile.owner import GROUP_TAG
from flash_ticket.firewall.compile.pod_layer import ANNOTATION_PREFIX, MANAGED_BY, NAME_LABEL
from flash_ticket.firewall.compile.quota import ForeignAttachment
from flash_ticket.firewall.compile.vpc_layer import (
    GroupRule,
    Holder,
    OwnGroup,
    PodAttachment,
    RulePeer,
    VpcFirewall,
)
from flash_ticket.firewall.declare.matrix import External, Labels, Matrix, Service
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import DNS
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol
from flash_ticket.firewall.terms.verdict import Direction

if TYPE_CHECKING:
    from flash_ticket.firewall.declare.choices import Network

Described = Mapping[str, Any]
"""An object as an API describes it: boto3's dictionaries, Kubernetes manifests."""

MANAGER_LABEL = "app.kubernetes.io/managed-by"
_ANY = -1
_PROTOCOL_NUMBERS = {"6": Protocol.TCP, "17": Protocol.UDP, "132": Protocol.SCTP}
"""IANA's protocol numbers: the EC2 API accepts names and numbers for TCP and UDP, but only a number for SCTP."""


TAGS_OF_OTHERS = "TagsOfOthers"
"""The key with the tags that a group of others has, if a deployment takes it over: beside those that it will have."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is deployed now.

    Attributes:
        policies: This program's NetworkPolicies, as manifests.
        foreign_policies: The NetworkPolicies of others in the same namespaces.
        overruling: The names of ClusterNetworkPolicies and, with their kind, of AdminNetworkPolicies.
        attachments: This program's SecurityGroupPolicies, as manifests.
        foreign_attachments: The SecurityGroupPolicies of others in the same namespaces.
        groups: This stack's security groups, as DescribeSecurityGroups returns them.
        rules: This stack's rules in any group, as DescribeSecurityGroupRules returns them.
        flow_logs: This stack's flow logs, as DescribeFlowLogs returns them.
    """

    policies: tuple[Described, ...]
    foreign_policies: tuple[Described, ...]
    overruling: tuple[str, ...]
    attachments: tuple[Described, ...]
    foreign_attachments: tuple[Described, ...]
    groups: tuple[Described, ...]
    rules: tuple[Described, ...]
    flow_logs: tuple[Described, ...] = ()

    @property
    def is_first(self) -> bool:
        """Whether nothing of the firewall is deployed yet."""
        return not (self.policies or self.rules)

    @property
    def crowding(self) -> tuple[ForeignAttachment, ...]:
        """The groups that others attach to pods of our namespaces; they count for the quota of an interface."""
        return tuple(
            ForeignAttachment(
                policy["metadata"]["name"], labels_of(policy["spec"]), _attached(policy), namespace_of(policy)
            )
            for policy in self.foreign_attachments
            if "podSelector" in policy.get("spec", {})
        )

    @property
    def judged(self) -> tuple[Described, ...]:
        """This program's policies, without those for domain names that somebody changed and that cannot be judged now.

        The next update writes them again, and ``verify`` names them.
        """
        return tuple(policy for policy in self.policies if can_be_judged(policy))

    @property
    def group_labels(self) -> dict[str, str]:
        """The service or load balancer of each of this stack's security groups, by the group's id."""
        return {group["GroupId"]: _tag(group, GROUP_TAG) for group in self.groups}

    def layers(self, declared: Matrix, environment: Environment) -> BothLayers:
        """Return both layers as deployed, with the endpoints declared now and the former ones."""
        former = FormerEndpoints(declared, self.judged, self.firewall(environment).rules)
        known = former.environment(environment)
        return BothLayers(former.matrix(), known, self.judged, self.firewall(known))

    def firewall(self, environment: Environment) -> VpcFirewall:
        """Return the VPC layer as deployed."""
        own = {group: OwnGroup(label) for group, label in self.group_labels.items()}
        reader = _RuleReader(environment, {**_existing(environment), **own})
        attachments = tuple(
            PodAttachment(
                policy["metadata"]["name"],
                labels_of(policy.get("spec", {})),
                groups,
                namespace_of(policy),
            )
            for policy in self.attachments
            if (groups := tuple(own[group] for group in _attached(policy) if group in own))
        )
        rules = tuple(rule for described in self.rules for rule in reader.rules(described))
        return VpcFirewall(tuple(sorted(own.values())), rules, attachments)


def own_description(label: str) -> str:
    """Return the description of the groups that this program makes. It contains nothing that can change."""
    return f"Traffic of {label}, by rules of {MANAGED_BY}"


def is_taken_over(group: Described, label: str) -> bool:
    """Return whether others have made a group that belongs to this program: it has their description."""
    return bool(group.get("Description", own_description(label)) != own_description(label))


def can_be_judged(manifest: Described) -> bool:
    """Return whether a policy can be read; each NetworkPolicy can, and one for domain names in the form of ours."""
    if not is_for_names(manifest):
        return True
    try:
        policy_set([manifest], "deployed policies")
    except InputError:
        return False
    return True


def is_ours(manifest: Described) -> bool:
    """Return whether this program created an object of the cluster."""
    return bool(manifest["metadata"].get("labels", {}).get(MANAGER_LABEL) == MANAGED_BY)


def namespace_of(manifest: Described) -> str | None:
    """Return the namespace of an object of the cluster, if its description has one."""
    found: str | None = manifest["metadata"].get("namespace")
    return found


def identity(manifest: Described) -> tuple[str | None, str]:
    """Return the namespace and the name of an object: several namespaces can have objects of one name."""
    return namespace_of(manifest), str(manifest["metadata"]["name"])


def title_of(manifest: Described, home: str) -> str:
    """Return the name of an object, with its namespace before it if this is not the one of the firewall's name."""
    namespace, name = identity(manifest)
    return name if namespace in {None, home} else f"{namespace}/{name}"


@dataclass(frozen=True, slots=True)
class _RuleReader:
    environment: Environment
    groups: Mapping[str, Holder]

    def rules(self, described: Described) -> Iterator[GroupRule]:
        """Yield the rules for a described rule, one for each protocol with ports; protocols like ICMP have none."""
        direction = Direction.EGRESS if described["IsEgress"] else Direction.INGRESS
        holder = self._group(described["GroupId"])
        flows = tuple(described.get("Description", "").split(", "))
        for ports in ports_of(described):
            yield GroupRule(holder, direction, self._peer(described), ports, flows)

    def _group(self, group: str) -> Holder:
        return self.groups.get(group) or Group(group, group)

    def _peer(self, described: Described) -> RulePeer:
        if "ReferencedGroupInfo" in described:
            return self._group(described["ReferencedGroupInfo"]["GroupId"])
        if described.get("PrefixListId"):
            found = described["PrefixListId"]
            known = {each.id: each for each in _prefix_lists(self.environment)}
            return known.get(found) or PrefixList(found, found, 4, 1, ())
        return ip_network(described.get("CidrIpv4") or described["CidrIpv6"])


@dataclass(frozen=True)
class FormerEndpoints:
    """What a deployment shows of endpoints that are no longer declared.

    Attributes:
        declared: The current declaration.
        policies: This program's deployed NetworkPolicies.
        rules: This program's deployed rules.
    """

    declared: Matrix
    policies: tuple[Described, ...]
    rules: tuple[GroupRule, ...]

    def matrix(self) -> Matrix:
        """Return the declared matrix with the former endpoints, but without their flows."""
        services, externals = self._services.values(), (external for external, _ in self._externals)
        return replace(
            self.declared,
            services=(*self.declared.services, *services),
            externals=(*self.declared.externals, *externals),
        )

    def environment(self, bound: Environment) -> Environment:
        """Return the environment with the places of former externals."""
        former = ((external.name, place) for external, place in self._externals if place)
        return replace(bound, places=tuple(sorted((*bound.places, *former), key=lambda named: named[0])))

    @cached_property
    def _services(self) -> dict[str, Service]:
        found: dict[str, Service] = {}
        home = self.declared.namespace
        declared = {service.name: self.declared.namespace_of(service) for service in self.declared.services}
        for policy in self.policies:
            name, namespace = policy["metadata"].get("labels", {}).get(NAME_LABEL), namespace_of(policy) or home
            if name and declared.get(name) != namespace and not is_for_names(policy):
                free = self._free(name, f"in {namespace}" if name in declared else "in the cluster")
                elsewhere = None if namespace == home else namespace
                found[free] = Service(free, labels_of(policy["spec"]), (), "", "", namespace=elsewhere)
        return found

    @cached_property
    def _externals(self) -> tuple[tuple[External, Place | None], ...]:
        known = {*(external.name for external in self.declared.externals), DNS}
        outside = {name: [peer for peer in peers if self._is_outside(peer)] for name, peers in self._peers.items()}
        return tuple(
            self._external(name, peers) for name, peers in sorted(outside.items()) if peers and name not in known
        )

    def _is_outside(self, peer: Described) -> bool:
        """Return whether a peer is neither in the policy's own namespace nor a service in another one."""
        if "namespaceSelector" not in peer:
            return "ipBlock" in peer or bool(names_in(peer))
        return (_namespace_named(peer), labels_of(peer)) not in self._in_namespaces

    @cached_property
    def _in_namespaces(self) -> frozenset[tuple[str, Labels]]:
        """The namespace and labels of each service, declared or former."""
        every = (*self.declared.services, *self._services.values())
        return frozenset((self.declared.namespace_of(each), each.pods) for each in every)

    @cached_property
    def _peers(self) -> dict[str, list[Described]]:
        """The peers of rules by the name of the flow's other end."""
        found: dict[str, list[Described]] = {}
        for policy in self.policies:
            for name, peers in _rules_of(policy):
                found.setdefault(name, []).extend(peer for peer in peers if peer not in found.get(name, ()))
        return found

    def _external(self, name: str, peers: Iterable[Described]) -> tuple[External, Place | None]:
        free = self._free(name, "outside the cluster")
        for peer in peers:
            if "namespaceSelector" in peer:
                return External(free, (), _namespace_named(peer), labels_of(peer)), None
        if names := {name for peer in peers for name in names_in(peer)}:
            return External(free, (), None, (), domains=tuple(sorted(names))), None
        networks: tuple[Network, ...] = tuple(
            ip_network(peer["ipBlock"]["cidr"], strict=False) for peer in peers if "ipBlock" in peer
        )
        ends = {rule.peer for rule in self.rules if name in _other_ends(rule)}
        groups = sorted(end for end in ends if isinstance(end, Group))
        listed = next((replace(end, networks=networks) for end in ends if isinstance(end, PrefixList)), None)
        return External(free, (), None, ()), Place(networks, listed, tuple(groups))

    def _free(self, name: str, where: str) -> str:
        return f"{name} {where}" if name in self.declared.endpoints else name


def labels_of(holder: Described, selector: str = "podSelector") -> Labels:
    """Return the ``matchLabels`` of a selector of an object."""
    return tuple(sorted(holder.get(selector, {}).get("matchLabels", {}).items()))


def _namespace_named(peer: Described) -> str:
    return dict(labels_of(peer, "namespaceSelector")).get(NAMESPACE_NAME, "")


def _rules_of(policy: Described) -> Iterator[tuple[str, list[Described]]]:
    """Yield the flow's other end and the peers of each rule with an annotation."""
    annotations = policy["metadata"].get("annotations", {})
    for direction, side in ((Direction.INGRESS, "from"), (Direction.EGRESS, "to")):
        for index, rule in enumerate(policy["spec"].get(direction.value, ())):
            flow = annotations.get(f"{ANNOTATION_PREFIX}/{direction.value}.{index}", "").partition(" : ")[0]
            source, arrow, target = flow.partition(" -> ")
            if arrow:
                named = [{"toFQDNs": rule["toFQDNs"]}] if "toFQDNs" in rule else []
                yield source if direction is Direction.INGRESS else target, [*rule.get(side, ()), *named]


def _other_ends(rule: GroupRule) -> Iterator[str]:
    """Yield the names that a rule's flows give its peer."""
    for flow in rule.flows:
        source, _, target = flow.partition(" to ")
        yield source if rule.direction is Direction.INGRESS else target.partition(" ")[0]


def ports_of(described: Described) -> Iterator[PortRange]:
    """Yield the ports that a rule opens, as DescribeSecurityGroupRules returns it; none for protocols like ICMP."""
    written, first, last = described["IpProtocol"], described.get("FromPort", _ANY), described.get("ToPort", _ANY)
    if written == str(_ANY):
        yield from (PortRange(protocol, 1, MAX_PORT) for protocol in Protocol)
    for protocol in Protocol:
        if protocol in {written.upper(), _PROTOCOL_NUMBERS.get(written)} and last != 0:
            yield PortRange(protocol, max(first, 1), MAX_PORT if last == _ANY else last)


def _attached(policy: Described) -> tuple[str, ...]:
    return tuple(policy.get("spec", {}).get("securityGroups", {}).get("groupIds", ()))


def _existing(environment: Environment) -> dict[str, Holder]:
    groups = [environment.cluster.group, *environment.cluster.nodes, *environment.cluster.dns_groups]
    groups += [group for _, place in environment.places for group in place.groups]
    return {group.id: group for group in groups}


def _prefix_lists(environment: Environment) -> Iterator[PrefixList]:
    clients = (front.clients for front in environment.load_balancers)
    candidates = [*clients, *(place.prefix_list for _, place in environment.places)]
    return (each for each in candidates if isinstance(each, PrefixList))


def _tag(described: Described, key: str) -> str:
    tags: Iterable[Mapping[str, str]] = described.get("Tags", ())
    return next((tag["Value"] for tag in tags if tag["Key"] == key), str(described["GroupId"]))
