"""Finds the EKS cluster that a binding names: its groups, its resolvers and the addresses of its pods."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network

from flash_ticket.firewall.bind.account import FoundCluster, FoundVpc
from flash_ticket.firewall.bind.environment import SYMBOLIC_ID, Cluster, Group
from flash_ticket.firewall.bind.impossible import no_resolver
from flash_ticket.firewall.bind.lookup import Lookup, ordered
from flash_ticket.firewall.declare.choices import Attachment, ClusterGroup, Compute, DnsMode, Network
from flash_ticket.firewall.declare.sections.cluster import Cilium, ClusterEntry
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.terms.input_error import InputError, refuse_all

_POD_GROUPS_ON_AUTO_MODE = (1, 36)
"""The first version of Kubernetes where SecurityGroupPolicy works on Auto Mode (EKS User Guide, Auto Mode)."""

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
        self._refuse_pod_groups(entry, found)
        asked = tuple(enumerate(entry.dns.groups or ()))
        several = len(entry.nodes) > 1
        named = [("cluster.name", One(id=found.group))]
        named += [(f"cluster.nodes[{at}]" if several else "cluster.nodes", each) for at, each in enumerate(entry.nodes)]
        named += [(f"cluster.dns.groups[{at}]", each) for at, each in asked if not isinstance(each, ClusterGroup)]
        mistakes = list[InputError]()
        with self.lookup.gathered(mistakes):
            own, *further = self.lookup.every(partial(self.lookup.group, key, each, vpc.id) for key, each in named)
            listed, others = further[: len(entry.nodes)], further[len(entry.nodes) :]
            refuse_all(self._listed_twice(listed))
        with self.lookup.gathered(mistakes):
            resolvers = self._resolvers(entry, found, vpc)
        with self.lookup.gathered(mistakes):
            written = self._written_pod_networks(entry, found, vpc)
        refuse_all(mistakes)
        nodes = tuple(sorted(listed))
        known = {ClusterGroup.CLUSTER: (own,), ClusterGroup.NODES: nodes}
        dns = {*others, *(group for _, each in asked if isinstance(each, ClusterGroup) for group in known[each])}
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

    def _refuse_pod_groups(self, entry: ClusterEntry, cluster: FoundCluster) -> None:
        """Refuse groups of pods on Auto Mode before the version of Kubernetes where SecurityGroupPolicy works."""
        keys = [key for key in ("attachment", "leaving") if getattr(entry, key) is Attachment.PODS]
        if entry.compute is not Compute.AUTO_MODE or not keys or not cluster.version:
            return
        major, minor = (int(part) for part in cluster.version.split(".")[:2])
        if (major, minor) < _POD_GROUPS_ON_AUTO_MODE:
            needed = ".".join(map(str, _POD_GROUPS_ON_AUTO_MODE))
            raise self.lookup.refuse(
                f"cluster.{keys[0]}",
                f"the cluster {entry.name} runs Kubernetes {cluster.version}, and on Auto Mode pods have groups of "
                f"their own from {needed} on",
                "Write nodes, or upgrade the cluster first",
            )

    def _listed_twice(self, nodes: Sequence[Group]) -> Iterator[InputError]:
        """Yield a mistake for each group of nodes that two entries select."""
        for at, group in enumerate(nodes):
            if group in nodes[:at]:
                yield self.lookup.refuse(
                    f"cluster.nodes[{at}]",
                    f"it selects {group.id}, as cluster.nodes[{nodes.index(group)}] does",
                    "Remove one of the two",
                )

    def _resolvers(self, entry: ClusterEntry, cluster: FoundCluster, vpc: FoundVpc) -> tuple[Network, ...]:
        """Return the addresses of NodeLocal DNSCache, if there is one, and of the Service that it replaces.

        On Auto Mode CoreDNS is a service of each node and no pod, and pods ask for it at the address of the Service
        (EKS User Guide, "Learn about networking in EKS Auto Mode").
        """
        if entry.compute is Compute.AUTO_MODE and entry.dns.mode is DnsMode.CLUSTER:
            return tuple(ip_network(each[_DNS_SERVICE_OFFSET]) for each in cluster.services)
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
        self, cluster: FoundCluster, nodes: Sequence[Group], vpc: FoundVpc, written: tuple[Network, ...]
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
