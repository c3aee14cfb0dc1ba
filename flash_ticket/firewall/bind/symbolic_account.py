"""An account in which every selection matches something: the proof uses it to run without AWS.

Places that a binding selects by tags, names or ids get addresses of a range reserved for benchmarks (RFC 2544), one
block for each selection: equal selections are the same place, different selections are different places. The symbolic
account does not know what only AWS knows: how many rules others have put into a group, or the weight of a prefix list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from flash_ticket.firewall.bind.bind import FoundCluster, FoundSubnet, FoundVpc
from flash_ticket.firewall.bind.environment import AWS_PREFIX_LIST_WEIGHTS, Group, PrefixList
from flash_ticket.firewall.declare.binding import One, Some

SYMBOLIC_ID = "000000000000"
"""No account of AWS has this id."""

_WITHIN = IPv4Network("198.18.0.0/16")
_ELSEWHERE = IPv4Network("198.19.0.0/17")
_VPC = FoundVpc("vpc-symbolic", (_WITHIN,))
_SERVICES = IPv4Network("198.19.128.0/17")
_CLUSTER_GROUP = One(id="the group of the cluster")


@dataclass(frozen=True, slots=True)
class SymbolicAccount:
    """Implements ``flash_ticket.firewall.bind.bind.Account`` without network access."""

    region: str
    id: str = SYMBOLIC_ID
    partition: str = "aws"
    _blocks: dict[str, IPv4Network] = field(default_factory=dict)

    def vpcs(self, selection: One) -> Sequence[FoundVpc]:  # noqa: ARG002 - there is only one VPC
        """Return the VPC."""
        return [_VPC]

    def subnets(self, vpc: str, selection: One | Some) -> Sequence[FoundSubnet]:  # noqa: ARG002 - there is only one VPC
        """Return one subnet, the same for the same selection."""
        return [FoundSubnet(f"subnet {selection}", (self._block(f"subnet {selection}", _WITHIN),))]

    def groups(self, vpc: str, selection: One) -> Sequence[Group]:  # noqa: ARG002 - there is only one VPC
        """Return one group, the same for the same selection."""
        name = selection.name or dict(selection.tags or ()).get("Name") or selection.id or str(selection)
        return [Group(str(selection), name)]

    def prefix_lists(self, selection: One) -> Sequence[PrefixList]:
        """Return one IPv4 list, the same for the same selection."""
        name = selection.name or str(selection)
        networks = (self._block(f"list {selection}", _ELSEWHERE),)
        return [PrefixList(str(selection), name, 4, AWS_PREFIX_LIST_WEIGHTS.get(name, len(networks)), networks)]

    def cluster(self, name: str) -> FoundCluster:  # noqa: ARG002 - every cluster exists here
        """Return the cluster, with its own group."""
        return FoundCluster(_VPC.id, str(_CLUSTER_GROUP.id), _SERVICES)

    def pod_subnets(self, vpc: str, nodes: Group) -> Sequence[FoundSubnet]:  # noqa: ARG002 - only AWS knows
        """Return nothing: which subnets hold nodes, only AWS knows."""
        return []

    def _block(self, what: str, within: IPv4Network) -> IPv4Network:
        if what not in self._blocks:
            taken = sum(block.subnet_of(within) for block in self._blocks.values())
            self._blocks[what] = IPv4Network((int(within.network_address) + (taken << 4), 28))
        return self._blocks[what]
