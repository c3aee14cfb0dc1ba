"""The settings that a stack picks from a short list: CNI, DNS mode, attachment of groups, destination of records."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


class Attachment(StrEnum):
    """What the VPC layer's service groups are attached to."""

    PODS = "pods"
    """The pods of each service have a group of their own (SecurityGroupPolicy)."""
    NODES = "nodes"
    """All pods share the nodes' group."""


class PodLayerOwner(StrEnum):
    """What puts the NetworkPolicies into the cluster."""

    PULUMI = "pulumi"
    """``pulumi up``, like everything else."""
    RENDERED = "rendered"
    """Something else, such as Argo CD, applies the files of ``flash-firewall render`` from Git."""


class CniName(StrEnum):
    """The network plug-in that enforces NetworkPolicies in the cluster."""

    VPC_CNI = "vpc-cni"
    CILIUM = "cilium"
    CALICO = "calico"


class Compute(StrEnum):
    """What runs the nodes of the cluster."""

    EC2 = "ec2"
    """Nodes that the account runs."""
    AUTO_MODE = "auto-mode"
    """Nodes of EKS Auto Mode: EKS runs them, and on each of them its own network plug-in and CoreDNS."""
    FARGATE = "fargate"
    """A node of its own for each pod."""


class PodEniMode(StrEnum):
    """POD_SECURITY_GROUP_ENFORCING_MODE of the VPC CNI."""

    STANDARD = "standard"
    STRICT = "strict"


class Ipv4Egress(StrEnum):
    """ENABLE_V4_EGRESS of the VPC CNI in a cluster of IPv6: how pods reach IPv4 addresses."""

    NODE = "node"
    """Through their node, with its address and its groups. No NetworkPolicy applies."""
    NONE = "none"
    """Not at all."""


class EnforcingMode(StrEnum):
    """NETWORK_POLICY_ENFORCING_MODE of the VPC CNI: what a new pod may do before its policies are in force."""

    STANDARD = "standard"
    """Everything."""
    STRICT = "strict"
    """Nothing."""


class KubeProxyMode(StrEnum):
    """How the cluster implements Services."""

    IPTABLES = "iptables"
    IPVS = "ipvs"
    NFTABLES = "nftables"
    CILIUM = "cilium"
    """Cilium does it in place of kube-proxy."""


class PolicyEnforcement(StrEnum):
    """Cilium's ``enable-policy``: which pods policies isolate."""

    DEFAULT = "default"
    """Those that a policy selects."""
    ALWAYS = "always"
    """All pods, those without a policy too."""
    NEVER = "never"
    """None: no policy is enforced."""


class PolicyVerdicts(StrEnum):
    """Cilium's ``policy-audit-mode``: what a policy does with what it does not allow."""

    ENFORCED = "enforced"
    """It is dropped."""
    AUDITED = "audited"
    """It passes, and Hubble shows it."""


class IpBlockEnd(StrEnum):
    """Cilium's ``policy-cidr-match-mode``: what an ipBlock matches besides hosts outside the cluster."""

    NODES = "nodes"
    PODS = "pods"


class DnsMode(StrEnum):
    """Who answers the pods' DNS queries."""

    CLUSTER = "cluster"
    """CoreDNS pods behind the Service kube-dns."""
    NODE_LOCAL = "node-local"
    """NodeLocal DNSCache, on the host network of each node."""


class ClusterGroup(StrEnum):
    """A security group of the cluster that the binding has already."""

    CLUSTER = "cluster"
    """The group that EKS makes for the cluster."""
    NODES = "nodes"
    """The group of the nodes: ``cluster.nodes``."""


class Coarsening(StrEnum):
    """What the compiler does with a security group that its exact rules would overflow."""

    AS_NEEDED = "as-needed"
    """It joins rules: callers to the group of all pods, and ports to ranges, no more than AWS's quota needs."""
    NEVER = "never"
    """It refuses the stack."""


class Protection(StrEnum):
    """What the engine does when an update would delete what traffic depends on."""

    NONE = "none"
    """It deletes it."""
    PROTECTED = "protected"
    """It refuses the update (Pulumi's ``protect``)."""


class LogDestination(StrEnum):
    """Where AWS delivers VPC flow logs."""

    S3 = "s3"
    CLOUDWATCH = "cloudwatch"


class LoadBalancerKind(StrEnum):
    """The kinds of load balancers that have the pods as targets."""

    ALB = "alb"
    """An Application Load Balancer: of an Ingress, or of a Gateway of the class ``gateway.k8s.aws/alb``."""
    NLB = "nlb"
    """A Network Load Balancer: of a Service, or of a Gateway of the class ``gateway.k8s.aws/nlb``."""


class LoadBalancerGroup(StrEnum):
    """The security group of a load balancer."""

    OWN = "own"
    """This program makes it."""
    NONE = "none"
    """There is none. A Network Load Balancer that was made without a group can never have one."""


class ClientAddresses(StrEnum):
    """Which addresses the targets of a Network Load Balancer see (``preserve_client_ip.enabled``)."""

    HIDDEN = "hidden"
    """Those of the load balancer. For targets by address, this is the default of TCP and TLS."""
    PRESERVED = "preserved"
    """Those of the clients. UDP always preserves them."""


class RecordedTraffic(StrEnum):
    """What a flow log records (EC2 API reference, FlowLog, TrafficType)."""

    ALL = "ALL"
    ACCEPT = "ACCEPT"
    REJECT = "REJECT"


class OnDestroy(StrEnum):
    """What ``pulumi destroy`` does with recorded traffic."""

    RETAIN = "retain"
    DELETE = "delete"


DEFAULT_SCAN_LIMIT_GIBIBYTES = 100
"""About half a dollar a query, at five dollars a terabyte (Amazon Athena pricing)."""
