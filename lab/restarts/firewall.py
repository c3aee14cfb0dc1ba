"""Both layers of a declaration in force, with the interfaces of pods that come and go."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

from flash_ticket.firewall.prove.endpoint import DNS
from lab.node.network import pod_namespaces
from lab.node.node import DNS_POD, Node
from lab.packets.declarations import Declaration
from lab.packets.vpc_layer.layer import vpc_layer
from lab.packets.world import End, groups_of
from lab.restarts.interfaces import PodInterfaces
from lab.vpc.judge import NO_ROOM, Judge


@dataclass(frozen=True, slots=True)
class Firewall:
    """The firewall of a declaration.

    Attributes:
        interfaces: Those of its pods.
        judge: Judges by the account.
    """

    interfaces: PodInterfaces
    judge: Judge

    def expect(self, service: str, addresses: Iterable[str]) -> None:
        """Have the rules of pods that start now in force before they run."""
        self.interfaces.expect(service, addresses)
        self.judge.settle()

    def follow(self, service: str, expected: Iterable[str], taken: Iterable[str]) -> None:
        """Have the rules of pods in force at the addresses that they took."""
        self.interfaces.follow(service, expected, taken)
        self.judge.settle()

    def forget(self, addresses: Iterable[str]) -> None:
        """Have the interfaces of pods that are gone end."""
        self.interfaces.forget(addresses)
        self.judge.settle()


@contextmanager
def in_force(node: Node, declaration: Declaration, hosts: Sequence[End]) -> Iterator[Firewall]:
    """Keep both layers of a declaration in force while the block lasts.

    Args:
        node: Whose pods they are for.
        declaration: The declaration.
        hosts: What is outside the cluster.
    """
    with vpc_layer([declaration.firewall], declaration.others, declaration.site, node.addresses) as vpc:
        address = node.wait_until_ready({DNS: DNS_POD})[DNS]
        groups = groups_of(vpc.firewalls[0].layers().named[DNS], DNS)
        vpc.attach([End(DNS, pod_namespaces()[address], address, DNS_POD, groups=groups), *hosts])
        compiled = vpc.firewalls[0]
        policies = [policy.manifest() for policy in compiled.deployed_pods.policies]
        with vpc.judge([IPv4Network(f"{node.addresses.first_pod}/24", strict=False)], NO_ROOM) as judge:
            for manifest in policies:
                node.api.apply(manifest)
            try:
                yield Firewall(PodInterfaces(compiled, vpc.account), judge)
            finally:
                for manifest in policies:
                    node.api.delete(manifest)
