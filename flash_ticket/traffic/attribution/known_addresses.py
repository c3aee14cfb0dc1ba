"""Who has which address according to an inventory, for questions about an address."""

from collections.abc import Iterator

from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.address_ends import Held, Holder, KnownAddresses
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.traffic.attribution.attributed_traffic import refuse_unplaced
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.attribution.pod_history import PodHistory


def in_environment(firewall: CompiledFirewall, inventory: Inventory) -> CompiledFirewall:
    """Return a firewall compiled for the environment of an inventory; if it holds none, the same firewall.

    Raises:
        InputError: An external has no place in that environment.
    """
    if inventory.environment is None:
        return firewall
    refuse_unplaced(firewall.matrix, inventory.environment, MATRIX_FILE)
    return compile_firewall(firewall.matrix, inventory.environment, firewall.suspensions)


def known_addresses(inventory: Inventory) -> KnownAddresses:
    """Return who had which address when the inventory was taken.

    A pod on its node's network has the address of the node, and so has the node's interface.
    """
    return KnownAddresses(dict((*_interfaces(inventory), *_services(inventory), *_pods(inventory), *_nodes(inventory))))


def _interfaces(inventory: Inventory) -> Iterator[tuple[str, Held]]:
    labels = inventory.deployed.group_labels if inventory.deployed else {}
    for interface in inventory.interfaces:
        groups = frozenset((*interface.groups, *(labels[each] for each in interface.groups if each in labels)))
        for address in interface.addresses:
            yield address, Held(Holder.INTERFACE, groups=groups)


def _services(inventory: Inventory) -> Iterator[tuple[str, Held]]:
    for service in inventory.services:
        for address in service.addresses if service.selector else ():
            yield (
                address,
                Held(Holder.SERVICE, service.namespace, service.name, service.selector, ports=service.ports),
            )


def _pods(inventory: Inventory) -> Iterator[tuple[str, Held]]:
    for pod in inventory.pods:
        for address in pod.addresses if pod.until is None else ():
            yield address, Held(Holder.POD, pod.namespace, pod.name, pod.labels)


def _nodes(inventory: Inventory) -> Iterator[tuple[str, Held]]:
    for address in PodHistory(inventory.pods).nodes:
        yield address, Held(Holder.NODE)
