"""An account where every selection matches something: the proof uses it to run without AWS.

Places that a binding selects by tags, names or ids get addresses of ranges reserved for benchmarks (RFC 2544 and 5180),
one block for each selection: equal selections are the same place, different selections are different places. The VPC
has IPv6 addresses if the binding contains any.

The symbolic account does not know what only AWS knows: how many rules others have put into a group, or the weight of a
prefix list.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from flash_ticket.firewall.bind.account import FoundCluster, FoundEndpoint, FoundFlowLog, FoundSubnet, FoundVpc
from flash_ticket.firewall.bind.environment import (
    NO_FURTHER_GROUPS,
    SYMBOLIC_ID,
    FurtherGroups,
    Group,
    PrefixList,
)
from flash_ticket.firewall.bind.known_places import aws_weight
from flash_ticket.firewall.declare.binding import Binding
from flash_ticket.firewall.declare.choices import DnsMode, LogDestination, Network, RecordedTraffic
from flash_ticket.firewall.declare.sections.selection import One, Some
from flash_ticket.firewall.terms.addresses import AddressRange, Family

_SYMBOLIC = tuple(map(AddressRange.of, ("198.18.0.0/15", "2001:2::/48")))
_WITHIN = {Family.V4: ip_network("198.18.0.0/16"), Family.V6: ip_network("2001:2::/49")}
_ELSEWHERE = {Family.V4: ip_network("198.19.0.0/17"), Family.V6: ip_network("2001:2:0:8000::/50")}
_SERVICES = {Family.V4: ip_network("198.19.128.0/17"), Family.V6: ip_network("2001:2:0:c000::/108")}
_FREE_BITS = {Family.V4: 4, Family.V6: 64}
"""The host bits of the block that a selection gets; a subnet of a VPC has 64 of IPv6."""

_VPC = "vpc-symbolic"
_GATEWAYS = {"s3", "dynamodb"}
"""The services that have gateway endpoints (AWS PrivateLink Guide, "Gateway endpoints")."""
_CLUSTER_GROUP = One(id="the group of the cluster")
_OF_IPV6 = ".ipv6."
"""The names of AWS's own prefix lists of IPv6 contain it (Amazon VPC User Guide, AWS-managed prefix lists)."""


def is_symbolic(block: AddressRange) -> bool:
    """Return whether a block stands for addresses that only AWS knows."""
    return any(each.covers(block) for each in _SYMBOLIC)


