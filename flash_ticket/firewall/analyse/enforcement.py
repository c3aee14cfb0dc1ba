"""How an enforcer reads what the NetworkPolicy API leaves open: ipBlocks, Services, and named ports.

The API reference says that an ipBlock is for addresses outside the cluster. It leaves open what an ipBlock means for a
pod whose address it covers. Enforcers differ, and each statement here is what packets did on a real node:

* The agent of AWS (aws-network-policy-agent 1.4) knows addresses alone, so an ipBlock matches pods like any other host.
  It judges egress before the address of a Service is translated: an ipBlock over pods does not open them by their
  Service, and an ipBlock over the Services' range does. The controller of EKS resolves named ports for the agent: for
  ingress, a name stands for each number that it has on any selected pod, and an ipBlock has no named ports.
* kube-router 2.1 and Calico match addresses, too, but after the translation.
* Cilium 1.20 matches identities: an ipBlock matches no pod and not the pod's node. Its setting policy-cidr-match-mode
  adds the addresses of pods, of nodes, or both; packets showed each of the first two alone.
"""

from enum import Enum

from flash_ticket.firewall.analyse.workload import PodNetwork, Workload
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.verdict import Direction


class Way(Enum):
    """The address that a connection calls a pod by."""

    ANY = "by any address"
    OWN = "by its own address"
    SERVICE = "by the address of its Service"


class Enforcement(Enum):
    """How an enforcer reads a NetworkPolicy where the API leaves it open."""

    PLAIN = "an ipBlock matches no pod"
    """The words of the API reference alone. Pods on their node's network match a block of all addresses."""
    BEFORE_SERVICES = "an ipBlock matches pods by the address that is called"
    """The agent of AWS, with the controller of EKS."""
    AFTER_SERVICES = "an ipBlock matches pods by their own address"
    """kube-router and Calico."""
    IDENTITIES = "an ipBlock matches neither pods nor nodes"
    """Cilium."""
    POD_ADDRESSES = "an ipBlock matches pods by their own address, and no nodes"
    """Cilium with the policy-cidr-match-mode pods."""
    NODE_ADDRESSES = "an ipBlock matches nodes by their address, and no pods"
    """Cilium with the policy-cidr-match-mode nodes."""

    @property
    def matches_addresses(self) -> bool:
        """Whether an ipBlock matches the addresses of pods that have a network of their own."""
        return self in (Enforcement.BEFORE_SERVICES, Enforcement.AFTER_SERVICES, Enforcement.POD_ADDRESSES)

    def seen(self, workload: Workload, direction: Direction, way: Way = Way.ANY) -> tuple[AddressRange, ...]:
        """Return the addresses that an ipBlock can use to match a workload's pods at the other end of a rule.

        Args:
            workload: The peer of the governed pods.
            direction: The direction of the rule. Only egress can see the address of a Service.
            way: How the connection calls the pods of an egress rule.
        """
        if self in (Enforcement.POD_ADDRESSES, Enforcement.NODE_ADDRESSES):
            wanted = PodNetwork.POD if self is Enforcement.POD_ADDRESSES else PodNetwork.HOST
            return workload.addresses if workload.network is wanted else ()
        if not self.matches_addresses:
            return ()
        if self is Enforcement.AFTER_SERVICES or direction is Direction.INGRESS or way is Way.OWN:
            return workload.addresses
        if way is Way.SERVICE:
            return workload.cluster_ips
        return (*workload.addresses, *workload.cluster_ips)
