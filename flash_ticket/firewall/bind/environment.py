"""One environment with a place for every name: the compilers' second input, next to the matrix."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_network

from flash_ticket.firewall.analyse.enforcement import Enforcement
from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog, FlowLogSettings
from flash_ticket.firewall.bind.known_places import Occupants, PodsOfPlace
from flash_ticket.firewall.declare.choices import (
    Attachment,
    ClientAddresses,
    CniName,
    Coarsening,
    Compute,
    DnsMode,
    EnforcingMode,
    IpBlockEnd,
    Ipv4Egress,
    KubeProxyMode,
    LoadBalancerGroup,
    LoadBalancerKind,
    LogDestination,
    Network,
    PodEniMode,
    PodLayerOwner,
    Protection,
)
from flash_ticket.firewall.declare.sections.alerts import Alerting
from flash_ticket.firewall.declare.sections.cluster import Cilium
from flash_ticket.firewall.declare.sections.guard_rails import GuardRailChoice
from flash_ticket.firewall.terms.addresses import AddressRange, Family, stay_on_node
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Direction

SYMBOLIC_ID = "000000000000"
"""The account of an environment that was bound without one. No account of AWS has this id."""

_ANYWHERE: dict[Family, Network] = {Family.V4: ip_network("0.0.0.0/0"), Family.V6: ip_network("::/0")}


@dataclass(frozen=True, slots=True)
class Origin:
    """The account and region whose traffic is recorded; records from elsewhere are refused.

    Attributes:
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        region: ``ap-northeast-2``.
        account_id: Twelve digits.
    """

    partition: str
    region: str
    account_id: str

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a service's resource in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A managed prefix list.

    Attributes:
        id: ``pl-...``.
        label: Its name.
        family: 4 or 6.
        weight: How many rules it counts as in a security group: its maximum number of entries, or the documented
            weight of a list of AWS.
        networks: Its current entries.
    """

    id: str
    label: str
    family: int
    weight: int
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class RuleOfOthers:
    """A rule of others in a security group of theirs; exactly one of group, network and prefix list is its peer.

    Attributes:
        id: ``sgr-...``.
        ports: The ports that it opens; empty for protocols without ports, such as ICMP.
        group: The id of the group that it names.
        beside: The name of the further group that holds it; empty for a rule of the group itself.
    """

    id: str
    direction: Direction
    ports: tuple[PortRange, ...]
    group: str = ""
    network: Network | None = None
    prefix_list: PrefixList | None = None
    beside: str = ""


@dataclass(frozen=True, slots=True)
class FurtherGroups:
    """The groups of others that interfaces have beside a known group. The groups of an interface add up.

    Attributes:
        ids: ``sg-...``.
        rules: The rules of others in them.
    """

    ids: tuple[str, ...] = ()
    rules: tuple[RuleOfOthers, ...] = ()


