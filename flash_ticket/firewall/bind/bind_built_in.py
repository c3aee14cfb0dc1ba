"""Finds what a matrix names without a place: the cluster's API, what nodes answer pods, and the VPC's endpoints of AWS.

Sources: Amazon EKS User Guide, "View Amazon EKS networking requirements" and "EKS Pod Identity"; Amazon EC2 User Guide,
"Use the Instance Metadata Service"; AWS PrivateLink Guide, "Access an AWS service using an interface VPC endpoint" and
"Gateway endpoints".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from ipaddress import ip_network

from flash_ticket.firewall.bind.account import FoundEndpoint, FoundVpc
from flash_ticket.firewall.bind.environment import SYMBOLIC_ID, Cluster, Place
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.bind.lookup import MATRIX, Lookup, ordered
from flash_ticket.firewall.declare.built_in import AwsService, BuiltIn, key_of_place
from flash_ticket.firewall.declare.choices import CniName, IpBlockEnd, Network
from flash_ticket.firewall.declare.matrix import External
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.terms.input_error import InputError

_API_OFFSET = 1
"""The Service default/kubernetes has the first address of the Service range (kube-apiserver, service-cluster-ip-range).
"""

_LOCAL = {
    BuiltIn.POD_IDENTITY: tuple(map(ip_network, ("169.254.170.23/32", "fd00:ec2::23/128"))),
    BuiltIn.INSTANCE_METADATA: tuple(map(ip_network, ("169.254.169.254/32", "fd00:ec2::254/128"))),
}


def api_addresses(services: Iterable[Network]) -> tuple[Network, ...]:
    """Return the addresses of the Service default/kubernetes."""
    return tuple(ip_network(each[_API_OFFSET]) for each in services)


def known_addresses(services: Iterable[Network]) -> dict[BuiltIn, tuple[Network, ...]]:
    """Return the addresses of the built-in peers, as pods of any cluster call them.

    Args:
        services: The Service ranges of the cluster.
    """
    return {BuiltIn.KUBERNETES_API: api_addresses(services), **_LOCAL}


@dataclass(frozen=True)
class BuiltInBinder:
    """Finds built-in peers and services of AWS with the lookup of their stack.

    Attributes:
        lookup: The lookup.
        vpc: The VPC of the binding.
        cluster: The cluster of the binding.
    """

    lookup: Lookup
    vpc: FoundVpc
    cluster: Cluster

    def place(self, external: External) -> Place:
        """Return where an external is that the program looks up itself.

        Raises:
            InputError: The account has no such thing or several, or the network plug-in cannot allow it.
        """
        if isinstance(external.looked_up, AwsService):
            return self._service(external.name, external.looked_up.name)
        if external.looked_up is BuiltIn.KUBERNETES_API:
            return self._api()
        return self._local(BuiltIn(external.name))

    def _local(self, wanted: BuiltIn) -> Place:
        cluster = self.cluster
        is_on_node = wanted is BuiltIn.POD_IDENTITY and cluster.cni is CniName.CILIUM
        if is_on_node and IpBlockEnd.NODES not in cluster.cilium.ip_blocks_match:
            raise self._refuse(
                wanted,
                "Cilium knows the node as itself and not by an address, so no ipBlock allows the agent of EKS Pod "
                "Identity on the node",
                "Set policy-cidr-match-mode to nodes in Cilium, and cluster.cni.cilium.ipBlocksMatch: [nodes] in the "
                "stack's settings; or give the service account its role by IRSA",
            )
        return Place(self._of_pods(_LOCAL[wanted]), None, (), Occupants.ONLY)

    def _api(self) -> Place:
        found = self._of_pods(self.lookup.account.api_interfaces(self.vpc.id, self.cluster.name))
        if not found:
            raise self._refuse(
                BuiltIn.KUBERNETES_API,
                f"{self.vpc.id} has no network interface of the API server of {self.cluster.name} (with the "
                f"description Amazon EKS {self.cluster.name})",
                "Wait until the cluster is active, or declare an external of this name and give it a place",
            )
        every = ordered((*api_addresses(self.cluster.services), *found))
        return Place(every, None, (self.cluster.group,), Occupants.ONLY)

    def _service(self, name: str, service: str) -> Place:
        key = key_of_place(name)
        found = [each for each in self._endpoints if each.service == service]
        if not found:
            known = ", ".join(sorted({each.service for each in self._endpoints}))
            there = f"its endpoints are for {known}" if known else "it has no endpoints of AWS services"
            problem = f"{self.vpc.id} has no VPC endpoint of the AWS service {service}: {there}"
            if self.lookup.account.id == SYMBOLIC_ID:
                problem = f"it is not known where the AWS service {service} is"
            raise InputError(
                MATRIX,
                key,
                problem,
                f"Correct the name, create the endpoint com.amazonaws.{self.lookup.account.region}.{service}, or "
                "declare an external without services and give it a place",
            )
        if len(found) > 1:
            ids = ", ".join(sorted(each.id for each in found))
            raise InputError(
                MATRIX,
                key,
                f"{self.vpc.id} has {len(found)} VPC endpoints of the AWS service {service}: {ids}",
                "Remove all but one, or declare an external without services, and give it a place with the subnets "
                "and groups, or the prefixList, of the right one",
            )
        return self._at(key, found[0])

    def _at(self, key: str, endpoint: FoundEndpoint) -> Place:
        if endpoint.prefix_list:
            found = self.lookup.account.prefix_lists(One(id=endpoint.prefix_list))
            if found and found[0].networks:
                return Place(ordered(found[0].networks), found[0], ())
            raise InputError(
                MATRIX,
                key,
                f"the prefix list {endpoint.prefix_list} of the VPC endpoint {endpoint.id} has no entries",
                "Wait until the endpoint is ready",
            )
        networks = self._of_pods(endpoint.networks)
        if not networks:
            raise InputError(
                MATRIX,
                key,
                f"the VPC endpoint {endpoint.id} has no network interface with an address that pods can call",
                "Give it a subnet, with addresses of the family of pods",
            )
        asked = [partial(self.lookup.group, key, One(id=each), self.vpc.id) for each in endpoint.groups]
        return Place(networks, None, tuple(sorted(set(self.lookup.every(asked)))), Occupants.ONLY)

    @cached_property
    def _endpoints(self) -> Sequence[FoundEndpoint]:
        kinds = (each.looked_up for each in self.lookup.matrix.externals)
        services = sorted({each.name for each in kinds if isinstance(each, AwsService)})
        return self.lookup.account.endpoints(self.vpc.id, services)

    def _of_pods(self, networks: Iterable[Network]) -> tuple[Network, ...]:
        """Return the networks of the family that pods have."""
        families = {each.version for each in self.cluster.services or self.vpc.networks}
        return ordered(each for each in networks if each.version in families)

    @staticmethod
    def _refuse(name: BuiltIn, problem: str, remedy: str) -> InputError:
        return InputError(MATRIX, f"flows to {name.value}", problem, remedy)