@dataclass(frozen=True, slots=True)
class SymbolicAccount:
    """Implements ``flash_ticket.firewall.bind.bind.Account`` without network access.

    Attributes:
        families: The families of the VPC's addresses. Every VPC has IPv4 addresses.
        of_pods: The families that pods and Services may have. A cluster has one; with several, it is not known which.
    """

    region: str
    id: str = SYMBOLIC_ID
    partition: str = "aws"
    families: tuple[Family, ...] = (Family.V4,)
    of_pods: tuple[Family, ...] = (Family.V4,)
    _blocks: dict[Network, dict[str, Network]] = field(default_factory=dict)

    @staticmethod
    def of(region: str, binding: Binding) -> "SymbolicAccount":
        """Return an account with every address family that a binding needs."""
        asked, known = _asked(binding), _of_pods(binding)
        families = tuple(sorted({Family.V4, *asked, *known}))
        return SymbolicAccount(region, families=families, of_pods=known or families)

    def vpcs(self, selection: One) -> Sequence[FoundVpc]:  # noqa: ARG002 - there is only one VPC
        """Return the VPC."""
        return [FoundVpc(_VPC, tuple(_WITHIN[each] for each in self.families))]

    def subnets(self, vpc: str, selection: One | Some) -> Sequence[FoundSubnet]:  # noqa: ARG002 - there is only one VPC
        """Return one subnet, the same for the same selection."""
        name = f"subnet {selection}"
        return [FoundSubnet(name, self._blocks_of(name))]

    def groups(self, vpc: str, selection: One) -> Sequence[Group]:  # noqa: ARG002 - there is only one VPC
        """Return one group, the same for the same selection."""
        name = selection.name or dict(selection.tags or ()).get("Name") or selection.id or str(selection)
        return [Group(str(selection), name)]

    def prefix_lists(self, selection: One) -> Sequence[PrefixList]:
        """Return one list, the same for the same selection; it is of IPv4 if its name does not tell."""
        name = selection.name or str(selection)
        if selection.id and selection.id.startswith("com.amazonaws."):  # the id that an endpoint has here
            name = selection.id
        family = _family_of(selection)
        networks = (self._block(f"list {selection}", _ELSEWHERE[family]),)
        weight = aws_weight(name) or len(networks)
        return [PrefixList(str(selection), name, family.value, weight, networks)]

    def cluster(self, name: str) -> FoundCluster:  # noqa: ARG002 - every cluster exists here
        """Return the cluster, with its own group."""
        return FoundCluster(_VPC, str(_CLUSTER_GROUP.id), tuple(_SERVICES[each] for each in self.of_pods))

    def endpoints(self, vpc: str, services: Collection[str]) -> Sequence[FoundEndpoint]:  # noqa: ARG002 - only one VPC
        """Return one endpoint of each service."""
        return [self._endpoint(each) for each in services]

    def _endpoint(self, service: str) -> FoundEndpoint:
        name = f"endpoint of {service}"
        if service in _GATEWAYS:
            return FoundEndpoint(name, service, prefix_list=f"com.amazonaws.{self.region or 'region'}.{service}")
        return FoundEndpoint(name, service, "", self._blocks_of(name), (name,))

    def api_interfaces(self, vpc: str, cluster: str) -> Sequence[Network]:  # noqa: ARG002 - there is only one VPC
        """Return one block, the same for the same cluster."""
        return self._blocks_of(f"API server of {cluster}")

    def _blocks_of(self, name: str) -> tuple[Network, ...]:
        return tuple(self._block(name, _WITHIN[each]) for each in self.families)

    def beside_load_balancer(self, vpc: str, external: str) -> FurtherGroups:  # noqa: ARG002 - only AWS knows
        """Return nothing: which interfaces the load balancer has, only AWS knows."""
        return NO_FURTHER_GROUPS

    def flow_log(self, id_: str) -> FoundFlowLog:
        """Return the flow log of the VPC; where it delivers, only AWS knows."""
        return FoundFlowLog(id_, _VPC, LogDestination.S3, (), RecordedTraffic.ALL)

    def pod_subnets(self, vpc: str, nodes: Sequence[Group]) -> Sequence[FoundSubnet]:  # noqa: ARG002 - only AWS knows
        """Return nothing: which subnets hold nodes, only AWS knows."""
        return []

    def _block(self, what: str, within: Network) -> Network:
        blocks, bits = self._blocks.setdefault(within, {}), _FREE_BITS[Family(within.version)]
        if what not in blocks:
            first = int(within.network_address) + (len(blocks) << bits)
            blocks[what] = ip_network((first, within.max_prefixlen - bits))
        return blocks[what]


def _asked(binding: Binding) -> set[Family]:
    """Return the families of the addresses that a binding contains."""
    fronts = [binding.load_balancer] if binding.load_balancer else [*binding.load_balancers.values()]
    clients = [each.clients for each in fronts if each.clients]
    places = [*binding.places.values()]
    lists = [each.prefix_list for each in clients] + [each.prefix_list for each in places]
    cidrs = [network for each in clients for network in each.cidrs or ()]
    cidrs += [network for each in places for network in (*(each.cidrs or ()), *each.left_out)]
    return {*(_family_of(each) for each in lists if each), *(Family(network.version) for network in cidrs)}


def _of_pods(binding: Binding) -> tuple[Family, ...]:
    """Return the family of pods, which is that of their resolver on the node; empty if a binding does not tell."""
    dns = binding.cluster.dns
    return (Family(dns.address.version),) if dns.mode is DnsMode.NODE_LOCAL else ()


def _family_of(selection: One) -> Family:
    return Family.V6 if _OF_IPV6 in (selection.name or "") else Family.V4
