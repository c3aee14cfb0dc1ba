"""What one end of connections allows, as precisely as a layer can distinguish the peers.

A layer identifies peers directly (pods by their labels, interfaces by their group) or by their address.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from flash_ticket.firewall.terms.addresses import AddressRange, Family, whole
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortRange, PortSet

PeerT = TypeVar("PeerT", bound=Hashable)


@dataclass(slots=True)
class Permissions(Generic[PeerT]):
    """The ports that are open to each peer, and to each range of addresses.

    Attributes:
        peers: The open ports of each peer; port ranges may overlap.
        addresses: The open ports of each address range; the ranges may overlap, and then add up.
    """

    peers: dict[PeerT, set[PortRange]] = field(default_factory=dict)
    addresses: dict[AddressRange, set[PortRange]] = field(default_factory=dict)

    @staticmethod
    def everything(peers: Iterable[PeerT]) -> "Permissions[PeerT]":
        """Return permissions with all ports open to the peers and to every address."""
        found: Permissions[PeerT] = Permissions()
        found.open(peers, (whole(family) for family in Family), ALL_PORTS)
        return found

    def open(self, peers: Iterable[PeerT], addresses: Iterable[AddressRange], ports: Iterable[PortRange]) -> None:
        """Open ports to peers and addresses."""
        ports = tuple(ports)
        for peer in peers:
            self.peers.setdefault(peer, set()).update(ports)
        for block in addresses:
            self.addresses.setdefault(block, set()).update(ports)

    def beyond(self, other: "Permissions[PeerT]") -> Iterator[tuple[PeerT | AddressRange, PortSet]]:
        """Yield what is open here but not in the other permissions; address ranges are cut into uniform parts."""
        for peer, ports in self.peers.items():
            known = other.peers.get(peer, set())
            if not ports <= known and (left := PortSet.of(ports) - PortSet.of(known)):
                yield peer, left
        for block, ports in self.addresses.items():
            if not ports <= other.addresses.get(block, set()):
                yield from other.missing_of(block, PortSet.of(ports))

    def missing_of(self, block: AddressRange, ports: PortSet) -> Iterator[tuple[AddressRange, PortSet]]:
        """Yield the parts of a range where some of the ports are not open here, with those ports."""
        overlapping = [each for each in self.addresses if each.overlaps(block)]
        starts = {block.first}
        for each in overlapping:
            starts |= {max(each.first, block.first), min(each.last, block.last) + 1}
        firsts = sorted(starts - {block.last + 1})
        for first, after in zip(firsts, [*firsts[1:], block.last + 1], strict=True):
            part = AddressRange(block.family, first, after - 1)
            known = PortSet.of(port for each in overlapping if each.covers(part) for port in self.addresses[each])
            if left := ports - known:
                yield part, left
