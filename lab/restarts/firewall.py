"""Both layers of a declaration in force, with the interfaces of pods that come and go."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, ip_network

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.prove.endpoint import DNS
from lab.node.node import Node
from lab.packets.account import Interface, VpcAccount, new_account
from lab.packets.declarations import Declaration
from lab.packets.world import End, groups_of
from lab.vpc.account import read
from lab.vpc.judge import NO_ROOM, Judge
from lab.vpc.pods import Pods

_ASKED_ALONE_SECONDS = 3600.0  # what changes the account asks the judge to read it


@dataclass(slots=True)
class Firewall:
    """The firewall of a declaration.

    Attributes:
        compiled: As compiled with what the product reads in the account.
        account: Which holds its groups and rules.
        judge: Judges by the account.
    """

    compiled: CompiledFirewall
    account: VpcAccount
    judge: Judge
    _interfaces: dict[str, str] = field(default_factory=dict)

    def expect(self, service: str, addresses: Iterable[str]) -> None:
        """Make the interfaces of pods that start now, as the VPC resource controller does before a pod may run.

        Where no SecurityGroupPolicy selects the pods, they share the interface of the node.
        """
        for attachment in self.compiled.vpc.attachments:
            if attachment.service == service:
                groups = self.account.groups_of(self.compiled.owner, attachment.groups)
                for address in addresses:
                    (self._interfaces[address],) = self.account.attach([Interface((address,), groups)])
                self.judge.settle()

    def forget(self, addresses: Iterable[str]) -> None:
        """Delete the interfaces of pods that are gone."""
        for address in addresses:
            if address in self._interfaces:
                self.account.ec2.delete_network_interface(NetworkInterfaceId=self._interfaces.pop(address))
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
            firewall = Firewall(compiled, account, judge)
            for manifest in policies:
                node.api.apply(manifest)
            try:
                yield firewall
            finally:
                for manifest in policies:
                    node.api.delete(manifest)
