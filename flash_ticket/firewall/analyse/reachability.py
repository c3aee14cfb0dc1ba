"""Reachability in a cluster: which connections are allowed on which ports, and which policy and rule decides.

The semantics are those of networking.k8s.io/v1 NetworkPolicy as the Kubernetes documentation states them (concepts,
network policies; API reference, NetworkPolicy):

* If no policy selects a pod for a direction, that direction is open. If policies select the pod, the direction allows
  only what a rule of any of them allows. Policies add up, and their order does not matter.
* A connection passes if the source's egress side and the destination's ingress side both allow it. Replies need no
  rule. Ports are those of the destination; each destination decides which number a named port has.
* Selectors match pods, and ipBlocks match addresses outside the cluster. Enforcers differ on whether an ipBlock also
  matches a pod's address: ``Enforcement`` is the choice. A block matches a pod that can have several addresses if it
  covers one of them, because it is unknown which one the pod gets.
* Policies of administrators come before NetworkPolicies, or after them (``admin/decision.py``).
* A pod can always reach itself, and its node can always reach it; neither is a connection here. Kubernetes leaves ICMP
  undefined, and this analysis does not cover it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from flash_ticket.firewall.analyse.admin.decision import allowed_ports
from flash_ticket.firewall.analyse.admin.explaining import decided_side
from flash_ticket.firewall.analyse.admin.matching import AdminMatching, private_networks
from flash_ticket.firewall.analyse.cluster import AnalysedCluster, Note
from flash_ticket.firewall.analyse.enforcement import Enforcement, Way
from flash_ticket.firewall.analyse.equivalence import Equivalence, blocks_of, outside
from flash_ticket.firewall.analyse.policy import AddressPeer, Peer, Policy, RulePorts
from flash_ticket.firewall.analyse.selection import HostNetwork, Selection
from flash_ticket.firewall.analyse.service import opened_by
from flash_ticket.firewall.analyse.workload import PodNetwork, Workload
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.connections import Block, Connections, PartyName, words
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Direction, Layer, Outcome, RuleReference, Side, Verdict

INGRESS_CONTROLLER = "{ingress-controller}"
"""The name of the ingress controller in connections."""

_SOMEWHERE = Workload("ingress-controller-ns", "ingress-controller", "Pod", {})

Party = Workload | AddressRange
"""One end of a question: a workload, which may be missing in the cluster, or addresses outside the cluster."""

_Match = tuple[Policy, int, PortSet]


class Reachability:
    """The pod layer's answers for one cluster.

    ``connections`` returns everything at once, in time proportional to the size of the cluster and of the result.
    ``allowed`` and ``verdict`` answer for one pair. Its ends may be outside the cluster: a ``Workload`` with any
    namespace, labels and ports describes a pod that could be created.
    """

    def __init__(
        self,
        cluster: AnalysedCluster,
        host_network: HostNetwork = HostNetwork.PODS,
        enforcement: Enforcement = Enforcement.PLAIN,
    ) -> None:
        """Prepare the answers for a cluster.

        Args:
            cluster: From ``read_cluster`` (a directory) or ``cluster_from`` (dictionaries).
            host_network: How to treat pods on their node's network.
            enforcement: How the cluster's enforcer reads what the API leaves open.
        """
        self.cluster, self.enforcement = cluster, enforcement
        self._host_network = host_network
        self._selection = Selection(cluster, host_network, enforcement)
        self._admin = AdminMatching(cluster.admin_policies, self._selection)
        self._by_namespace: dict[str, list[Policy]] = {}
        for policy in cluster.policies:
            self._by_namespace.setdefault(policy.namespace, []).append(policy)
        self._governing: dict[tuple[Workload, Direction], tuple[Policy, ...]] = {}

    def allowed(self, source: Party, destination: Party, way: Way = Way.ANY) -> PortSet:
        """Return the ports on which the source may connect to the destination.

        For a range of addresses, these are the ports that are allowed for every address of the range.
        """
        found: PortSet | None = None
        for one, other in self._uniform(source, destination):
            leaving = self._side_ports(Direction.EGRESS, one, other, way)
            ports = leaving & self._side_ports(Direction.INGRESS, other, one, way)
            found = ports if found is None else found & ports
        return NO_PORTS if found is None else found

    def is_restricted(self, workload: Workload, direction: Direction) -> bool:
        """Return whether any policy selects a workload for a direction."""
        return bool(self._governors(workload, direction) or self._admin.governing(workload, direction))

    def verdict(self, source: Party, destination: Party, port: PortRange, way: Way = Way.ANY) -> Verdict:
        """Return whether connections on a port (or on all ports of a range) pass, and what decides on each side.

        If rules cut a range of addresses, the verdict is that of one part: of a denied part, if there is one.
        """
        parts = list(self.verdicts(source, destination, port, way))
        return next((found for found in parts if not found.passes), parts[0])

    def verdicts(self, source: Party, destination: Party, port: PortRange, way: Way = Way.ANY) -> Iterator[Verdict]:
        """Yield the verdict of each part of a pair: rules can cut ranges of addresses. There is at least one part."""
        for one, other in self._uniform(source, destination):
            yield Verdict(
                Layer.POD,
                _words(one),
                _words(other),
                port,
                self._side(Direction.EGRESS, one, other, port, way),
                self._side(Direction.INGRESS, other, one, port, way),
            )

    def _side(self, direction: Direction, endpoint: Party, peer: Party, port: PortRange, way: Way) -> Side:
        return decided_side(
            self._admin.governing(endpoint, direction),
            tuple(self._admin.matches(direction, endpoint, peer)),
            PortSet((port,)),
            lambda wanted: self._by_network_policies(direction, endpoint, peer, wanted, way),
        )

    def _by_network_policies(
        self, direction: Direction, endpoint: Party, peer: Party, wanted: PortSet, way: Way
    ) -> Side:
        governors = self._governors(endpoint, direction)
        if not governors:
            return Side(direction, _words(endpoint), _words(peer), Outcome.UNGOVERNED)
        matches = list(self._matches(direction, governors, endpoint, peer, way))
        on_port = [match for match in matches if match[2] & wanted]
        open_ports = NO_PORTS
        for match in on_port:
            open_ports |= match[2]
        if open_ports.covers(wanted):
            outcome, deciding = Outcome.ALLOWED, on_port
        else:
            outcome, deciding = (Outcome.NO_RULE_FOR_PORT if matches else Outcome.NO_RULE_FOR_PEER), matches
        rules = (RuleReference(str(policy), f"{direction}[{index}]", policy.source) for policy, index, _ in deciding)
        names = tuple(str(policy) for policy in governors)
        return Side(direction, _words(endpoint), _words(peer), outcome, names, tuple(rules))

    def _side_ports(self, direction: Direction, endpoint: Party, peer: Party, way: Way = Way.ANY) -> PortSet:
        governors = self._governors(endpoint, direction)
        granted = NO_PORTS if governors else None
        for _, _, open_ports in self._matches(direction, governors, endpoint, peer, way):
            granted = open_ports if granted is None else granted | open_ports
        return allowed_ports(self._admin.matches(direction, endpoint, peer), granted)

    def _governors(self, endpoint: Party, direction: Direction) -> tuple[Policy, ...]:
        if isinstance(endpoint, AddressRange):
            return ()
        found = self._governing.get((endpoint, direction))
        if found is None:
            found = self._governing[endpoint, direction] = tuple(
                policy
                for policy in self._by_namespace.get(endpoint.namespace, ())
                if direction in policy.rules and self._selection.governs(policy, endpoint)
            )
        return found

    def _matches(
        self, direction: Direction, governors: tuple[Policy, ...], endpoint: Party, peer: Party, way: Way
    ) -> Iterator[_Match]:
        """Yield the rules that match the peer, each with the ports that it allows."""
        destination = endpoint if direction is Direction.INGRESS else peer
        for policy in governors:
            for rule in policy.rules[direction]:
                by: tuple[Peer | None, ...] = (None,)
                if rule.peers is not None:
                    by = tuple(each for each in rule.peers if self._means(each, policy, peer, direction, way))
                if by:
                    ports = {self._selection.ports_of(rule, policy, direction, each) for each in by}
                    yield policy, rule.index, PortSet.of(port for each in ports for port in _on(each, destination))

    def _means(self, peer: Peer, policy: Policy, endpoint: Party, direction: Direction, way: Way) -> bool:
        if isinstance(endpoint, AddressRange):
            return isinstance(peer, AddressPeer) and any(block.covers(endpoint) for block in peer.ranges)
        if isinstance(peer, AddressPeer):
            return any(self._selection.covers(block, endpoint, direction, way) for block in peer.ranges)
        return self._selection.means(peer, policy, endpoint)

    def _uniform(self, source: Party, destination: Party) -> Iterator[tuple[Party, Party]]:
        """Yield the pair, with address ranges cut into parts that no rule of the other end cuts further."""
        for one in self._parts(source, destination, Direction.INGRESS):
            for other in self._parts(destination, source, Direction.EGRESS):
                yield one, other

    def _parts(self, endpoint: Party, peer: Party, direction: Direction) -> Iterator[Party]:
        if not isinstance(endpoint, AddressRange):
            yield endpoint
            return
        starts = {endpoint.first}
        for block in self._blocks(peer, direction):
            if block.overlaps(endpoint):
                starts.update((max(block.first, endpoint.first), min(block.last, endpoint.last) + 1))
        starts.discard(endpoint.last + 1)
        firsts = sorted(starts)
        lasts = [*(first - 1 for first in firsts[1:]), endpoint.last]
        for first, last in zip(firsts, lasts, strict=True):
            yield AddressRange(endpoint.family, first, last)

    def _blocks(self, governed: Party, direction: Direction) -> Iterator[AddressRange]:
        for policy in self._governors(governed, direction):
            for rule in policy.rules[direction]:
                for peer in rule.peers or ():
                    if isinstance(peer, AddressPeer):
                        yield from peer.ranges
        for admin in self._admin.governing(governed, direction):
            yield from admin.blocks(direction)

    def connections(self, families: Iterable[Family] = (Family.V4,)) -> Connections:
        """Return every connection between workloads, and between workloads and address ranges outside the cluster.

        The policies' ipBlocks cut the addresses outside, separately for each direction. The result contains these
        families, and IPv6 also if a policy names an IPv6 block. An Ingress or a Route adds ``{ingress-controller}`` as
        a source.
        """
        links = list(self._equivalence.links_between_workloads())
        parties: list[PartyName] = list(self.parties)
        for direction in Direction:
            for family in self._families(families):
                parties.extend(outside(self.cluster, direction, family).pieces)
                links.extend(self._equivalence.links_with_addresses(direction, family))
        blocks = [Block(self._distinct(link.sources), self._distinct(link.destinations), link.ports) for link in links]
        for name, ports in self._entrances.items():
            if ports:
                blocks.append(Block((INGRESS_CONTROLLER,), (name,), ports))
                parties.append(INGRESS_CONTROLLER)
        return Connections(parties, blocks)

    def within_workloads(self) -> Iterator[tuple[Workload, PortSet]]:
        """Yield each workload whose pods may connect to each other, and the ports; ``connections`` leaves these out."""
        for number, ports in self._equivalence.ports_within():
            yield self.cluster.workloads[number], ports

    def _families(self, asked: Iterable[Family]) -> list[Family]:
        blocks = (block for direction in Direction for block in blocks_of(self.cluster, direction))
        named = {Family.V6 for block in blocks if block.family is Family.V6}
        return [family for family in Family if family in {*asked, *named}]

    @cached_property
    def _equivalence(self) -> Equivalence:
        return Equivalence(self.cluster, self._selection)

    @cached_property
    def parties(self) -> dict[str, Workload]:
        """Each workload by its name in connections, sorted by owner.

        The name is that of the owner. If policies treat the owner's pods differently, each pod has its own name.
        """
        found: dict[str, Workload] = {}
        for name, workload in zip(self._party_names, self.cluster.workloads, strict=True):
            found.setdefault(name, workload)
        return found

    @cached_property
    def _party_names(self) -> list[str]:
        names = [str(workload) for workload in self.cluster.workloads]
        class_of: dict[str, int] = {}
        split: set[str] = set()
        for index, members in enumerate(self._equivalence.classes()):
            for number in members:
                if class_of.setdefault(names[number], index) != index:
                    split.add(names[number])
        for number, workload in enumerate(self.cluster.workloads) if split else ():
            if names[number] in split and workload.pod != workload.name:
                names[number] = f"{workload.namespace}/{workload.pod}[Pod]"
        return names

    def _distinct(self, ends: list[int] | list[AddressRange]) -> tuple[PartyName, ...]:
        names = self._party_names
        return tuple(dict.fromkeys(names[end] if isinstance(end, int) else end for end in ends))

    @cached_property
    def _entrances(self) -> dict[str, PortSet]:
        return entrances(self.cluster, self.parties, self._side_ports)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What the connections do not show: ignored objects, assumptions, and Ingresses that policies deny."""
        cluster = self.cluster
        found = list(cluster.notes)
        treated_as = f"treated as {self._host_network.value}, because Kubernetes leaves this undefined"
        for name, workload in self.parties.items():
            if workload.network is PodNetwork.HOST and cluster.policies:
                found.append(Note("hostNetwork", name, f"on its node's network; {treated_as}"))
            if name.endswith("[Pod]") and name != str(workload):
                says = f"policies treat its pods differently; {name} is one of them"
                found.append(Note("ownerReferences", str(workload), says))
        for policy, block in private_networks(cluster.admin_policies):
            if not any(workload.addresses for workload in cluster.workloads):
                says = f"its network {block} matches pods with such addresses, too, and none are known here"
                found.append(Note(policy.source, str(policy), says))
        for name, ports in self._entrances.items():
            if not ports:
                says = "policies deny connections from arbitrary pods, and so from the ingress controller"
                found.append(Note("Ingress", name, says))
        return tuple(found)


def entrances(
    cluster: AnalysedCluster,
    parties: Mapping[str, Workload],
    side_ports: Callable[[Direction, Workload, Workload], PortSet],
) -> dict[str, PortSet]:
    """Return the ports of each workload behind an Ingress or a Route; empty if policies deny the controller.

    Args:
        cluster: The cluster with the Services and backends.
        parties: The workloads by name.
        side_ports: Returns the ports that policies allow at an endpoint for a peer, in a direction.
    """
    services = {(service.namespace, service.name): service for service in cluster.services}
    found: dict[str, PortSet] = {}
    for backend in cluster.backends:
        service = services.get((backend.namespace, backend.service))
        for name, workload in parties.items() if service else ():
            if service is not None and service.selects(workload):
                found[name] = found.get(name, NO_PORTS) | opened_by(service, backend.port, workload)
    return {name: ports & side_ports(Direction.INGRESS, parties[name], _SOMEWHERE) for name, ports in found.items()}


def _words(endpoint: Party) -> str:
    return words(endpoint if isinstance(endpoint, AddressRange) else str(endpoint))


def _on(ports: RulePorts, destination: Party) -> PortSet:
    return ports.numbered if isinstance(destination, AddressRange) else ports.on(destination)
