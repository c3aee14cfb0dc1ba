"""Which rules of administrators match a connection."""

from collections.abc import Iterable, Iterator

from flash_ticket.firewall.analyse.admin.admin_policy import AdminPolicy, AdminRule
from flash_ticket.firewall.analyse.admin.decision import Match
from flash_ticket.firewall.analyse.policy import AddressPeer, RulePorts
from flash_ticket.firewall.analyse.selection import Selection
from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.terms.addresses import AddressRange, Family, whole, without
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Direction

_EVERY_ADDRESS = (whole(Family.V4),)


class AdminMatching:
    """Finds the policies of administrators that decide about an end of a connection, and their rules that match."""

    def __init__(self, policies: tuple[AdminPolicy, ...], selection: Selection) -> None:
        self._policies = policies
        self._selection = selection
        self._governing: dict[tuple[Workload, Direction], tuple[AdminPolicy, ...]] = {}

    def governing(self, endpoint: Workload | AddressRange, direction: Direction) -> tuple[AdminPolicy, ...]:
        """Return the policies that decide about an end in a direction, by their precedence."""
        if isinstance(endpoint, AddressRange) or not self._policies:
            return ()
        found = self._governing.get((endpoint, direction))
        if found is None:
            found = self._governing[endpoint, direction] = tuple(
                policy
                for policy in self._policies
                if direction in policy.rules and self._selection.is_meant(policy.subject, endpoint)
            )
        return found

    def matches(
        self, direction: Direction, endpoint: Workload | AddressRange, peer: Workload | AddressRange
    ) -> Iterator[Match]:
        """Yield the rules that match a peer of an end, each with the ports that it matches, by precedence.

        Raises:
            InputError: A rule cannot be judged: it names some of the addresses that pods can have.
        """
        destination = endpoint if direction is Direction.INGRESS else peer
        for policy in self.governing(endpoint, direction):
            for rule in policy.rules[direction]:
                if self._means(rule, policy, peer):
                    yield Match(policy, rule, ports_at(rule.ports, destination))

    def _means(self, rule: AdminRule, policy: AdminPolicy, peer: Workload | AddressRange) -> bool:
        if isinstance(peer, AddressRange):
            return any(block.covers(peer) for block in rule.blocks())
        return any(
            takes_in(each, policy, peer) if isinstance(each, AddressPeer) else self._selection.is_meant(each, peer)
            for each in rule.peers
        )


def takes_in(networks: AddressPeer, policy: AdminPolicy, workload: Workload) -> bool:
    """Return whether networks of a rule match the pods of a workload: networks are addresses, and pods have addresses.

    Manifests hold no addresses. Then only networks of all addresses are sure to match a pod.

    Raises:
        InputError: The networks hold some of the addresses that the pods can have, and not all of them.
    """
    known = workload.addresses or _EVERY_ADDRESS
    left = [part for each in known for part in without(each, networks.ranges)]
    if not left:
        return True
    if workload.addresses and left != list(known):
        raise InputError(
            policy.source,
            str(policy),
            f"its networks hold some of the addresses that pods can have (of {workload}), and it cannot be judged",
            "Name whole networks of pods, or name pods by namespace and label",
        )
    return False


def ports_at(ports: RulePorts, destination: Workload | AddressRange) -> PortSet:
    """Return the ports of a rule at a destination; an address has no named ports."""
    return ports.numbered if isinstance(destination, AddressRange) else ports.on(destination)


def private_networks(policies: Iterable[AdminPolicy]) -> Iterator[tuple[AdminPolicy, AddressRange]]:
    """Yield the networks of rules, short of all addresses, that can hold addresses of pods."""
    for policy in policies:
        for direction in policy.rules:
            for block in dict.fromkeys(policy.blocks(direction)):
                if block not in _EVERY_ADDRESS and any(block.overlaps(each) for each in _PRIVATE):
                    yield policy, block


_PRIVATE = tuple(map(AddressRange.of, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
"""The addresses that networks of pods usually have (RFC 1918, 6598 and 4193)."""
