"""Both layers of a declaration in force, with the interfaces of pods that come and go."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_network

from flash_ticket.firewall.prove.endpoint import DNS
from lab.node.node import Node
from lab.packets.account import Interface, new_account
from lab.packets.declarations import Declaration
from lab.packets.world import End, groups_of
from lab.restarts.interfaces import PodInterfaces
from lab.vpc.account import read
from lab.vpc.judge import NO_ROOM, Judge
from lab.vpc.pods import Pods

_ASKED_ALONE_SECONDS = 3600.0  # what changes the account asks the judge to read it


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
def in_force(node: Node, declaration: Declaration, hosts: Sequence[End], dns: str) -> Iterator[Firewall]:
    """Keep both layers of a declaration in force while the block lasts.

    Args:
        node: Whose pods they are for.
        declaration: The declaration.
        hosts: What is outside the cluster.
        dns: The address of the pod of the cluster's DNS.
    """
    addresses = node.addresses
    with new_account(ip_network(addresses.network)) as account:
        account.prepare([declaration.firewall.environment], declaration.others)
        compiled = account.bound(declaration.firewall)
        account.deploy(compiled)
        of_node = account.groups_of(compiled.owner, sorted(compiled.environment.cluster.nodes)[:1])
        of_dns = account.groups_of(compiled.owner, groups_of(compiled.layers().named[DNS], DNS))
        own = [Interface((dns,), of_dns)] if of_dns != of_node else []
        own += [
            Interface((host.address,), account.groups_of(compiled.owner, host.groups) or (account.strangers,))
            for host in hosts
            if IPv4Address(host.address) in addresses.network
        ]
        account.attach([Interface((str(addresses.node),), of_node), *own])
        pods = Pods(
            addresses.node,
            (IPv4Network(f"{addresses.first_pod}/24", strict=False),),
            declaration.site.placement,
            declaration.site.mode,
            declaration.site.translation,
        )
        policies = [policy.manifest() for policy in compiled.deployed_pods.policies]
        with Judge(lambda: read(account.ec2, account.vpc), pods, poll=_ASKED_ALONE_SECONDS, room=NO_ROOM) as judge:
            firewall = Firewall(PodInterfaces(compiled, account), judge)
            for manifest in policies:
                node.api.apply(manifest)
            try:
                yield firewall
            finally:
                for manifest in policies:
                    node.api.delete(manifest)
