"""Finds what a binding selects in an AWS account, and returns one environment, or all mistakes to correct."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network
from typing import Protocol, TypeVar

from flash_ticket.firewall.bind.bind_alerts import bind_alerts
from flash_ticket.firewall.bind.environment import (
    SYMBOLIC_ID,
    Cluster,
    Environment,
    FlowLogSettings,
    Group,
    LoadBalancer,
    Place,
    PrefixList,
    Quotas,
)
from flash_ticket.firewall.bind.impossible import beyond_tcp, no_resolver
from flash_ticket.firewall.declare.binding import (
    BINDING_KEY,
    Binding,
    ClusterEntry,
    FlowLogsEntry,
    LoadBalancerEntry,
    One,
    PlaceEntry,
    Some,
    stack_file,
)
from flash_ticket.firewall.declare.choices import ClusterGroup, DnsMode, Network
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.terms.input_error import InputError, refuse_all

_DNS_SERVICE_OFFSET = 10
"""EKS gives the Service of CoreDNS the tenth address of the Service range (EKS user guide, kubernetesNetworkConfig)."""

_IDS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """An EKS cluster as DescribeCluster returns it: its VPC, its own security group and its Service ranges.

    A cluster has one Service range, and its pods have addresses of the same family (EKS User Guide, "Learn about IPv6
    addresses to clusters, Pods, and services"). Several ranges say that it is not known which one it is.
    """

    vpc: str
    group: str
    services: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class FoundVpc:
    """A VPC and its address blocks."""

    id: str
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class FoundSubnet:
    """A subnet and its address blocks."""

    id: str
    networks: tuple[Network, ...]


class Account(Protocol):
    """What the binding needs to read from an AWS account and region.

    Every method may raise InputError, for example without credentials.
    """

    @property
    def id(self) -> str:
        """The account's id: twelve digits."""

    @property
    def partition(self) -> str:
        """The partition: ``aws``, ``aws-cn`` or ``aws-us-gov``."""

    @property
    def region(self) -> str:
        """The region, such as ``ap-northeast-2``."""

    def vpcs(self, selection: One) -> Sequence[FoundVpc]:
        """Return every VPC that matches the selection."""

    def subnets(self, vpc: str, selection: One | Some) -> Sequence[FoundSubnet]:
        """Return every subnet of the VPC that matches the selection."""

    def groups(self, vpc: str, selection: One) -> Sequence[Group]:
        """Return every security group of the VPC that matches the selection."""

    def prefix_lists(self, selection: One) -> Sequence[PrefixList]:
        """Return every managed prefix list that matches the selection, with its entries."""

    def cluster(self, name: str) -> FoundCluster | None:
        """Return the EKS cluster with this name, or None if there is none."""

    def pod_subnets(self, vpc: str, nodes: Group) -> Sequence[FoundSubnet]:
        """Return the subnets of the VPC where pods have addresses now; empty if the account cannot tell.

        Args:
            vpc: The VPC.
            nodes: The group of the nodes.
        """


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Found = TypeVar("Found", bound=_Identified)
Result = TypeVar("Result")


def bind(matrix: Matrix, binding: Binding, stack: str, account: Account) -> Environment:
    """Return the environment, with a place for every external of the matrix outside the cluster.

    Raises:
        InputError: An external has no place, a place has no external, a selection matches nothing or too much, or the
            alerts do not fit the cluster or region. The error holds all mistakes; without an answer from the account,
            it holds only that.
    """
    environment = _Binder(matrix, stack, account).environment(binding)
    guard = binding.guard_rails.guard_rails() if binding.guard_rails else None
    return replace(environment, alerting=bind_alerts(binding.alerts, environment), guard_rails=guard)


@dataclass(frozen=True, slots=True)
class _Binder:
    matrix: Matrix
    stack: str
    account: Account

    def environment(self, binding: Binding) -> Environment:
        outside = [external.name for external in self.matrix.externals if external.namespace is None]
        not_tcp = beyond_tcp(self.matrix, binding.load_balancer.external)
        mistakes = list(self._wrong_places(binding, outside))
        mistakes += [self._refuse("loadBalancer.external", *why) for why in not_tcp]
        with self._gathered(mistakes):
            vpc = self._one("vpc", "VPC", binding.vpc, self.account.vpcs(binding.vpc))
        if any(each.key == f"{BINDING_KEY}.vpc" for each in mistakes):
            refuse_all(mistakes)  # all else is in the VPC
        with self._gathered(mistakes):
            cluster = self._cluster(binding.cluster, vpc)
        with self._gathered(mistakes):
            load_balancer = self._load_balancer(binding.load_balancer, vpc)
        places: list[tuple[str, Place]] = []
        for name in outside:
            with self._gathered(mistakes):
                places += [(name, self._place(name, binding.places[name], vpc))] if name in binding.places else []
        refuse_all(mistakes)
        return Environment(
            self.stack,
            self.account.partition,
            self.account.region,
            self.account.id,
            vpc.id,
            vpc.networks,
            cluster,
            load_balancer,
            tuple(places),
            _flow_logs(binding.flow_logs),
            Quotas(binding.quotas.rules_per_group, binding.quotas.groups_per_interface),
        )

    def _refuse(self, key: str, problem: str, remedy: str) -> InputError:
        return InputError(stack_file(self.stack), f"{BINDING_KEY}.{key}", problem, remedy)

    @contextmanager
    def _gathered(self, mistakes: list[InputError]) -> Iterator[None]:
        """Add the mistakes in the settings that the block raises to a list."""
        try:
            yield
        except InputError as error:
            if error.source != stack_file(self.stack):
                raise
            mistakes += error.each

    def _every(self, lookups: Iterable[Callable[[], Result]]) -> list[Result]:
        """Return what all lookups find, or raise the mistakes of all as one error."""
        found, mistakes = list[Result](), list[InputError]()
        for look in lookups:
            with self._gathered(mistakes):
                found.append(look())
        refuse_all(mistakes)
        return found

    def _wrong_places(self, binding: Binding, outside: list[str]) -> Iterator[InputError]:
        for name in outside:
            if name not in binding.places:
                yield self._refuse(
                    "places", f"the external {name} of traffic.yaml has no place in this stack", f"Add places.{name}"
                )
        for name in binding.places:
            if name not in outside:
                why = (
                    "stands for pods of another namespace, which need no place"
                    if isinstance(self.matrix.endpoints.get(name), External)
                    else "is not an external of traffic.yaml"
                )
                yield self._refuse(f"places.{name}", f"{name} {why}", "Remove it or correct its name")
        front = binding.load_balancer.external
        if front not in outside:
            yield self._refuse(
                "loadBalancer.external",
                f"{front} is not an external of traffic.yaml outside the cluster",
                f"Write one of: {', '.join(outside)}" if outside else "Declare it under externals there",
            )
        elif front in binding.places and binding.places[front].groups:
            yield self._refuse(
                f"places.{front}.groups", "this program creates the load balancer's group", "Remove the groups"
            )

    def _one(self, key: str, kind: str, selection: One, found: Sequence[Found]) -> Found:
        if len(found) == 1:
            return found[0]
        where = f"account {self.account.id} in {self.account.region}"
        if not found:
            raise self._refuse(
                key, f"there is no {kind} {selection} in {where}", f"Correct it, or create the {kind} first"
            )
        names = ", ".join(sorted(one.id for one in found)[:_IDS_SHOWN])
        if len(found) > _IDS_SHOWN:
            names += f" and {len(found) - _IDS_SHOWN} more"
        raise self._refuse(
            key,
            f"{len(found)} matches in {where} for the {kind} {selection}: {names}",
            "Select exactly one, by id if necessary",
        )

    def _group(self, key: str, selection: One, vpc: str) -> Group:
        found = self._one(key, f"security group of {vpc}", selection, self.account.groups(vpc, selection))
        if found.label in self.matrix.endpoints:
            return replace(found, label=found.id)
        return found

    def _cluster(self, entry: ClusterEntry, vpc: FoundVpc) -> Cluster:
        found = self.account.cluster(entry.name)
        if found is None:
            where = f"account {self.account.id} in {self.account.region}"
            raise self._refuse("cluster.name", f"there is no EKS cluster {entry.name} in {where}", "Correct the name")
        if found.vpc != vpc.id:
            problem = f"the cluster {entry.name} is in {found.vpc}, the binding's VPC is {vpc.id}"
            raise self._refuse("cluster.name", problem, "Correct one")
        asked = tuple(enumerate(entry.dns.groups or ()))
        named = [("cluster.nodes", entry.nodes), ("cluster.name", One(id=found.group))]
        named += [(f"cluster.dns.groups[{at}]", each) for at, each in asked if not isinstance(each, ClusterGroup)]
        mistakes = list[InputError]()
        with self._gathered(mistakes):
            nodes, own, *others = self._every(partial(self._group, key, each, vpc.id) for key, each in named)
        with self._gathered(mistakes):
            resolvers = self._resolvers(entry, found, vpc)
        with self._gathered(mistakes):
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
        )

    def _resolvers(self, entry: ClusterEntry, cluster: FoundCluster, vpc: FoundVpc) -> tuple[Network, ...]:
        """Return the addresses of NodeLocal DNSCache, if there is one, and of the Service that it replaces."""
        if entry.dns.mode is not DnsMode.NODE_LOCAL:
            return ()
        address = entry.dns.address
        known, is_vpc_known = (*vpc.networks, *cluster.services), self.account.id != SYMBOLIC_ID
        for why in no_resolver(address, known, is_vpc_known=is_vpc_known):
            raise self._refuse("cluster.dns.address", *why)
        services = next((each for each in cluster.services if each.version == address.version), None)
        if services is None:
            default = "" if "address" in entry.dns.model_fields_set else ", the default,"
            raise self._refuse(
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
        found = [block for each in self.account.pod_subnets(vpc.id, nodes) for block in each.networks]
        return _ordered(each for each in (*found, *written) if each.version in families)

    def _written_pod_networks(self, entry: ClusterEntry, cluster: FoundCluster, vpc: FoundVpc) -> tuple[Network, ...]:
        families = {each.version for each in cluster.services}
        written = self._subnet_networks("cluster.podSubnets", entry.pod_subnets, vpc) if entry.pod_subnets else ()
        if written and not families & {each.version for each in written}:
            family = f"IPv{min(families)}"
            raise self._refuse(
                "cluster.podSubnets",
                f"none of these subnets has {family} addresses, and pods of {entry.name} have no others (its Service "
                f"range is {cluster.services[0]})",
                f"Name subnets with {family} blocks, or correct cluster.name",
            )
        return written

    def _load_balancer(self, entry: LoadBalancerEntry, vpc: FoundVpc) -> LoadBalancer:
        clients: tuple[Network, ...] | PrefixList
        if entry.clients.prefix_list:
            clients = self._prefix_list("loadBalancer.clients.prefixList", entry.clients.prefix_list, vpc)
        else:
            clients = self._cidrs("loadBalancer.clients.cidrs", entry.clients.cidrs or (), vpc)
        return LoadBalancer(entry.external, tuple(sorted(set(entry.listeners))), clients)

    def _prefix_list(self, key: str, selection: One, vpc: FoundVpc) -> PrefixList:
        found = self._one(key, "managed prefix list", selection, self.account.prefix_lists(selection))
        if found.family not in _families(vpc):
            raise self._refuse(
                key,
                f"the managed prefix list {found.label} contains IPv{found.family}, and {vpc.id} has no "
                f"IPv{found.family} block",
                "Select a list of the VPC's family",
            )
        return found

    def _cidrs(self, key: str, networks: Sequence[Network], vpc: FoundVpc) -> tuple[Network, ...]:
        refuse_all(
            self._refuse(
                f"{key}[{index}]",
                f"{network} is IPv{network.version}, and {vpc.id} has no IPv{network.version} block",
                "Write a CIDR of the VPC's family",
            )
            for index, network in enumerate(networks)
            if network.version not in _families(vpc)
        )
        return _ordered(networks)

    def _place(self, name: str, entry: PlaceEntry, vpc: FoundVpc) -> Place:
        key, mistakes = f"places.{name}", list[InputError]()
        with self._gathered(mistakes):
            networks, prefix_list = self._addresses(key, entry, vpc)
        with self._gathered(mistakes):
            asked = enumerate(entry.groups)
            groups = self._every(partial(self._group, f"{key}.groups[{at}]", each, vpc.id) for at, each in asked)
        refuse_all(mistakes)
        return Place(networks, prefix_list, tuple(sorted(set(groups))))

    def _addresses(self, key: str, entry: PlaceEntry, vpc: FoundVpc) -> tuple[tuple[Network, ...], PrefixList | None]:
        if entry.subnets:
            return self._subnet_networks(f"{key}.subnets", entry.subnets, vpc), None
        if entry.prefix_list:
            prefix_list = self._prefix_list(f"{key}.prefixList", entry.prefix_list, vpc)
            networks = _ordered(prefix_list.networks)
            if not networks:
                raise self._refuse(
                    f"{key}.prefixList",
                    f"the managed prefix list {prefix_list.label} ({prefix_list.id}) has no entries",
                    "Add entries to it, or give subnets or cidrs instead",
                )
            return networks, prefix_list
        return self._cidrs(f"{key}.cidrs", entry.cidrs or (), vpc), None

    def _subnet_networks(self, key: str, selection: Some, vpc: FoundVpc) -> tuple[Network, ...]:
        kind = f"subnet of {vpc.id}"
        asked = ((one, self.account.subnets(vpc.id, one)) for one in selection.each())
        found = self._every(partial(self._one, key, kind, *each) for each in asked)
        if selection.tags:
            found.extend(self.account.subnets(vpc.id, selection))
            if not found:
                raise self._refuse(key, f"there is no {kind} {selection}", "Correct the tags")
        return _ordered(network for subnet in found for network in subnet.networks)


def _flow_logs(entry: FlowLogsEntry) -> FlowLogSettings:
    return FlowLogSettings(entry.destination, entry.retention_days, entry.on_destroy, entry.scan_limit_gibibytes)


def _families(vpc: FoundVpc) -> set[int]:
    return {network.version for network in vpc.networks}


def _ordered(networks: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(sorted(set(networks), key=lambda network: (network.version, network)))
