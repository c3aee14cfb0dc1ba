"""The place outside the cluster that an address belongs to, by its subnets, its groups and the called port."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from ipaddress import ip_address

from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet
from flash_ticket.traffic.attribution.inventory import Interfaces, Inventory

_MOST_ADDRESSES = 100_000
"""How many parsed addresses are cached: a scan from the internet has more addresses than memory should hold."""


class UnknownEnd(Enum):
    """A reason why the endpoint of an address is unknown, with a remedy."""

    NO_ADDRESS = ("the log gives no address", "Nothing can be done about a log without addresses")
    NO_LABELS = (
        "a pod whose labels are neither in the log nor in an inventory",
        "Give --inventory with a listing of that time (kubectl get pods,services -A -o json)",
    )
    UNCERTAIN = (
        "uncertain: another pod may have had the address at that time",
        "Give --inventory with listings of that time too, each as its own file",
    )
    BEFORE_LISTING = (
        "uncertain: a VPC address that no pod had when pods were listed, but that a pod may have had before",
        "Give --inventory with a listing of that time too",
    )
    NO_PODS = (
        "a VPC address, and no pods are known",
        "Give --inventory with a listing of the pods (kubectl get pods,services -A -o json)",
    )
    NO_SERVICES = (
        "a private address outside the VPC, and no Services are known",
        "Give --inventory with the Services (kubectl get pods,services -A -o json), or declare it as an external",
    )
    SHARED = (
        "an address of several externals, and it is unknown which one it is",
        "Give --inventory with the network interfaces, or bind the externals to subnets of their own",
    )

    @property
    def words(self) -> str:
        """The reason in words; an Attribution counts lines by it."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """How to make the endpoint known, in the imperative."""
        return self.value[1]


@dataclass(frozen=True)
class PlaceDirectory:
    """The externals with a place in one environment.

    Several may share subnets. The groups of the interface are the best evidence, then the port that was called.

    Attributes:
        layers: Both layers of the environment.
        inventory: An inventory with the network interfaces, if they are known.
    """

    layers: BothLayers
    inventory: Inventory
    _ranges: dict[str, AddressRange | None] = field(default_factory=dict, compare=False, repr=False)

    def alone(self, address: str) -> Endpoint | None:
        """Return the place that alone has an address; None if there is none."""
        return next((each for each in self.around(address) if each in self._theirs), None)

    def called(self, address: str, port: PortRange | None) -> Endpoint | UnknownEnd | None:
        """Return the place that was called at an address; None if the address belongs to no place."""
        by_group = self._by_group(address)
        candidates: Sequence[Endpoint] = by_group or self.around(address)
        listening = [each for each in candidates if port and self._listens[each].covers(PortSet((port,)))]
        if len(listening) > 1:
            return UnknownEnd.SHARED
        if not listening and not by_group:
            candidates = self._by_address_alone(address, candidates)
        return self._only(address, listening or candidates)

    def caller(self, address: str, called: Endpoint, port: PortRange | None) -> Endpoint | UnknownEnd | None:
        """Return the place that called from an address; None if the address belongs to no place."""
        candidates = self._by_group(address) or self._by_address_alone(address, self.around(address))
        declared = [
            each
            for each in candidates
            if port and self._declared.get((each, called), NO_PORTS).covers(PortSet((port,)))
        ]
        if len(declared) > 1:
            return UnknownEnd.SHARED
        return self._only(address, declared or candidates)

    def is_address(self, text: str) -> bool:
        """Return whether a text is an address."""
        return self._range(text) is not None

    def in_vpc(self, address: str) -> bool:
        """Return whether an address belongs to the VPC."""
        return self.within(address, self._vpc)

    def within(self, address: str, ranges: Iterable[AddressRange]) -> bool:
        """Return whether an address is in one of the ranges."""
        found = self._range(address)
        return found is not None and any(each.covers(found) for each in ranges)

    def _only(self, address: str, candidates: Sequence[Endpoint]) -> Endpoint | UnknownEnd | None:
        """Return the only candidate; with several candidates, a VPC address counts as a host that is none of them."""
        if len(candidates) > 1:
            return None if self.in_vpc(address) else UnknownEnd.SHARED
        return candidates[0] if candidates else None

    def _range(self, address: str) -> AddressRange | None:
        if address not in self._ranges:
            if len(self._ranges) >= _MOST_ADDRESSES:
                self._ranges.clear()
            try:
                self._ranges[address] = AddressRange.of(str(ip_address(address)))
            except ValueError:
                self._ranges[address] = None
        return self._ranges[address]

    def around(self, address: str) -> list[Endpoint]:
        """Return the places whose networks contain an address."""
        return [each for each in self._places if self.within(address, each.ranges)]

    def _by_group(self, address: str) -> list[Endpoint]:
        """Return the places with a group that the interface at an address carries."""
        interface = self._interfaces.at(address)
        groups = interface.groups if interface else ()
        shared = (each for each in self._places if each not in self._theirs)
        return [each for each in shared if self._groups[each].intersection(groups)]

    def _by_address_alone(self, address: str, candidates: Sequence[Endpoint]) -> Sequence[Endpoint]:
        """Leave out the places with groups if the interface is known to carry none of them."""
        if self._interfaces.at(address) is None:
            return candidates
        return [each for each in candidates if not self._groups[each]]

    @cached_property
    def _vpc(self) -> tuple[AddressRange, ...]:
        return tuple(map(AddressRange.of_network, self.layers.environment.vpc_networks))

    @cached_property
    def _places(self) -> tuple[Endpoint, ...]:
        return tuple(self.layers.named[name] for name, _ in self.layers.environment.places)

    @cached_property
    def _theirs(self) -> frozenset[Endpoint]:
        """The places with addresses that nothing else has. Nodes can have the group of the API server, too."""
        places = self.layers.environment.places
        return frozenset(self.layers.named[name] for name, place in places if place.occupants is Occupants.ONLY)

    @cached_property
    def _listens(self) -> Mapping[Endpoint, PortSet]:
        fronts, endpoints = self.layers.environment.fronts, self.layers.matrix.endpoints
        return {
            each: PortSet.of(fronts[each.name].listeners if each.name in fronts else endpoints[each.name].ports)
            for each in self._places
        }

    @cached_property
    def _groups(self) -> Mapping[Endpoint, frozenset[str]]:
        """The ids of the groups on the interfaces of each place, as far as they are known."""
        found = {
            self.layers.named[name]: frozenset(group.id for group in place.groups)
            for name, place in self.layers.environment.places
        }
        labels = self.inventory.deployed.group_labels if self.inventory.deployed else {}
        return found | {
            self.layers.named[front]: frozenset(group for group, label in labels.items() if label == front)
            for front in self.layers.environment.fronts
        }

    @cached_property
    def _interfaces(self) -> Interfaces:
        return Interfaces(self.inventory.interfaces)

    @cached_property
    def _declared(self) -> Mapping[tuple[Endpoint, Endpoint], PortSet]:
        return declared_connections(self.layers)
