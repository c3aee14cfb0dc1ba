"""Finds the EKS cluster that a binding names: its groups, its resolvers and the addresses of its pods."""

from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network

from flash_ticket.firewall.bind.account import FoundCluster, FoundVpc
from flash_ticket.firewall.bind.environment import SYMBOLIC_ID, Cilium, Cluster, Group
from flash_ticket.firewall.bind.impossible import no_resolver
from flash_ticket.firewall.bind.lookup import Lookup, ordered
from flash_ticket.firewall.declare.choices import ClusterGroup, DnsMode, Network
from flash_ticket.firewall.declare.sections.cluster import ClusterEntry
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.terms.input_error import InputError, refuse_all

_DNS_SERVICE_OFFSET = 10
"""EKS gives the Service of CoreDNS the tenth address of the Service range (EKS user guide, kubernetesNetworkConfig)."""


@dataclass(frozen=True, slots=True)
class ClusterBinder:
    """Finds the cluster with the lookup of its stack."""

    lookup: Lookup

    def cluster(self, entry: ClusterEntry, vpc: FoundVpc) -> Cluster:
        """Return the cluster of the binding.

        Raises:
            InputError: It is not there, or something that the binding says of it does not fit.
        """
        found = self.lookup.account.cluster(entry.name)
        if found is None:
            where = f"account {self.lookup.account.id} in {self.lookup.account.region}"
            raise self.lookup.refuse(
                "cluster.name", f"there is no EKS cluster {entry.name} in {where}", "Correct the name"
            )
        if found.vpc != vpc.id:
            problem = f"the cluster {entry.name} is in {found.vpc}, the binding's VPC is {vpc.id}"
            raise self.lookup.refuse("cluster.name", problem, "Correct one")
        asked = tuple(enumerate(entry.dns.groups or ()))
        named = [("cluster.nodes", entry.nodes), ("cluster.name", One(id=found.group))]
        named += [(f"cluster.dns.groups[{at}]", each) for at, each in asked if not isinstance(each, ClusterGroup)]
        mistakes = list[InputError]()
        with self.lookup.gathered(mistakes):
            nodes, own, *others = self.lookup.every(
                partial(self.lookup.group, key, each, vpc.id) for key, each in named
            )
        with self.lookup.gathered(mistakes):
            resolvers = self._resolvers(entry, found, vpc)
        with self.lookup.gathered(mistakes):
            written = self._written_pod_networks(entry, found, vpc)
        refuse_all(mistakes)
        known = {ClusterGroup.CLUSTER: own, ClusterGroup.NODES: nodes}
        dns = {*others, *(known[each] for _, each in asked if isinstance(each, ClusterGroup))}
        return Cluster(
            entry.name,
            own,
            nodes,
            entry.attachment,
            entry.cni.name,
            entry.cni.pod_eni_mode,
            entry.cni.kube_proxy,
            entry.dns.mode,
            resolvers,
            entry.leaving,
            self._pod_networks(found, nodes, vpc, written),
            found.services,
            tuple(sorted(dns)),
            entry.cni.enforcing_mode,
            Cilium(
                entry.cni.cilium.policy_enforcement,
                entry.cni.cilium.policy_verdicts,
                tuple(sorted(set(entry.cni.cilium.ip_blocks_match))),
            ),
            entry.pod_layer,
            entry.cni.ipv4_egress,
            entry.compute,
        )

    def _resolvers(self, entry: ClusterEntry, cluster: FoundCluster, vpc: FoundVpc) -> tuple[Network, ...]:
        """Return the addresses of NodeLocal DNSCache, if there is one, and of the Service that it replaces."""
        if entry.dns.mode is not DnsMode.NODE_LOCAL:
            return ()
        address = entry.dns.address
        known, is_vpc_known = (*vpc.networks, *cluster.services), self.lookup.account.id != SYMBOLIC_ID
        for why in no_resolver(address, known, is_vpc_known=is_vpc_known):
            raise self.lookup.refuse("cluster.dns.address", *why)
        services = next((each for each in cluster.services if each.version == address.version), None)
        if services is None:
            default = "" if "address" in entry.dns.model_fields_set else ", the default,"
            raise self.lookup.refuse(
                "cluster.dns.address",
                f"{address}{default} is IPv{address.version}, and the cluster {entry.name} has the Service range "
                f"{cluster.services[0]}, so its pods ask an IPv{cluster.services[0].version} address",
                "Write the address that NodeLocal DNSCache listens on there",
            )
        return (ip_network(address), ip_network(services[_DNS_SERVICE_OFFSET]))

    def _pod_networks(
        self, cluster: FoundCluster, nodes: Group, vpc: FoundVpc, written: tuple[Network, ...]
    ) -> tuple[Network, ...]:
        families = {each.version for each in cluster.services}
        found = [block for each in self.lookup.account.pod_subnets(vpc.id, nodes) for block in each.networks]
        return ordered(each for each in (*found, *written) if each.version in families)

    def _written_pod_networks(self, entry: ClusterEntry, cluster: FoundCluster, vpc: FoundVpc) -> tuple[Network, ...]:
        families = {each.version for each in cluster.services}
        written = self.lookup.subnet_networks("cluster.podSubnets", entry.pod_subnets, vpc) if entry.pod_subnets else ()
        if written and not families & {each.version for each in written}:
            family = f"IPv{min(families)}"
            raise self.lookup.refuse(
                "cluster.podSubnets",
                f"none of these subnets has {family} addresses, and pods of {entry.name} have no others (its Service "
                f"range is {cluster.services[0]})",
                f"Name subnets with {family} blocks, or correct cluster.name",
            )
        return written
