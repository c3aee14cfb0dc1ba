"""What a stack has deployed, in the terms of the compilers: read back from descriptions that the two APIs give."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from flash_ticket.firewall.bind.environment import Environment, Group, LoadBalancer, PrefixList
from flash_ticket.firewall.change.former_endpoint import FormerEndpoints, labels_of
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.compile.quota import ForeignAttachment
from flash_ticket.firewall.compile.vpc_layer import GROUP_TAG, Holder, OwnGroup, Peer, PodAttachment, Rule, VpcFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.both_layers import Layers
from flash_ticket.firewall.terms.direction import Direction
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol

Described = Mapping[str, Any]
"""An object as an API describes it: boto3's dictionaries, Kubernetes manifests."""

_MANAGER_LABEL = "app.kubernetes.io/managed-by"
_ANY = -1
_PROTOCOL_NUMBERS = {"6": Protocol.TCP, "17": Protocol.UDP, "132": Protocol.SCTP}
"""IANA's numbers: the EC2 API names TCP and UDP and takes their numbers too; SCTP it knows by number alone."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What stands now.

    Attributes:
        policies: This program's NetworkPolicies, as manifests.
        foreign_policies: Those of others in the same namespace.
        overruling: The names of ClusterNetworkPolicies, which no NetworkPolicy can contradict.
        attachments: This program's SecurityGroupPolicies, as manifests.
        foreign_attachments: Those of others in the same namespace.
        groups: This stack's security groups, as DescribeSecurityGroups tells them.
        rules: This stack's rules in any group, as DescribeSecurityGroupRules tells them.
        flow_logs: This stack's flow logs, as DescribeFlowLogs tells them.
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
        """Whether nothing of the firewall stands yet."""
        return not (self.policies or self.rules)

    @property
    def crowding(self) -> tuple[ForeignAttachment, ...]:
        """What others put on pods of the namespace, for the count of groups on an interface."""
        return tuple(
            ForeignAttachment(policy["metadata"]["name"], labels_of(policy["spec"]), _attached(policy))
            for policy in self.foreign_attachments
            if "podSelector" in policy.get("spec", {})
        )

    @property
    def group_labels(self) -> dict[str, str]:
        """The services, or the load balancer, that this stack's security groups are of, by the groups' ids."""
        return {group["GroupId"]: _tag(group, GROUP_TAG) for group in self.groups}

    def layers(self, declared: Matrix, environment: Environment) -> Layers:
        """Return both layers as they stand, with all that is declared and all that is declared no longer."""
        former = FormerEndpoints(declared, self.policies, self.firewall(environment).rules)
        known = former.environment(environment)
        return Layers(former.matrix(), known, self.policies, self.firewall(known))

    def firewall(self, environment: Environment) -> VpcFirewall:
        """Return the VPC layer as it stands."""
        own = {group: OwnGroup(label) for group, label in self.group_labels.items()}
        reader = _RuleReader(environment, {**_existing(environment), **own})
        attachments = tuple(
            PodAttachment(
                policy["metadata"]["name"],
                labels_of(policy.get("spec", {})),
                own[group],
            )
            for policy in self.attachments
            for group in _attached(policy)
            if group in own
        )
        rules = tuple(rule for described in self.rules for rule in reader.rules(described))
        return VpcFirewall(tuple(sorted(own.values())), rules, attachments)


def is_ours(manifest: Described) -> bool:
    """Tell whether an object of the cluster was made by this program."""
    return bool(manifest["metadata"].get("labels", {}).get(_MANAGER_LABEL) == MANAGED_BY)


@dataclass(frozen=True, slots=True)
class _RuleReader:
    environment: Environment
    groups: Mapping[str, Holder]

    def rules(self, described: Described) -> Iterator[Rule]:
        """Yield what a described rule opens, for each protocol that has ports; ICMP and the like open none."""
        direction = Direction.EGRESS if described["IsEgress"] else Direction.INGRESS
        holder = self._group(described["GroupId"])
        flows = tuple(described.get("Description", "").split(", "))
        for ports in _ports(described):
            yield Rule(holder, direction, self._peer(described), ports, flows)

    def _group(self, group: str) -> Holder:
        return self.groups.get(group) or Group(group, group)

    def _peer(self, described: Described) -> Peer:
        if "ReferencedGroupInfo" in described:
            return self._group(described["ReferencedGroupInfo"]["GroupId"])
        if described.get("PrefixListId"):
            found = described["PrefixListId"]
            known = {each.id: each for each in _prefix_lists(self.environment)}
            return known.get(found) or PrefixList(found, found, 4, 1, ())
        return ip_network(described.get("CidrIpv4") or described["CidrIpv6"])


def _ports(described: Described) -> Iterator[PortRange]:
    written, first, last = described["IpProtocol"], described.get("FromPort", _ANY), described.get("ToPort", _ANY)
    if written == str(_ANY):
        yield from (PortRange(protocol, 1, MAX_PORT) for protocol in Protocol)
    for protocol in Protocol:
        if protocol in {written.upper(), _PROTOCOL_NUMBERS.get(written)} and last != 0:
            yield PortRange(protocol, max(first, 1), MAX_PORT if last == _ANY else last)


def _attached(policy: Described) -> tuple[str, ...]:
    return tuple(policy.get("spec", {}).get("securityGroups", {}).get("groupIds", ()))


def _existing(environment: Environment) -> dict[str, Holder]:
    groups = [environment.cluster.group, environment.cluster.nodes]
    groups += [group for _, place in environment.places for group in place.groups]
    return {group.id: group for group in groups}


def _prefix_lists(environment: Environment) -> Iterator[PrefixList]:
    front: LoadBalancer = environment.load_balancer
    candidates = [front.clients, *(place.prefix_list for _, place in environment.places)]
    return (each for each in candidates if isinstance(each, PrefixList))


def _tag(described: Described, key: str) -> str:
    tags: Iterable[Mapping[str, str]] = described.get("Tags", ())
    return next((tag["Value"] for tag in tags if tag["Key"] == key), str(described["GroupId"]))
