"""The security groups that the interfaces at the ends of a conversation carry, and those that they should carry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.traffic.attribution.attribution import Conversation
from flash_ticket.traffic.attribution.inventory import Interface, Interfaces, Inventory
from flash_ticket.traffic.denials.cause import Cause, Suspect
from flash_ticket.traffic.records.record import PodIdentity


@dataclass(frozen=True)
class InterfaceGroups:
    """The security groups of interfaces, as far as an inventory contains them.

    Attributes:
        inventory: It contains the interfaces and the deployed groups of the stack.
    """

    inventory: Inventory

    def missing(self, conversations: Sequence[Conversation]) -> Iterator[Cause]:
        """Yield a cause for each interface that lacks a group of its end; pods need all of theirs."""
        found: dict[str, Cause] = {}
        for each in conversations:
            ends = ((each.source, each.sources, each.callers), (each.destination, each.destinations, each.called))
            for endpoint, addresses, pods in ends:
                for address in addresses:
                    interface, wanted = self._interfaces.at(address), self._wanted(endpoint)
                    lacking = wanted - set(interface.groups) if interface else frozenset()
                    if interface and lacking and (endpoint.has_own_group or lacking == wanted):
                        found[interface.id] = self._lacking(interface, address, endpoint, lacking, pods)
        yield from (found[interface] for interface in sorted(found))

    def are_known(self, about: Conversation) -> bool:
        """Return whether the interfaces at both ends are known, and the groups that they should carry."""
        ends = ((about.source, about.sources), (about.destination, about.destinations))
        return all(
            self._wanted(endpoint) and any(self._interfaces.at(address) for address in addresses)
            for endpoint, addresses in ends
        )

    def _lacking(
        self,
        interface: Interface,
        address: str,
        endpoint: Endpoint,
        wanted: frozenset[str],
        pods: Sequence[PodIdentity],
    ) -> Cause:
        groups = ", ".join(sorted(wanted))
        problem = f"the interface {interface.id} of {endpoint.name} ({address}) lacks {groups}"
        if not endpoint.workload:
            return Cause(Suspect.MISSING_GROUP, problem, f"Attach {groups} to it")
        names = " ".join(pod.name for pod in self._at(address, pods)) or "POD"
        namespace = endpoint.workload.namespace
        return Cause(
            Suspect.MISSING_GROUP,
            problem,
            "A SecurityGroupPolicy applies only to new pods: restart the pod "
            f"(kubectl -n {namespace} delete pod {names})",
        )

    def _at(self, address: str, pods: Sequence[PodIdentity]) -> Iterator[PodIdentity]:
        """Yield the pods of a conversation that have the address."""
        having = {(pod.namespace, pod.name) for pod in self.inventory.pods if address in pod.addresses}
        return (pod for pod in pods if (pod.namespace, pod.name) in having)

    def _wanted(self, endpoint: Endpoint) -> frozenset[str]:
        """Return the ids of the groups of an endpoint. Empty if not known."""
        found: set[str] = set()
        for group in endpoint.groups:
            if isinstance(group, OwnGroup):
                found |= self._own.get(group.label, set())
            else:
                found.add(group.id)
        return frozenset(found)

    @cached_property
    def _own(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for group, label in (self.inventory.deployed.group_labels if self.inventory.deployed else {}).items():
            found.setdefault(label, set()).add(group)
        return found

    @cached_property
    def _interfaces(self) -> Interfaces:
        return Interfaces(self.inventory.interfaces)
