"""The choices that a stack makes of a few: its CNI, its DNS, how groups attach, where records go."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


class Attachment(StrEnum):
    """Where the VPC layer's service groups sit."""

    PODS = "pods"
    """Each service's pods carry a group of their own (SecurityGroupPolicy)."""
    NODES = "nodes"
    """All pods share the group of the nodes."""


class CniName(StrEnum):
    """What enforces NetworkPolicies in the cluster."""

    VPC_CNI = "vpc-cni"
    CILIUM = "cilium"
    CALICO = "calico"


class PodEniMode(StrEnum):
    """POD_SECURITY_GROUP_ENFORCING_MODE of the VPC CNI."""

    STANDARD = "standard"
    STRICT = "strict"


class KubeProxyMode(StrEnum):
    """How the cluster implements Services."""

    IPTABLES = "iptables"
    IPVS = "ipvs"
    NFTABLES = "nftables"


class DnsMode(StrEnum):
    """Who answers the pods' DNS queries."""

    CLUSTER = "cluster"
    """CoreDNS pods behind the Service kube-dns."""
    NODE_LOCAL = "node-local"
    """NodeLocal DNSCache, on the host network of each node."""


class LogDestination(StrEnum):
    """Where VPC flow logs are delivered."""

    S3 = "s3"
    CLOUDWATCH = "cloudwatch"


class OnDestroy(StrEnum):
    """What ``pulumi destroy`` does with recorded traffic."""

    RETAIN = "retain"
    DELETE = "delete"


DEFAULT_SCAN_LIMIT_GIBIBYTES = 100
