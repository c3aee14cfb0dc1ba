"""What the network plug-in does not cover, or treats in a way of its own, in what runs.

Sources: Amazon EKS User Guide, "Limit Pod traffic with Kubernetes network policies", considerations: a pod without
ownerReferences gets no policy, and the port of a Service must be the port of its containers; the same guide on
NETWORK_POLICY_ENFORCING_MODE. Packets on a real node: the agent judges egress before the address and the port of a
Service are translated. kube-router, Calico and Cilium judge it after that, so they see the port of the container.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.matrix import Service
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.traffic.attribution.inventory import ClusterService, Pod
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

_NAMED = 3


@dataclass(frozen=True)
class PluginLimits(Comparison):
    """The pods, the Services and the settings of the network plug-in."""

    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield what the network plug-in does not cover, and a mode of it that is not the declared one."""
        inventory = self.observed.inventory
        yield from limits(self.planned, inventory.pods, inventory.services)
        declared, cluster = self.planned.environment.cluster.enforcing_mode, self.planned.environment.cluster
        running = self.observed.enforcing_mode
        if cluster.cni is CniName.VPC_CNI and isinstance(running, tuple):
            for mode in running:
                if mode is not declared:
                    yield Finding(
                        "DaemonSet kube-system/aws-node",
                        f"its NETWORK_POLICY_ENFORCING_MODE is {mode.value}, declared is {declared.value}",
                        "in standard mode a new pod is open until its policies are in force, and in strict mode a pod "
                        "without a policy is closed",
                        f"Set it to {declared.value}, or write enforcingMode: {mode.value} in the stack's settings",
                        FindingKind.CHANGED,
                    )


def limits(planned: CompiledFirewall, pods: Iterable[Pod], services: Iterable[ClusterService]) -> Iterator[Finding]:
    """Yield what the network plug-in does not cover of the pods and Services that run in our namespaces."""
    matrix, cni = planned.matrix, planned.environment.cluster.cni
    running, known = tuple(pods), tuple(services)
    for namespace in matrix.namespaces:
        bare = sorted(
            each.name
            for each in running
            if each.namespace == namespace and not each.until and not each.owner and each.owner is not None
        )
        if bare:
            yield _bare(namespace, bare, cni)
    if cni is CniName.VPC_CNI:
        for service in matrix.services:
            for found in known:
                yield from _other_ports(service, found, matrix.namespace_of(service))


def _bare(namespace: str, names: list[str], cni: CniName) -> Finding:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    where = f"{'pod' if len(names) == 1 else 'pods'} {', '.join(names[:_NAMED])}{more} in {namespace}"
    what, remedy = "no workload owns it", "Let a Deployment or another workload create it"
    if cni is CniName.VPC_CNI:
        why = "the VPC CNI applies no NetworkPolicy to a pod without ownerReferences (EKS User Guide)"
        return Finding(where, what, why, remedy, FindingKind.OPEN)
    why = "policies select it by its labels, but nothing creates it again, so it keeps old groups and connections"
    return Finding(where, what, why, remedy, FindingKind.NOTED)


def _other_ports(service: Service, found: ClusterService, namespace: str) -> Iterator[Finding]:
    """Yield the Service in front of a service if a declared port of its pods has another number there."""
    if found.namespace != namespace or not found.addresses or not set(service.pods) <= set(found.selector):
        return
    for outside, target in found.ports:
        declared = any(
            port.protocol is outside.protocol and port.first <= target <= port.last for port in service.ports
        )
        if declared and outside.first != target:
            yield Finding(
                f"Service {found.namespace}/{found.name}",
                f"its port {outside.first} leads to port {target} of the containers of {service.name}",
                "policies hold the ports of containers, and the VPC CNI judges egress before a Service's port is "
                "translated: the EKS User Guide wants both ports to be equal, and its controller translates the port "
                "only if targetPort names it",
                f"Give the Service the port {target}",
                FindingKind.NOTED,
            )
