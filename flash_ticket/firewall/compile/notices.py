"""Notices about settings that are allowed but do not do what they seem to: what happens, and what to do.

Sources: Amazon EKS User Guide, "Assign security groups to individual Pods" and "Limit Pod traffic with Kubernetes
network policies"; EKS Best Practices Guide, "Security Groups Per Pod"; issues of the AWS VPC CNI where named.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog
from flash_ticket.firewall.bind.environment import Cluster, Environment
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.compile.overlaps import client_notices, overlap_notices
from flash_ticket.firewall.compile.pod_layer import DeclaredNames, NetworkPolicy, PodFirewall
from flash_ticket.firewall.declare.built_in import key_of_list
from flash_ticket.firewall.declare.choices import (
    Attachment,
    CniName,
    Compute,
    DnsMode,
    EnforcingMode,
    KubeProxyMode,
    LoadBalancerGroup,
    Network,
    PodEniMode,
    PolicyEnforcement,
    PolicyVerdicts,
    RecordedTraffic,
)
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.notice import Notice

MAX_PORT_COMBINATIONS = 24
"""The limit of unique port combinations per protocol and selector (EKS User Guide, network policy considerations)."""


def environment_notices(environment: Environment, firewall: PodFirewall) -> tuple[Notice, ...]:
    """Return the notices about this environment, always in the same order."""
    cluster = environment.cluster
    found = [
        *_any_attachment(cluster),
        *_leaving(cluster),
        *_many_ports(cluster, firewall),
        *_cilium(cluster),
        *_families(environment),
        *_first_moments(cluster),
        *_frozen(environment, firewall),
        *_partial_log(environment),
        *overlap_notices(environment, firewall),
        *client_notices(environment),
    ]
    if cluster.attachment is Attachment.PODS and cluster.compute is Compute.EC2:
        found += [*_pod_groups(cluster), *_chained(cluster, firewall), *_strict(cluster), *_standard(environment)]
    found += _without_group(environment)
    return tuple(found)


def _partial_log(environment: Environment) -> Iterator[Notice]:
    log = environment.flow_logs
    if isinstance(log, ExistingFlowLog) and log.traffic is RecordedTraffic.REJECT:
        yield Notice(
            "flowLogs.existing",
            f"{log.id} records only what security groups stop: flash-firewall denied reads it, but learn and replay "
            "miss every connection that passed, and denied misses those that no pod answered",
            "Name a flow log of all traffic for learn and replay, or give them Hubble's export",
        )


def _any_attachment(cluster: Cluster) -> Iterator[Notice]:
    if cluster.attachment is Attachment.NODES:
        yield Notice(
            "cluster.attachment nodes",
            "all pods of a node share its security group, so only the pod layer decides between services",
            "Choose pods where the instance types allow it (Nitro, no t family)",
        )


def _leaving(cluster: Cluster) -> Iterator[Notice]:
    if cluster.leaving:
        yield Notice(
            f"cluster.leaving {cluster.leaving.value}",
            "the rules of both attachments are deployed, so for pods with the nodes' group only the pod layer "
            "decides between services",
            "Restart every pod of the namespace (kubectl rollout restart), then remove cluster.leaving",
        )


def _cilium(cluster: Cluster) -> Iterator[Notice]:
    if cluster.cni is not CniName.CILIUM:
        return
    if cluster.cilium.verdicts is PolicyVerdicts.AUDITED:
        yield Notice(
            "cluster.cni.cilium.policyVerdicts audited",
            "Cilium's audit mode lets everything pass: the pod layer denies nothing, here and in every other namespace",
            "Run flash-firewall denied --audit to see what would be denied, then set policy-audit-mode to false in "
            "Cilium, and remove policyVerdicts here",
        )
    if cluster.cilium.enforcement is PolicyEnforcement.ALWAYS:
        yield Notice(
            "cluster.cni.cilium.policyEnforcement always",
            "a pod without a policy is closed, in every namespace: CoreDNS and the pods of other namespaces answer and "
            "call only what policies there allow, and after a destroy the pods here are closed, too",
            "Give every pod of the cluster its policies, which nothing here reads or proves",
        )


def _families(environment: Environment) -> Iterator[Notice]:
    """Yield what the agent of AWS does not judge: it drops rules of the other family, and lets its packets pass.

    Source: aws-network-policy-agent 1.4.3, fw_rule_processor.go and tc.v6egress.bpf.c; amazon-vpc-cni-k8s, README,
    ENABLE_V4_EGRESS and ENABLE_V6_EGRESS.
    """
    cluster = environment.cluster
    families = {Family(each.version) for each in cluster.services}
    if cluster.leaves_through_nodes:
        yield Notice(
            f"cluster {cluster.name} with IPv6",
            "pods reach IPv4 addresses through their node: no NetworkPolicy applies to these packets, and only the "
            "node's groups do",
            "Set ENABLE_V4_EGRESS=false on the VPC CNI if no pod needs IPv4 addresses outside the cluster, and "
            "cluster.cni.ipv4Egress: none here",
        )
    if cluster.cni is not CniName.VPC_CNI or len(families) != 1:
        return
    family = Family(min(families))
    for name, place in environment.places:
        if family not in {each.version for each in place.networks}:
            other = Family.V4 if family is Family.V6 else Family.V6
            sent = (
                "what pods send to it leaves through their node, where neither the pod layer nor their own groups apply"
            )
            if family is Family.V6 and not cluster.leaves_through_nodes:
                sent = "no pod reaches it"
            yield Notice(
                f"places.{name}",
                f"it has IPv{other} addresses alone, and pods have IPv{family} addresses: {name} reaches no pod, and "
                f"{sent}",
                f"Give {name} IPv{family} addresses, too, and write these",
            )


_CLOSED_ON_EC2 = "NETWORK_POLICY_ENFORCING_MODE=strict on the aws-node DaemonSet"
_CLOSED_AT_FIRST = {Compute.AUTO_MODE: "networkPolicy: DefaultDeny in the NodeClass"}


def _first_moments(cluster: Cluster) -> Iterator[Notice]:
    if cluster.cni is CniName.VPC_CNI and cluster.enforcing_mode is EnforcingMode.STANDARD:
        yield Notice(
            "cluster.cni.enforcingMode standard",
            "a new pod is open both ways until its policies are in force, default-deny or not: about a second on EKS",
            f"Set {_CLOSED_AT_FIRST.get(cluster.compute, _CLOSED_ON_EC2)}, and enforcingMode: strict here. First "
            "give every pod of the cluster its policies, CoreDNS too: in strict mode a pod without one is closed",
        )


def _frozen(environment: Environment, firewall: PodFirewall) -> Iterator[Notice]:
    used = {end for policy in firewall.allows for rule in policy.rules for end in rule.flow.split(" -> ")}
    for name, place in environment.places:
        if place.prefix_list and name in used:
            yield Notice(
                key_of_list(name),
                f"NetworkPolicies hold the addresses that {place.prefix_list.label} has now, and only the VPC layer "
                "follows the list when it changes",
                "Deploy again after each change of the list; preview and verify say what the pod layer lacks",
            )


def _many_ports(cluster: Cluster, firewall: PodFirewall) -> Iterator[Notice]:
    for policy in firewall.allows if cluster.cni is CniName.VPC_CNI else ():
        for protocol, count in _port_combinations(policy).items():
            if count > MAX_PORT_COMBINATIONS:
                yield Notice(
                    f"policy {policy.name}",
                    f"it has {count} {protocol} port combinations, and the VPC CNI enforces "
                    f"at most {MAX_PORT_COMBINATIONS} per selector",
                    "Join adjacent ports into ranges in traffic.yaml",
                )


def _port_combinations(policy: NetworkPolicy) -> Counter[str]:
    return Counter(port.protocol.value for port in {port for rule in policy.rules for port in rule.ports})


def _pod_groups(cluster: Cluster) -> Iterator[Notice]:
    if cluster.cni is CniName.CILIUM:
        yield Notice(
            "cluster.attachment pods with cilium",
            "only the VPC CNI attaches groups to pods: unless Cilium is chained to it, every pod keeps the nodes' "
            "group, and the services' rules do not allow that group",
            "Chain Cilium to the VPC CNI, or choose attachment nodes",
        )
    if cluster.kube_proxy is KubeProxyMode.IPVS:
        yield Notice(
            "cluster.attachment pods with cni.kubeProxy ipvs",
            "pods with their own groups cannot reach Services (amazon-vpc-cni-k8s 2982)",
            "Run kube-proxy in iptables mode, or choose attachment nodes",
        )


def _chained(cluster: Cluster, firewall: PodFirewall) -> Iterator[Notice]:
    peers = (peer for policy in firewall.allows for rule in policy.rules for peer in rule.peers)
    if cluster.cni is CniName.CILIUM and any(isinstance(each, DeclaredNames) for each in peers):
        yield Notice(
            "domain names with cluster.attachment pods and cilium",
            "Cilium enforces names with its proxy for DNS, and its documentation says that layer 7 may be limited when "
            "it is chained to the VPC CNI: names that are declared may stay closed",
            "Try a declared name from a pod first, or choose attachment nodes and Cilium alone",
        )


def _strict(cluster: Cluster) -> Iterator[Notice]:
    if cluster.pod_eni_mode is not PodEniMode.STRICT:
        return
    if cluster.cni is CniName.VPC_CNI:
        yield Notice(
            "cni.podEniMode strict with vpc-cni",
            "it is not confirmed that NetworkPolicies are enforced on pods with their own groups (amazon-vpc-cni-k8s "
            "3188): the pod layer may be missing there, and EKS Pod Identity fails (2797)",
            "Set POD_SECURITY_GROUP_ENFORCING_MODE=standard and restart the pods, or prove the denials with probes",
        )
    if cluster.cni is CniName.CALICO:
        yield Notice(
            "cni.podEniMode strict with calico",
            "Calico does not enforce policies on pods with their own groups in strict mode",
            "Set POD_SECURITY_GROUP_ENFORCING_MODE=standard and restart the pods",
        )
    if cluster.dns is DnsMode.NODE_LOCAL:
        yield Notice(
            "cni.podEniMode strict with dns.mode node-local",
            "pods with their own groups cannot reach NodeLocal DNSCache, and names stop resolving for them",
            "Choose dns.mode cluster, or podEniMode standard",
        )
    yield Notice(
        "cni.podEniMode strict",
        "TCP probes of the kubelet fail unless DISABLE_TCP_EARLY_DEMUX=true is set on the VPC CNI's init container",
        "Set it before the first pod gets a group",
    )


def _standard(environment: Environment) -> Iterator[Notice]:
    beyond = sorted(
        name
        for name, place in environment.places
        if name not in environment.fronts
        and place.occupants is Occupants.ANY
        and not place.stays_on_node
        and not _within(place.networks, environment.vpc_networks)
    )
    if environment.cluster.pod_eni_mode is PodEniMode.STANDARD and beyond:
        yield Notice(
            "cni.podEniMode standard",
            f"{', '.join(beyond)} can be outside the VPC, and for that traffic the node's group applies instead of "
            f"the pods' own, unless AWS_VPC_K8S_CNI_EXTERNALSNAT=true",
            "Set it on the VPC CNI's node agent, and route that traffic through a NAT gateway",
        )


def _without_group(environment: Environment) -> Iterator[Notice]:
    """Yield the load balancers without a group: who reaches one of them reaches its targets."""
    for balancer in environment.load_balancers:
        if balancer.group is LoadBalancerGroup.NONE:
            yield Notice(
                f"loadBalancers.{balancer.external}.group none",
                f"nothing here decides who may reach {balancer.external}, and its targets let in all addresses of its "
                "subnets, other hosts there too",
                "Make a new load balancer with a group, and write group: own; one without a group can never get one",
            )


def _within(networks: Iterable[Network], blocks: Iterable[Network]) -> bool:
    covering = [*map(AddressRange.of_network, blocks)]
    return all(any(block.covers(each) for block in covering) for each in map(AddressRange.of_network, networks))
