"""What the binding reads from an AWS account."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from flash_ticket.firewall.bind.environment import FurtherGroups, Group, PrefixList
from flash_ticket.firewall.declare.choices import LogDestination, Network, RecordedTraffic
from flash_ticket.firewall.declare.sections.selection import One, Some


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """An EKS cluster as DescribeCluster returns it: its VPC, group, Service ranges and version of Kubernetes.

    A cluster has one Service range, and its pods have addresses of the same family (EKS User Guide, "Learn about IPv6
    addresses to clusters, Pods, and services"). Several ranges say that it is not known which one it is.
    """

    vpc: str
    group: str
    services: tuple[Network, ...]
    version: str = ""


@dataclass(frozen=True, slots=True)
class FoundVpc:
    """A VPC and its address blocks."""

    id: str
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class FoundSubnet:
    """A subnet and its address blocks."""

    id: str
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class FoundEndpoint:
    """A VPC endpoint of an AWS service: either a gateway with a prefix list, or interfaces with groups.

    Attributes:
        id: ``vpce-...``.
        service: The last part of its service name, such as ``sqs`` or ``ecr.api``.
        prefix_list: The id of a gateway's prefix list; empty for interfaces.
        networks: The addresses of its interfaces. They stay the same as long as the endpoint exists.
        groups: The ids of the groups that each of its interfaces has.
    """

    id: str
    service: str
    prefix_list: str = ""
    networks: tuple[Network, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundFlowLog:
    """A flow log as DescribeFlowLogs returns it.

    Attributes:
        id: ``fl-...``.
        resource: The VPC, the subnet or the interface whose traffic it records.
        destination: None for a destination that this program does not read, such as Amazon Data Firehose.
        fields: The fields of its records, with the names of the format: ``pkt-srcaddr``.
        traffic: What it records.
        is_own: Whether it has the tags of the stack that asks.
    """

    id: str
    resource: str
    destination: LogDestination | None
    fields: tuple[str, ...]
    traffic: RecordedTraffic
    is_own: bool = False


class Account(Protocol):
    """What the binding needs to read from an AWS account and region.

    Every method may raise InputError, for example without credentials.
    """

    @property
    def id(self) -> str:
        """The account's id: twelve digits."""

    @property
    def partition(self) -> str:
        """The partition: ``aws``, ``aws-cn`` or ``aws-us-gov``."""

    @property
    def region(self) -> str:
        """The region, such as ``ap-northeast-2``."""

    def vpcs(self, selection: One) -> Sequence[FoundVpc]:
        """Return every VPC that matches the selection."""

    def subnets(self, vpc: str, selection: One | Some) -> Sequence[FoundSubnet]:
        """Return every subnet of the VPC that matches the selection."""

    def groups(self, vpc: str, selection: One) -> Sequence[Group]:
        """Return every security group of the VPC that matches the selection."""

    def prefix_lists(self, selection: One) -> Sequence[PrefixList]:
        """Return every managed prefix list that matches the selection, with its entries."""

    def cluster(self, name: str) -> FoundCluster | None:
        """Return the EKS cluster with this name, or None if there is none."""

    def endpoints(self, vpc: str, services: Collection[str]) -> Sequence[FoundEndpoint]:
        """Return the VPC's endpoints of AWS services that are available: those of some services at least.

        Args:
            vpc: The VPC.
            services: The services whose endpoints are wanted.
        """

    def api_interfaces(self, vpc: str, cluster: str) -> Sequence[Network]:
        """Return the addresses of the interfaces through which an EKS cluster's API server answers in the VPC.

        Args:
            vpc: The VPC.
            cluster: The name of the cluster.
        """

    def beside_load_balancer(self, vpc: str, external: str) -> FurtherGroups:
        """Return the further groups of interfaces that have this program's group of the load balancer.

        Args:
            vpc: The VPC.
            external: The name of the load balancer.
        """

    def flow_log(self, id_: str) -> FoundFlowLog | None:
        """Return the flow log with this id, or None if there is none."""

    def pod_subnets(self, vpc: str, nodes: Sequence[Group]) -> Sequence[FoundSubnet]:
        """Return the subnets of the VPC where pods have addresses now; empty if the account cannot tell.

        Args:
            vpc: The VPC.
            nodes: The groups of the nodes.
        """
