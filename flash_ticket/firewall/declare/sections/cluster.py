"""The EKS cluster in a binding: its groups, its network plug-in and its DNS."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Annotated, Self

from pydantic import (
    Field,
    GetPydanticSchema,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core.core_schema import no_info_wrap_validator_function

from flash_ticket.firewall.declare.choices import (
    Attachment,
    ClusterGroup,
    CniName,
    Compute,
    DnsMode,
    EnforcingMode,
    IpBlockEnd,
    Ipv4Egress,
    KubeProxyMode,
    PodEniMode,
    PodLayerOwner,
    PolicyEnforcement,
    PolicyVerdicts,
)
from flash_ticket.firewall.declare.sections.selection import One, ResolverAddress, Some, Text
from flash_ticket.firewall.declare.validation import FileModel, refusal
from flash_ticket.firewall.terms.input_error import shown


@dataclass(frozen=True, slots=True)
class Cilium:
    """The settings of Cilium that change its verdicts.

    Attributes:
        enforcement: Which pods policies isolate.
        verdicts: Whether what policies do not allow is dropped, or only audited.
        ip_blocks_match: What an ipBlock matches besides hosts outside the cluster, sorted.
    """

    enforcement: PolicyEnforcement = PolicyEnforcement.DEFAULT
    verdicts: PolicyVerdicts = PolicyVerdicts.ENFORCED
    ip_blocks_match: tuple[IpBlockEnd, ...] = ()


class CiliumEntry(FileModel):
    """The settings of Cilium that change its verdicts (Cilium documentation, "Policy Enforcement Modes")."""

    policy_enforcement: PolicyEnforcement = Field(PolicyEnforcement.DEFAULT, alias="policyEnforcement", strict=False)
    """`enable-policy` of Cilium: which pods the policies isolate."""
    policy_verdicts: PolicyVerdicts = Field(PolicyVerdicts.ENFORCED, alias="policyVerdicts", strict=False)
    """`policy-audit-mode` of Cilium: what happens to traffic that no policy allows."""
    ip_blocks_match: list[Annotated[IpBlockEnd, Field(strict=False)]] = Field(
        default_factory=list, alias="ipBlocksMatch"
    )
    """`policy-cidr-match-mode` of Cilium: what an ipBlock matches besides hosts outside the cluster."""

    @field_validator("policy_enforcement")
    @classmethod
    def _enforces(cls, mode: PolicyEnforcement) -> PolicyEnforcement:
        if mode is PolicyEnforcement.NEVER:
            raise refusal(
                "Cilium then enforces no policy, so the pod layer of this firewall decides nothing",
                "Write default or always, and set enable-policy in Cilium to the same",
            )
        return mode


class Cni(FileModel):
    """The network plug-in, and the settings that decide how it applies the two layers."""

    name: CniName = Field(strict=False)
    """The plug-in that enforces NetworkPolicies."""
    pod_eni_mode: PodEniMode = Field(PodEniMode.STANDARD, alias="podEniMode", strict=False)
    """`POD_SECURITY_GROUP_ENFORCING_MODE` of the VPC CNI."""
    kube_proxy: KubeProxyMode = Field(KubeProxyMode.IPTABLES, alias="kubeProxy", strict=False)
    """How the cluster implements Services."""
    enforcing_mode: EnforcingMode = Field(EnforcingMode.STANDARD, alias="enforcingMode", strict=False)
    """What a new pod may do before its policies are in force; only the VPC CNI has this setting."""
    ipv4_egress: Ipv4Egress = Field(Ipv4Egress.NODE, alias="ipv4Egress", strict=False)
    """How pods of a cluster of IPv6 reach IPv4 addresses; only the VPC CNI has this setting."""
    cilium: CiliumEntry = Field(default_factory=lambda: CiliumEntry.model_validate({}))
    """The settings of Cilium; only with the name cilium."""

    @model_validator(mode="after")
    def _is_of_this_plugin(self) -> Self:
        for key, field in (("enforcingMode", "enforcing_mode"), ("ipv4Egress", "ipv4_egress")):
            if self.name is not CniName.VPC_CNI and field in self.model_fields_set:
                problem = f"the plug-in is {self.name.value}, and only the VPC CNI has {key}"
                raise refusal(problem, f"Remove {key}, or write name: vpc-cni")
        if self.name is CniName.CILIUM:
            return self
        if "cilium" in self.model_fields_set:
            raise refusal(f"the plug-in is {self.name.value}, and cilium has settings of Cilium", "Remove one")
        if self.kube_proxy is KubeProxyMode.CILIUM:
            raise refusal(
                f"the plug-in is {self.name.value}, and only Cilium replaces kube-proxy",
                "Write the mode of kube-proxy, such as kubeProxy: iptables, or name: cilium",
            )
        return self


def _group_of_dns(value: object, select: ValidatorFunctionWrapHandler) -> ClusterGroup | One:
    if isinstance(value, str):
        if value in set(ClusterGroup):
            return ClusterGroup(value)
        problem = f"{shown(value)} is not a group of the cluster"
        raise refusal(problem, "Write cluster, nodes, or tags, a name or an id in braces, such as {name: dns}")
    selected: One = select(value)
    return selected


DnsGroup = Annotated[
    ClusterGroup | One,
    GetPydanticSchema(
        lambda _, handler: no_info_wrap_validator_function(_group_of_dns, handler.generate_schema(One)),
        lambda schema, handler: {"anyOf": [handler(schema), {"enum": [each.value for each in ClusterGroup]}]},
    ),
]


class Dns(FileModel):
    """How pods resolve names."""

    mode: DnsMode = Field(strict=False)
    """Who answers the DNS queries of pods."""
    groups: Annotated[list[DnsGroup], Field(min_length=1)] | None = None
    """The security groups that interfaces of CoreDNS pods have, each at least one of them. Default: it is not known
    which of the cluster's group and the nodes' group they have."""
    address: ResolverAddress = IPv4Address("169.254.20.10")
    """The address that NodeLocal DNSCache listens on (Kubernetes documentation, "NodeLocal DNSCache")."""

    @model_validator(mode="after")
    def _is_of_this_mode(self) -> Self:
        if self.mode is not DnsMode.NODE_LOCAL and "address" in self.model_fields_set:
            problem = f"the mode is {self.mode.value}, and address is that of NodeLocal DNSCache"
            raise refusal(problem, "Remove address, or write mode: node-local")
        return self


def _groups_of_nodes(value: object, _: ValidatorFunctionWrapHandler) -> list[One]:
    if not isinstance(value, list):
        return [One.model_validate(value)]
    found = _SEVERAL.validate_python(value)
    for number, each in enumerate(found):
        if each in found[:number]:
            raise refusal(f"the group {each} is listed twice", "Remove one of the two")
    return found


_SEVERAL = TypeAdapter(Annotated[list[One], Field(min_length=1)])

Nodes = Annotated[
    list[One],
    GetPydanticSchema(
        lambda _, handler: no_info_wrap_validator_function(_groups_of_nodes, handler.generate_schema(One | list[One])),
    ),
]


class ClusterEntry(FileModel):
    """The EKS cluster. The program reads its own security group and its Service addresses from EKS."""

    name: Text
    """The name of the cluster in EKS."""
    nodes: Nodes
    """The security group of the nodes, or several. Each node has at least one of them."""
    attachment: Attachment = Field(strict=False)
    """What carries the security groups of the services."""
    leaving: Attachment | None = Field(None, strict=False)
    """The previous attachment; its rules stay until every pod has restarted."""
    pod_subnets: Some | None = Field(None, alias="podSubnets")
    """The subnets that pods get addresses of, besides those where the account has interfaces of nodes now."""
    compute: Compute = Field(Compute.EC2, strict=False)
    """What runs the nodes."""
    cni: Cni
    """The network plug-in."""
    dns: Dns
    """How pods resolve names."""
    pod_layer: PodLayerOwner = Field(PodLayerOwner.PULUMI, alias="podLayer", strict=False)
    """What puts the NetworkPolicies into the cluster."""

    @field_validator("compute")
    @classmethod
    def _has_two_layers(cls, compute: Compute) -> Compute:
        if compute is Compute.FARGATE:
            raise refusal(
                "Fargate enforces no NetworkPolicy, and its pods need the cluster's group, whose members reach each "
                "other, so neither layer would decide between services",
                "Run the services on EC2 nodes or on Auto Mode. Pods on Fargate in other namespaces can be externals: "
                "list the cluster's group under cluster.nodes, too",
            )
        return compute

    @field_validator("cni")
    @classmethod
    def _runs_there(cls, cni: Cni, info: ValidationInfo) -> Cni:
        if info.data.get("compute") is not Compute.AUTO_MODE:
            return cni
        if cni.name is not CniName.VPC_CNI:
            raise refusal(
                f"nodes of EKS Auto Mode run AWS's own network plug-in, and {cni.name.value} cannot replace it",
                "Write name: vpc-cni, or compute: ec2",
            )
        for key, field in (("podEniMode", "pod_eni_mode"), ("ipv4Egress", "ipv4_egress")):
            if field in cni.model_fields_set:
                raise refusal(
                    f"{key} is a setting of the aws-node DaemonSet, and EKS Auto Mode has no such DaemonSet",
                    f"Remove {key}",
                )
        return cni

    @field_validator("leaving")
    @classmethod
    def _is_another(cls, leaving: Attachment | None, info: ValidationInfo) -> Attachment | None:
        if leaving and leaving == info.data.get("attachment"):
            remedy = "Write the previous attachment, or remove the key"
            raise refusal(f"{leaving.value} is already the attachment", remedy)
        return leaving

    @field_validator("dns")
    @classmethod
    def _can_be_allowed(cls, dns: Dns, info: ValidationInfo) -> Dns:
        cni = info.data.get("cni")
        if cni is None or cni.name is not CniName.CILIUM or dns.mode is not DnsMode.NODE_LOCAL:
            return dns
        if IpBlockEnd.NODES not in cni.cilium.ip_blocks_match:
            # Packets showed it on Cilium 1.20.2, see docs/enforcer.md.
            raise refusal(
                "Cilium knows the node as itself and not by an address, so no ipBlock allows DNS on the node, and "
                "NodeLocal DNSCache answers no pod",
                "Choose dns.mode cluster; a CiliumLocalRedirectPolicy then leads queries for kube-dns to the cache. Or "
                "set policy-cidr-match-mode to nodes in Cilium, and cni.cilium.ipBlocksMatch: [nodes] here",
            )
        return dns
