"""The addresses of a node, its pods and its Services."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from lab.surroundings import SERVICE_CIDR, Surroundings

_NODE = 10 * 256 + 10
_FIRST_POD = 10 * 256 + 21
_DNS = 10


@dataclass(frozen=True, slots=True)
class Addresses:
    """The place of a node in its VPC.

    Attributes:
        network: The VPC.
        services: The range of ClusterIPs.
        node: The node's own address.
        first_pod: The address of the first pod under the VPC CNI; each further pod has the next one.
        pods: The range that Cilium gives pods addresses of.
    """

    network: IPv4Network
    services: IPv4Network
    node: IPv4Address
    first_pod: IPv4Address
    pods: IPv4Network

    @classmethod
    def within(cls, surroundings: Surroundings) -> "Addresses":
        """Return the addresses in an environment of the lab: node and pods are in the first private subnet."""
        network = IPv4Network(f"{surroundings.network}.0.0/16")
        # The upper half of the subnet: the node is in the lower one.
        pods = IPv4Network((int(network[_NODE]) // 256 * 256 + 128, 25))
        return cls(network, IPv4Network(SERVICE_CIDR), network[_NODE], network[_FIRST_POD], pods)

    @property
    def dns(self) -> IPv4Address:
        """The ClusterIP of the cluster's DNS."""
        return self.services[_DNS]
