"""The network interfaces of pods that come and go, as the VPC resource controller of EKS keeps them in an account."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from lab.packets.vpc_layer.account import Interface, VpcAccount

COOLING_SECONDS = 60.0
"""How long the interface of a pod that is gone stays: ``branch-eni-cooldown`` of the controller, by default."""


@dataclass(slots=True)
class PodInterfaces:
    """The interfaces of a firewall's pods. Where no SecurityGroupPolicy selects pods, they share that of the node.

    On EKS the pod has the address of its interface, in each sandbox that kubelet makes for it. In the lab the node
    chooses an address for each sandbox. So the interface is made with the one that the pod should get, and follows the
    pod if it gets another.

    Attributes:
        compiled: The firewall.
        account: Which holds its groups.
        now: The time, in seconds.
    """

    compiled: CompiledFirewall
    account: VpcAccount
    now: Callable[[], float] = time.monotonic
    _held: dict[str, str] = field(default_factory=dict)
    _cooling: list[tuple[float, str]] = field(default_factory=list)

    def expect(self, service: str, addresses: Iterable[str]) -> None:
        """Make the interfaces of pods that start now, as the controller does before a pod may run.

        Raises:
            ClientError: An interface has one of the addresses.
        """
        self._end_cooled()
        for attachment in self.compiled.vpc.attachments:
            if attachment.service == service:
                groups = self.account.groups_of(self.compiled.owner, attachment.groups)
                for address in addresses:
                    (self._held[address],) = self.account.attach([Interface((address,), groups)])

    def follow(self, service: str, expected: Iterable[str], taken: Iterable[str]) -> None:
        """Have the interfaces of pods follow them to the addresses that they took."""
        took = set(taken)
        self.forget(set(expected) - took)
        self.expect(service, sorted(took - self._held.keys()))

    def forget(self, addresses: Iterable[str]) -> None:
        """Have the interfaces of pods that are gone end after a while."""
        due = self.now() + COOLING_SECONDS
        self._cooling += [(due, self._held.pop(address)) for address in addresses if address in self._held]
        self._end_cooled()

    def _end_cooled(self) -> None:
        now = self.now()
        for due, interface in self._cooling:
            if due <= now:
                self.account.ec2.delete_network_interface(NetworkInterfaceId=interface)
        self._cooling = [each for each in self._cooling if each[0] > now]
