"""Services whose address the VPC CNI does not add to the egress rules that name their pods.

It sees packets before a Service's address becomes a pod's, and adds that address to a rule only where the Service's
selector has all labels of the rule's peer (amazon-network-policy-controller-k8s, endpoints.go).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import CniName
from flash_ticket.firewall.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.declare.matrix import Service
from flash_ticket.traffic.attribution.inventory import ClusterService
from flash_ticket.verify.finding import Finding, Kind
from flash_ticket.verify.observed import Observed


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    """The Services of the namespace, by which pods call each other."""

    planned: CompiledFirewall
    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield the Services through which a declared flow is cut; with other CNIs none is."""
        if self.planned.environment.cluster.cni is not CniName.VPC_CNI:
            return
        matrix = self.planned.matrix
        called = {flow.target for flow in matrix.flows if flow.source in {each.name for each in matrix.services}}
        for service in (each for each in matrix.services if each.name in called):
            for found in self.observed.inventory.services:
                lacking = set(service.pods) - set(found.selector)
                if lacking and found.addresses and found.namespace == matrix.namespace and self._leads(found, service):
                    yield _finding(found, service, ", ".join(f"{key}={value}" for key, value in sorted(lacking)))

    def _leads(self, found: ClusterService, service: Service) -> bool:
        """Tell whether a Service selects pods of a service that run."""
        return bool(found.selector) and any(
            {*found.selector, *service.pods} <= set(pod.labels)
            for pod in self.observed.inventory.pods
            if pod.namespace == found.namespace and pod.until is None
        )


def _finding(found: ClusterService, service: Service, lacking: str) -> Finding:
    return Finding(
        Kind.CUT_OFF,
        f"Service {found.namespace}/{found.name}",
        f"its selector lacks {lacking}, by which the policies name {service.name}",
        f"the VPC CNI lets nobody reach {service.name} by the address of this Service, though it is declared",
        f"Add {lacking} to its selector",
    )
