"""The load balancers that a binding names, checked against the matrix and the account."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flash_ticket.firewall.bind.account import FoundVpc
from flash_ticket.firewall.bind.environment import LoadBalancer, Place, PrefixList
from flash_ticket.firewall.bind.impossible import beyond_tcp, beyond_the_nlb
from flash_ticket.firewall.bind.lookup import Lookup, ordered
from flash_ticket.firewall.declare.binding import Binding
from flash_ticket.firewall.declare.choices import ClientAddresses, LoadBalancerGroup, LoadBalancerKind, Network
from flash_ticket.firewall.declare.sections.load_balancers import Clients, LoadBalancerEntry, NamedLoadBalancerEntry
from flash_ticket.firewall.terms.input_error import InputError, refuse_all

_ONE = "loadBalancer"
"""The key of the only load balancer. Its external is a value, and with several load balancers it is the key."""


@dataclass(frozen=True, slots=True)
class LoadBalancerBinder:
    """Finds the load balancers with the lookup of their stack."""

    lookup: Lookup

    def wrong(self, binding: Binding, outside: list[str]) -> Iterator[InputError]:
        """Yield the mistakes that need no account.

        Args:
            binding: The binding of the stack.
            outside: The externals of the matrix outside the cluster.
        """
        for key, name, entry in _entries(binding):
            named = f"{key}.external" if key == _ONE else key
            if name not in outside:
                yield self.lookup.refuse(
                    named,
                    f"{name} is not an external of traffic.yaml outside the cluster",
                    f"Write one of: {', '.join(outside)}" if outside else "Declare it under externals there",
                )
                continue
            place = binding.places.get(name)
            if place and place.namespace:
                yield self.lookup.refuse(
                    f"places.{name}.namespace", f"{name} is the load balancer, not pods", "Give its subnets"
                )
            elif place and place.groups:
                said = (
                    ("this program creates the load balancer's group", "Remove the groups")
                    if _group(entry) is LoadBalancerGroup.OWN
                    else ("the load balancer has no group", f"Remove the groups, or remove group from {key}")
                )
                yield self.lookup.refuse(f"places.{name}.groups", *said)
            if _client_addresses(entry) is ClientAddresses.PRESERVED and place and place.prefix_list:
                yield self.lookup.refuse(
                    f"places.{name}.prefixList",
                    "the targets of the load balancer see its clients' addresses, too, and no list contains both",
                    "Give the subnets of the load balancer",
                )
            for why in self._impossible(name, entry):
                yield self.lookup.refuse(named, *why)

    def _impossible(self, name: str, entry: LoadBalancerEntry | NamedLoadBalancerEntry) -> Iterator[tuple[str, str]]:
        if _kind(entry) is LoadBalancerKind.ALB:
            return beyond_tcp(self.lookup.matrix, name)
        return beyond_the_nlb(self.lookup.matrix, name, _client_addresses(entry))

    def load_balancers(self, binding: Binding, vpc: FoundVpc) -> tuple[LoadBalancer, ...]:
        """Return the load balancers, sorted by name.

        Raises:
            InputError: A prefix list is not there, or the VPC has no addresses of the family of a client.
        """
        found, mistakes = list[LoadBalancer](), list[InputError]()
        for key, name, entry in _entries(binding):
            with self.lookup.gathered(mistakes):
                found.append(self._found(key, name, entry, vpc))
        refuse_all(mistakes)
        return tuple(sorted(found, key=lambda each: each.external))

    def _found(
        self, key: str, name: str, entry: LoadBalancerEntry | NamedLoadBalancerEntry, vpc: FoundVpc
    ) -> LoadBalancer:
        clients = self._clients(f"{key}.clients", entry.clients, vpc) if entry.clients else ()
        found = LoadBalancer(
            name,
            tuple(sorted(set(entry.listeners or ()))),
            clients,
            kind=_kind(entry),
            group=_group(entry),
            client_addresses=_client_addresses(entry),
        )
        if found.group is LoadBalancerGroup.NONE:
            return found
        return replace(found, beside=self.lookup.account.beside_load_balancer(vpc.id, name))

    def _clients(self, key: str, entry: Clients, vpc: FoundVpc) -> tuple[Network, ...] | PrefixList:
        if entry.prefix_list:
            return self.lookup.prefix_list(f"{key}.prefixList", entry.prefix_list, vpc)
        return self.lookup.cidrs(f"{key}.cidrs", entry.cidrs or (), vpc)


def as_targets_see(place: Place, balancer: LoadBalancer | None) -> Place:
    """Return the place of a load balancer with the addresses of its clients, if its targets see them.

    The health checks always come from the load balancer's own addresses.
    """
    if balancer is None or balancer.client_addresses is ClientAddresses.HIDDEN:
        return place
    return replace(place, networks=ordered((*place.networks, *balancer.networks_of_clients)))


def _entries(binding: Binding) -> Iterator[tuple[str, str, LoadBalancerEntry | NamedLoadBalancerEntry]]:
    """Yield the key, the external and the entry of each load balancer."""
    if binding.load_balancer:
        yield _ONE, binding.load_balancer.external, binding.load_balancer
    for name, entry in binding.load_balancers.items():
        yield f"loadBalancers.{name}", name, entry


def _kind(entry: LoadBalancerEntry | NamedLoadBalancerEntry) -> LoadBalancerKind:
    return entry.kind if isinstance(entry, NamedLoadBalancerEntry) else LoadBalancerKind.ALB


def _group(entry: LoadBalancerEntry | NamedLoadBalancerEntry) -> LoadBalancerGroup:
    return entry.group if isinstance(entry, NamedLoadBalancerEntry) else LoadBalancerGroup.OWN


def _client_addresses(entry: LoadBalancerEntry | NamedLoadBalancerEntry) -> ClientAddresses:
    return entry.client_addresses if isinstance(entry, NamedLoadBalancerEntry) else ClientAddresses.HIDDEN