NO_FURTHER_GROUPS = FurtherGroups()


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """An existing security group; this program adds rules to it but does not own it.

    Attributes:
        id: ``sg-...``.
        label: Its name, which cannot change in AWS; its id if a service or external has the same name.
        foreign_rules: The number of rules of others in the group, as (direction, family, count); the direction is
            ``ingress`` or ``egress``, the family 4 or 6.
        rules_of_others: The rules of others in the group; None if only the account knows them.
        beside: The further groups of the interfaces that have this one.
    """

    id: str
    label: str
    foreign_rules: tuple[tuple[str, int, int], ...] = ()
    rules_of_others: tuple[RuleOfOthers, ...] | None = field(default=None, compare=False, repr=False)
    beside: FurtherGroups = field(default=NO_FURTHER_GROUPS, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an external outside the cluster is.

    Attributes:
        networks: Its addresses, collapsed and sorted; NetworkPolicies use them.
        prefix_list: The list that contains the networks, if the place is bound to one.
        groups: The security groups of its interfaces; empty if only addresses are known.
        occupants: Whether pods and other hosts can have these addresses, too.
    """

    networks: tuple[Network, ...]
    prefix_list: PrefixList | None
    groups: tuple[Group, ...]
    occupants: Occupants = Occupants.ANY

    @property
    def stays_on_node(self) -> bool:
        """Whether packets to it cross no network interface that security groups judge."""
        return stay_on_node(map(AddressRange.of_network, self.networks))


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A load balancer: its external in the matrix, its listeners, and the addresses that may reach them.

    Attributes:
        external: Its name. The place of this name has the addresses that its targets see as the source of connections.
        listeners: Empty without a group.
        clients: Empty without a group.
        beside: The further groups of its interfaces, such as the one that the AWS Load Balancer Controller adds.
        group: Whether this program makes a group for it.
    """

    external: str
    listeners: tuple[PortRange, ...]
    clients: tuple[Network, ...] | PrefixList
    beside: FurtherGroups = NO_FURTHER_GROUPS
    kind: LoadBalancerKind = LoadBalancerKind.ALB
    group: LoadBalancerGroup = LoadBalancerGroup.OWN
    client_addresses: ClientAddresses = ClientAddresses.HIDDEN

    @property
    def networks_of_clients(self) -> tuple[Network, ...]:
        """The addresses that may reach its listeners."""
        return self.clients.networks if isinstance(self.clients, PrefixList) else self.clients


ENFORCEMENT = {
    CniName.VPC_CNI: Enforcement.BEFORE_SERVICES,
    CniName.CALICO: Enforcement.AFTER_SERVICES,
    CniName.CILIUM: Enforcement.IDENTITIES,
}

_CILIUM_ENFORCEMENT = {
    (): Enforcement.IDENTITIES,
    (IpBlockEnd.NODES,): Enforcement.NODE_ADDRESSES,
    (IpBlockEnd.PODS,): Enforcement.POD_ADDRESSES,
    (IpBlockEnd.NODES, IpBlockEnd.PODS): Enforcement.AFTER_SERVICES,
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The EKS cluster as both layers need it.

    Attributes:
        group: The cluster security group, which EKS makes.
        nodes: The security groups of the nodes, which kubelets and ordinary pods use, sorted. Each node has at least
            one of them.
        resolvers: Addresses that answer DNS besides the CoreDNS pods: NodeLocal DNSCache and the Service it replaces.
        leaving: The attachment of pods that have not restarted yet; None if all pods have ``attachment``.
        pod_networks: The addresses that pods can have; empty if neither the binding nor the account tells.
        services: The addresses of Services, of the same family as those of pods; several if it is not known which
            one it is, and empty if nothing is known.
        dns_groups: The groups that interfaces of CoreDNS pods can have, as the binding says; empty if it does not.
        enforcing_mode: What a new pod may do before its policies are in force; only the VPC CNI has this setting.
        cilium: The settings of Cilium; another network plug-in has the defaults, and they mean nothing.
        pod_layer: What puts the NetworkPolicies into the cluster.
        ipv4_egress: How pods of a cluster of IPv6 reach IPv4 addresses; it means nothing in another cluster.
        compute: What runs the nodes.
    """

    name: str
    group: Group
    nodes: tuple[Group, ...]
    attachment: Attachment
    cni: CniName
    pod_eni_mode: PodEniMode
    kube_proxy: KubeProxyMode
    dns: DnsMode
    resolvers: tuple[Network, ...]
    leaving: Attachment | None = None
    pod_networks: tuple[Network, ...] = ()
    services: tuple[Network, ...] = ()
    dns_groups: tuple[Group, ...] = ()
    enforcing_mode: EnforcingMode = EnforcingMode.STANDARD
    cilium: Cilium = field(default_factory=Cilium)
    pod_layer: PodLayerOwner = PodLayerOwner.PULUMI
    ipv4_egress: Ipv4Egress = Ipv4Egress.NODE
    compute: Compute = Compute.EC2

    @property
    def leaves_through_nodes(self) -> bool:
        """Whether pods reach IPv4 addresses through their node, where no NetworkPolicy and no group of a pod applies.

        The VPC CNI gives pods of IPv6 a second interface with a local IPv4 address, and the node's address replaces it
        (amazon-vpc-cni-k8s, ENABLE_V4_EGRESS). Neither AWS's agent nor Calico looks at this interface (EKS User Guide,
        "Limit Pod traffic with Kubernetes network policies"; Calico documentation, EKS). Cilium judges all addresses.
        """
        is_ipv6 = {each.version for each in self.services} == {6}
        return is_ipv6 and self.cni is not CniName.CILIUM and self.ipv4_egress is Ipv4Egress.NODE

    @property
    def groups_of_dns(self) -> tuple[Group, ...]:
        """The groups that interfaces of CoreDNS pods can have; each has at least one of them.

        EKS's own node groups have the cluster's group, and nodes of others (terraform-aws-modules/eks) a group of their
        own, so both are possible unless the binding says more.
        """
        return self.dns_groups or tuple(sorted({self.group, *self.nodes}))

    @property
    def enforcement(self) -> Enforcement:
        """How the cluster's network plug-in reads what the NetworkPolicy API leaves open."""
        if self.cni is CniName.CILIUM:
            return _CILIUM_ENFORCEMENT[self.cilium.ip_blocks_match]
        return ENFORCEMENT[self.cni]

    @property
    def in_use(self) -> tuple[Attachment, ...]:
        """Every attachment that running pods can have, with that of new pods first."""
        return (self.attachment, self.leaving) if self.leaving else (self.attachment,)


@dataclass(frozen=True, slots=True)
class Quotas:
    """AWS's limits: security group rules per group, and groups per network interface.

    Attributes:
        coarsen: What happens to a group that its exact rules would overflow.
    """

    rules_per_group: int
    groups_per_interface: int
    coarsen: Coarsening = Coarsening.AS_NEEDED


@dataclass(frozen=True, slots=True)
class Adopting:
    """What exists already, and what a deployment may take over.

    Attributes:
        policies: The names of the NetworkPolicies.
        listed: Those that the binding lists by name, in its order; each of them must exist.
        groups: The service or load balancer, and its security group.
    """

    policies: frozenset[str] = frozenset()
    listed: tuple[str, ...] = ()
    groups: tuple[tuple[str, Group], ...] = ()


@dataclass(frozen=True)
class Environment:
    """Everything that the compilers need to know about one stack.

    Attributes:
        name: The stack: ``dev``, ``prod``.
        account: Twelve digits.
        load_balancers: Sorted by name.
        places: Sorted by name; one for each external outside the cluster.
        flow_logs: The flow log that this program makes, or one of others; None if the stack has none.
        alerting: The requested alerts; None if there are none.
        guard_rails: The requested guard rails in the cluster; None if there are none.
        accepted_policies: The policies of administrators, by kind and name, that the proof does not count.
        waiting: The services with running pods that an earlier version of this program attached, and that have not
            restarted since: they carry the group of their service, but not the namespace's.
        adopting: What a deployment may take over; None if the binding does not ask for it.
        in_pods: The externals that are pods in this stack, sorted by name; they have no place.
        protection: What the engine does when an update would delete policies, groups or attachments.
    """

    name: str
    partition: str
    region: str
    account: str
    vpc: str
    vpc_networks: tuple[Network, ...]
    cluster: Cluster
    load_balancers: tuple[LoadBalancer, ...]
    places: tuple[tuple[str, Place], ...]
    flow_logs: FlowLogSettings | ExistingFlowLog | None
    quotas: Quotas
    alerting: Alerting | None = None
    guard_rails: GuardRailChoice | None = None
    accepted_policies: tuple[str, ...] = ()
    waiting: frozenset[str] = frozenset()
    adopting: Adopting | None = None
    in_pods: tuple[tuple[str, PodsOfPlace], ...] = ()
    protection: Protection = Protection.NONE

    @cached_property
    def fronts(self) -> Mapping[str, LoadBalancer]:
        """The load balancers with a group of this program, by the names of their externals."""
        return {each.external: each for each in self.load_balancers if each.group is LoadBalancerGroup.OWN}

    @property
    def own_flow_log(self) -> FlowLogSettings | None:
        """The settings of the flow log that this program makes; None if it makes none."""
        return self.flow_logs if isinstance(self.flow_logs, FlowLogSettings) else None

    def records_to(self, destination: LogDestination) -> bool:
        """Return whether this program makes a flow log with a destination."""
        return self.own_flow_log is not None and self.own_flow_log.destination is destination

    @property
    def pod_networks(self) -> tuple[Network, ...]:
        """The addresses that pods can have: any of the VPC of the family of the cluster, unless more is known."""
        families = {each.version for each in self.cluster.services or self.vpc_networks}
        return self.cluster.pod_networks or tuple(each for each in self.vpc_networks if each.version in families)

    @property
    def anywhere(self) -> tuple[Network, ...]:
        """What the VPC layer opens for domain names: every address that pods can reach. Names often have only IPv4."""
        is_sixth = any(Family(each.version) is Family.V6 for each in self.pod_networks)
        return (_ANYWHERE[Family.V4], _ANYWHERE[Family.V6]) if is_sixth else (_ANYWHERE[Family.V4],)

    @property
    def resolvers(self) -> tuple[Network, ...]:
        """Addresses that answer DNS besides the CoreDNS pods."""
        return self.cluster.resolvers

    def networks_of(self, external: str) -> tuple[Network, ...]:
        """Return the addresses of an external outside the cluster."""
        return self.place(external).networks

    def place(self, external: str) -> Place:
        """Return the place of an external.

        Raises:
            KeyError: The external is not outside the cluster.
        """
        return self._place_of[external]

    @property
    def only_theirs(self) -> tuple[Network, ...]:
        """The addresses that only an external has."""
        return tuple(
            network for _, place in self.places if place.occupants is Occupants.ONLY for network in place.networks
        )

    @cached_property
    def _place_of(self) -> dict[str, Place]:
        return dict(self.places)
