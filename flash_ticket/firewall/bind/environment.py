"""One environment with every name found: the values that the compilers take beside the matrix."""

from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.declare.alerts import Alerting
from flash_ticket.firewall.declare.choices import (
    DEFAULT_SCAN_LIMIT_GIBIBYTES,
    Attachment,
    CniName,
    DnsMode,
    KubeProxyMode,
    LogDestination,
    Network,
    OnDestroy,
    PodEniMode,
)
from flash_ticket.firewall.declare.guard_rails import GuardRailChoice
from flash_ticket.firewall.terms.ports import PortRange

AWS_PREFIX_LIST_WEIGHTS = {"com.amazonaws.global.cloudfront.origin-facing": 55}


@dataclass(frozen=True, slots=True)
class Origin:
    """The account and region whose traffic is recorded, and from where alone records are accepted.

    Attributes:
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        region: ``ap-northeast-2``.
        account_id: Twelve digits.
    """

    partition: str
    region: str
    account_id: str

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something of a service here."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """A security group that exists already; this program adds rules to it and never owns it.

    Attributes:
        id: ``sg-...``.
        label: Its name, which AWS never changes; its id where a service or external has the same name.
        foreign_rules: How many rules others have put there, as (direction, family, count) with the words
            ``ingress`` or ``egress`` and the families 4 and 6.
    """

    id: str
    label: str
    foreign_rules: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A managed prefix list.

    Attributes:
        id: ``pl-...``.
        label: Its name.
        family: 4 or 6.
        weight: How many rules it counts in a security group: its maximum entries, or what AWS says of its own lists.
        networks: The entries of today.
    """

    id: str
    label: str
    family: int
    weight: int
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an external outside the cluster is.

    Attributes:
        networks: Its addresses, collapsed and sorted: what a NetworkPolicy can say.
        prefix_list: The list that the networks are taken from, if that is how the place is bound.
        groups: The security groups its interfaces carry; empty where only addresses are known.
    """

    networks: tuple[Network, ...]
    prefix_list: PrefixList | None
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """The load balancer in front: which external it is, its listeners, and who may reach those."""

    external: str
    listeners: tuple[PortRange, ...]
    clients: tuple[Network, ...] | PrefixList


@dataclass(frozen=True, slots=True)
class Cluster:
    """The EKS cluster as both firewalls see it.

    Attributes:
        group: The cluster security group, which CoreDNS carries as a rule.
        nodes: The security group of the nodes, which kubelets and ordinary pods carry.
        resolvers: Addresses that answer DNS beside the CoreDNS pods: NodeLocal DNSCache and the Service it stands for.
        leaving: How pods that have not been restarted yet are attached; None where all are as ``attachment`` says.
    """

    name: str
    group: Group
    nodes: Group
    attachment: Attachment
    cni: CniName
    pod_eni_mode: PodEniMode
    kube_proxy: KubeProxyMode
    dns: DnsMode
    resolvers: tuple[Network, ...]
    leaving: Attachment | None = None

    @property
    def in_use(self) -> tuple[Attachment, ...]:
        """Return every way in which running pods are attached, the one of new pods first."""
        return (self.attachment, self.leaving) if self.leaving else (self.attachment,)


@dataclass(frozen=True, slots=True)
class Quotas:
    """What AWS lets one group and one interface hold."""

    rules_per_group: int
    groups_per_interface: int


"""About half a dollar a query, where a terabyte costs five (Amazon Athena pricing)."""


@dataclass(frozen=True, slots=True)
class FlowLogSettings:
    """Where the traffic of the VPC is recorded, for how many days, and what becomes of it on destroy.

    Attributes:
        scan_limit_gibibytes: How much one query over records in S3 may read before Athena ends it.
    """

    destination: LogDestination
    retention_days: int
    on_destroy: OnDestroy
    scan_limit_gibibytes: int = DEFAULT_SCAN_LIMIT_GIBIBYTES


@dataclass(frozen=True)
class Environment:
    """Everything that the compilers need to know of one stack.

    Attributes:
        name: The stack: ``dev``, ``prod``.
        account: Twelve digits.
        places: Sorted by name; one for each external outside the cluster.
        alerting: What alerts are asked for; None for none.
        guard_rails: What of guard rails in the cluster is asked for; None for none.
    """

    name: str
    partition: str
    region: str
    account: str
    vpc: str
    vpc_networks: tuple[Network, ...]
    cluster: Cluster
    load_balancer: LoadBalancer
    places: tuple[tuple[str, Place], ...]
    flow_logs: FlowLogSettings
    quotas: Quotas
    alerting: Alerting | None = None
    guard_rails: GuardRailChoice | None = None

    def place(self, external: str) -> Place:
        """Return where an external is.

        Raises:
            KeyError: The external is no place outside the cluster.
        """
        return self._place_of[external]

    @cached_property
    def _place_of(self) -> dict[str, Place]:
        return dict(self.places)
