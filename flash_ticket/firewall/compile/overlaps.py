"""ipBlocks of the compiled policies that match more than the place they are for: pods, Services, the VPC, the internet.

Whether they match pods and Services depends on the network plug-in: see ``flash_ticket.firewall.analyse.enforcement``.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network

from flash_ticket.firewall.analyse.enforcement import Enforcement
from flash_ticket.firewall.bind.environment import SYMBOLIC_ID, Environment, LoadBalancer
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.compile.pod_layer import DeclaredAddresses, NetworkPolicy, PodFirewall, PolicyRule
from flash_ticket.firewall.declare.built_in import key_of_place
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.terms.addresses import PRIVATE_BLOCKS, AddressRange, takes_in_the_internet, without
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import PortRange, listing
from flash_ticket.firewall.terms.verdict import Direction

_USUAL = tuple(ip_network(block) for block in (*PRIVATE_BLOCKS, "2000::/3"))
"""Where the addresses of a VPC usually are (Amazon VPC User Guide, VPC CIDR blocks). Those of IPv6 are public."""


class Covered(StrEnum):
    """What an ipBlock matches besides its place."""

    PODS = "pods"
    MAYBE_PODS = "addresses that a VPC may have, which only the account can compare with those of pods"
    SERVICES = "Services"
    INTERNET = "the internet"
    VPC = "the whole VPC"


@dataclass(frozen=True, slots=True, order=True)
class Overlap:
    """A rule of a service whose ipBlocks match pods or Services.

    Attributes:
        place: The name of the rule's other end.
        covered: What the ipBlocks match as well.
        service: The service whose policy has the rule.
        direction: The rule's direction.
        ports: The rule's ports.
        networks: The addresses that both have.
    """

    place: str
    covered: Covered
    service: str
    direction: Direction
    ports: tuple[PortRange, ...]
    networks: tuple[str, ...]

    def __str__(self) -> str:
        """Return what the rule allows, with ``it`` for what the ipBlock matches as well."""
        if self.direction is Direction.INGRESS:
            return f"it may reach {self.service} on {listing(self.ports)}"
        return f"{self.service} may reach it on {listing(self.ports)}"


def overlaps(environment: Environment, firewall: PodFirewall) -> tuple[Overlap, ...]:
    """Return the rules whose ipBlocks match more than their place, sorted."""
    cluster = environment.cluster
    found: list[Overlap] = []
    alone = {name for name, place in environment.places if place.occupants is Occupants.ONLY}
    for policy in firewall.allows:
        for direction in policy.directions:
            for rule in (each for each in policy.rules if alone.isdisjoint(each.flow.split(" -> "))):
                found += _wide(environment, policy, direction, rule)
                if not cluster.enforcement.matches_addresses:
                    continue
                among_pods = list(_of_rule(policy, direction, rule, Covered.PODS, environment.pod_networks))
                found += among_pods
                if environment.account == SYMBOLIC_ID and not among_pods:
                    found += _of_rule(policy, direction, rule, Covered.MAYBE_PODS, _possible(environment))
                # The cluster's own resolver has an address of the Services on purpose.
                is_before = cluster.enforcement is Enforcement.BEFORE_SERVICES and direction is Direction.EGRESS
                others = [each for each in cluster.services if is_before]
                if others and not set(_blocks(rule)) <= set(cluster.resolvers):
                    found += _of_rule(policy, direction, rule, Covered.SERVICES, others)
    return tuple(sorted(found))


def overlap_notices(environment: Environment, firewall: PodFirewall, services: Container[str] = ()) -> Iterator[Notice]:
    """Yield a notice for each place whose ipBlocks match pods or Services as well, in the order of their names.

    Args:
        environment: Where the places are.
        firewall: The compiled policies.
        services: Only rules of these services count; if there are none, those of all.
    """
    found = [each for each in overlaps(environment, firewall) if not services or each.service in services]
    unknown = not environment.cluster.pod_networks
    among_pods = sorted({each.place for each in found if each.covered is Covered.PODS})
    if unknown and among_pods:
        cni = environment.cluster.cni.value
        yield Notice(
            "cluster.podSubnets",
            f"it is not known which subnets pods are in, and with {cni} an ipBlock matches pods: the pod layer takes a "
            f"pod with an address of {_all(among_pods)} for that place",
            "Write the subnets that pods get addresses of, and keep places out of them",
        )
    for place, covered in sorted({(each.place, each.covered) for each in found}):
        if covered is not Covered.PODS or not unknown:
            yield _notice(environment, [each for each in found if (each.place, each.covered) == (place, covered)])


def client_notices(environment: Environment) -> Iterator[Notice]:
    """Yield a notice if a load balancer's clients take in pods: a security group knows clients by address alone.

    Clients anywhere on the internet are meant as they are written.
    """
    for front in environment.fronts.values():
        yield from _client_notices(environment, front)


def _client_notices(environment: Environment, front: LoadBalancer) -> Iterator[Notice]:
    narrowed = [each for each in front.networks_of_clients if each.prefixlen]
    shared, said = _shared(narrowed, environment.pod_networks), "they take in addresses that pods can have"
    if not shared and environment.account == SYMBOLIC_ID:
        shared, said = (
            _shared(narrowed, _possible(environment)),
            "only the account knows whether pods can have their addresses",
        )
    if shared:
        yield Notice(
            "loadBalancer.clients"
            if len(environment.load_balancers) == 1
            else f"loadBalancers.{front.external}.clients",
            f"{said} ({_all(shared)}), so any pod there may reach {front.external} "
            f"on {listing(front.listeners)}, and through it what {front.external} may reach",
            "Narrow them to addresses that no pod can have",
        )


def _possible(environment: Environment) -> list[Network]:
    """Return where pods of the symbolic account can be in a real one."""
    families = {each.version for each in environment.pod_networks}
    return [block for block in _USUAL if block.version in families]


def _notice(environment: Environment, found: Sequence[Overlap]) -> Notice:
    first, cni, name = found[0], environment.cluster.cni.value, found[0].place
    networks = _all(sorted({network for each in found for network in each.networks}))
    key = key_of_place(name) if name in dict(environment.places) else "cluster.dns.address"
    allowed = "; ".join(dict.fromkeys(map(str, found)))
    if first.covered in (Covered.INTERNET, Covered.VPC):
        has_groups = any(place.groups for each, place in environment.places if each == name)
        layer = "the pod layer" if has_groups else "the firewall"
        return Notice(
            key,
            f"it takes in {first.covered} ({networks}), and {layer} takes every host there for {name}: {allowed}",
            f"Narrow places.{name} to the addresses of {name}, unless every host there is meant",
        )
    if first.covered is Covered.SERVICES:
        return Notice(
            key,
            f"it has addresses of Services ({networks}), and {cni} judges egress before the address of a Service is "
            f"translated, so for each Service there: {allowed}",
            f"Narrow places.{first.place} to addresses outside the Services' range",
        )
    if first.covered is Covered.MAYBE_PODS:
        return Notice(
            key,
            f"only the account knows whether pods can have its addresses ({networks}), and with {cni} an ipBlock "
            f"matches pods, so for any pod there: {allowed}",
            "Compare them with the subnets of pods; a preview does",
        )
    return Notice(
        key,
        f"it has addresses that pods can have ({networks}), and with {cni} an ipBlock matches pods, so for any pod "
        f"there: {allowed}",
        f"Give {first.place} addresses that no pod can have, or name its pods in traffic.yaml instead",
    )


def _wide(environment: Environment, policy: NetworkPolicy, direction: Direction, rule: PolicyRule) -> Iterator[Overlap]:
    """Yield what a rule takes in as a whole: the internet with all else that has an address there, or the VPC."""
    blocks = {block: AddressRange.of_network(block) for block in _blocks(rule)}
    internet = [block for block, addresses in blocks.items() if takes_in_the_internet(addresses)]
    if internet:
        yield from _of_rule(policy, direction, rule, Covered.INTERNET, internet)
    elif environment.account != SYMBOLIC_ID:
        whole = [
            network
            for network in environment.vpc_networks
            if not without(AddressRange.of_network(network), blocks.values())
        ]
        yield from _of_rule(policy, direction, rule, Covered.VPC, whole)


def _of_rule(
    policy: NetworkPolicy, direction: Direction, rule: PolicyRule, covered: Covered, others: Sequence[Network]
) -> Iterator[Overlap]:
    source, _, target = rule.flow.partition(" -> ")
    shared = _shared(_blocks(rule), others)
    if shared and policy.service:
        place = source if direction is Direction.INGRESS else target
        yield Overlap(place, covered, policy.service, direction, rule.ports, tuple(shared))


def _shared(blocks: Iterable[Network], others: Sequence[Network]) -> list[str]:
    """Return the networks that both have: of two that overlap, the one with more fixed bits."""
    found = {
        str(max(block, other, key=lambda network: network.prefixlen))
        for block in blocks
        for other in others
        if AddressRange.of_network(block).overlaps(AddressRange.of_network(other))
    }
    return sorted(found)


def _blocks(rule: PolicyRule) -> list[Network]:
    return [peer.network for peer in rule.peers if isinstance(peer, DeclaredAddresses)]


def _all(names: Sequence[str]) -> str:
    """Return names in words, with ``and`` before the last."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
