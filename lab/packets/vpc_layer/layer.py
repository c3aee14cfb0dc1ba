"""The VPC layer of a declaration on packets: in an account, at the interfaces of all ends, and judged."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, ip_network

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.addresses import AddressRange
from lab.node.addresses import Addresses
from lab.node.network import NODE_NAMESPACE
from lab.packets.verdicts import Attached, GroupsAnalyzer, Site, View
from lab.packets.vpc_layer.account import Interface, Others, VpcAccount, new_account
from lab.packets.world import End
from lab.vpc.account import Address, read
from lab.vpc.counted import Action, Window
from lab.vpc.judge import ROOM, Judge
from lab.vpc.pods import Pods

_ASKED_ALONE_SECONDS = 3600.0  # who changes the account while packets are tried asks the judge to read it

Packet = tuple[str, int, int, str, int]
"""The source's address, the protocol's number, the source port, the target's own address and its port.

The first is empty where the node's address is the source: it may stand for that of a pod.
"""


@dataclass(slots=True)
class VpcLayer:
    """The VPC layer of one declaration, and of its neighbours in the VPC.

    Attributes:
        account: The account that holds it.
        addresses: Those of the node.
        site: Where the pods are.
        firewalls: The declarations, as compiled with what the product reads in the account.
    """

    account: VpcAccount
    addresses: Addresses
    site: Site
    firewalls: list[CompiledFirewall]
    _attached: Attached = field(default_factory=lambda: Attached({}, frozenset(), ()))

    def attach(self, ends: Iterable[End]) -> GroupsAnalyzer:
        """Make an interface for each end inside the VPC, and return what the product says of its groups."""
        first = self.firewalls[0]
        nodes = sorted(first.environment.cluster.nodes)[:1]
        of_node = self.account.groups_of(first.owner, nodes)
        groups = dict(self._groups(ends))
        pods = [end.address for end in ends if end.pod]
        shared = [address for address in pods if groups.get(address) == of_node]
        own = [Interface((address,), held) for address, held in groups.items() if address not in shared]
        self.account.attach([Interface((str(self.addresses.node), *shared), of_node), *own])
        known = {address: frozenset(held) for address, held in (*groups.items(), (str(self.addresses.node), of_node))}
        network = AddressRange.of_network(self.addresses.network)
        self._attached = Attached(known, frozenset(of_node), (network,))
        return self.analyzer()

    def analyzer(self) -> GroupsAnalyzer:
        """Return what the product says, once it has read the account again: now interfaces have groups beside.

        Raises:
            ValueError: The declaration compiles to other rules than those that are deployed.
        """
        before = [{rule.name for rule in each.vpc.rules} for each in self.firewalls]
        self.firewalls = [self.account.bound(each) for each in self.firewalls]
        if before != [{rule.name for rule in each.vpc.rules} for each in self.firewalls]:
            raise ValueError("the rules of others change what the declaration compiles to")
        views = [View(each.layers(), self.account.holders(each)) for each in self.firewalls]
        return GroupsAnalyzer(views, self._attached, self.site)

    def judge(self, pods: Iterable[IPv4Network], room: int = ROOM) -> Judge:
        """Return what judges the packets of the node as the account says.

        Args:
            pods: Where the addresses of pods are.
            room: How many kinds of packets it counts.
        """
        site = self.site
        at = Pods(self.addresses.node, tuple(pods), site.placement, site.mode, site.translation)
        return Judge(lambda: read(self.account.ec2, self.account.vpc), at, poll=_ASKED_ALONE_SECONDS, room=room)

    def _groups(self, ends: Iterable[End]) -> Iterator[tuple[str, tuple[str, ...]]]:
        for end in ends:
            if end.namespace == NODE_NAMESPACE:
                continue
            if end.groups:
                yield end.address, self.account.groups_of(self.firewalls[end.project].owner, end.groups)
            elif IPv4Address(end.address) in self.addresses.network:
                yield end.address, (self.account.strangers,)


@contextmanager
def vpc_layer(
    firewalls: Sequence[CompiledFirewall], others: Others, site: Site, addresses: Addresses
) -> Iterator[VpcLayer]:
    """Keep declarations in a new account while the block lasts.

    Args:
        firewalls: The declarations, for an account that knows nothing.
        others: What others have in the VPC.
        site: Where the pods are.
        addresses: Those of the node.
    """
    with new_account(ip_network(addresses.network)) as account:
        account.prepare((each.environment for each in firewalls), others)
        bound = []
        for each in firewalls:
            bound.append(account.bound(each))
            account.deploy(bound[-1])
        yield VpcLayer(account, addresses, site, bound)


def rejected(window: Window, node: Address) -> set[Packet]:
    """Return the connections whose packets the groups of an interface rejected, with the address of the node."""
    return {
        (source, each.protocol, each.source_port, str(each.target), each.target_port)
        for each in window.counted
        for source in ("" if each.source == node else str(each.source),)
        if each.action is Action.REJECT
    }
