"""Classes of workloads that all policies treat the same, and which classes can reach which.

Comparing every workload with every other costs the square of their number, even if nothing connects. So workloads form
classes: two workloads are in one class if the same rules govern them, the same peers match them, and their named ports
resolve to the same numbers. Each class is then compared only with possible peers: the classes that its own rules match,
or the classes whose rules match it, whichever are fewer.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from flash_ticket.firewall.analyse.admin.admin_policy import AdminPolicy, AdminRule
from flash_ticket.firewall.analyse.admin.decision import Match, allowed_ports
from flash_ticket.firewall.analyse.admin.matching import takes_in
from flash_ticket.firewall.analyse.cluster import AnalysedCluster
from flash_ticket.firewall.analyse.grants import EVERYBODY, Grants, PortIds, Rules, Step
from flash_ticket.firewall.analyse.policy import AddressPeer, NamedPort, Policy, RulePorts
from flash_ticket.firewall.analyse.selection import Selection
from flash_ticket.firewall.terms.addresses import AddressRange, Family, Partition
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Direction


@dataclass(slots=True, eq=False)
class _Class:
    members: list[int]
    rules: Mapping[Direction, Rules]
    sets: frozenset[int]
    resolution: int


class Link(NamedTuple):
    """Workloads or ranges that can reach others on the same ports.

    Attributes:
        sources: Numbers of workloads, or address ranges.
        destinations: Numbers of workloads, or address ranges.
        ports: Never empty.
    """

    sources: list[int] | list[AddressRange]
    destinations: list[int] | list[AddressRange]
    ports: PortSet


class Equivalence:
    """The classes of a cluster's workloads."""

    def __init__(self, cluster: AnalysedCluster, selection: Selection) -> None:
        self._cluster = cluster
        self._selection = selection
        self._ports: list[RulePorts] = []
        self._port_ids: dict[RulePorts, int] = {}
        self._sets: dict[tuple[int, ...], int] = {}
        self._resolved: dict[tuple[PortIds, int], PortSet] = {}
        self._decided: dict[tuple[int, frozenset[int], int], PortSet] = {}
        self._taken_in: dict[AddressPeer, tuple[int, ...]] = {}
        rules = {direction: self._rules_by_workload(direction) for direction in Direction}
        self._resolutions, self._representatives = self._resolve()
        self._classes = self._classify(rules)

    def classes(self) -> Iterator[list[int]]:
        """Yield the numbers of the workloads of each class."""
        for each in self._classes:
            yield each.members

    def _rules_by_workload(self, direction: Direction) -> list[Rules]:
        """Return what decides about each workload in a direction. Workloads with the same rules share one object."""
        made: dict[tuple[int, int], Rules] = {}
        pairs = zip(self._grants_by_workload(direction), self._steps_by_workload(direction), strict=True)
        return [made.setdefault((id(grants), id(steps)), Rules(grants, steps)) for grants, steps in pairs]

    def _steps_by_workload(self, direction: Direction) -> list[tuple[Step, ...]]:
        governing: list[tuple[AdminPolicy, ...]] = [()] * len(self._cluster.workloads)
        for policy in self._cluster.admin_policies:
            for number in self._selection.on_pod_network(policy.subject) if direction in policy.rules else ():
                governing[number] = (*governing[number], policy)
        of_policy = {
            policy: [
                Step(policy, rule, frozenset(self._meant_by(rule, policy)), self._id(rule.ports))
                for rule in policy.rules[direction]
            ]
            for policy in dict.fromkeys(policy for policies in governing for policy in policies)
        }
        made = {
            policies: tuple(step for policy in policies for step in of_policy[policy])
            for policies in dict.fromkeys(governing)
        }
        return [made[policies] for policies in governing]

    def _meant_by(self, rule: AdminRule, policy: AdminPolicy) -> Iterator[int]:
        """Yield the sets of workloads that a rule matches."""
        for peer in rule.peers:
            if isinstance(peer, AddressPeer):
                if peer not in self._taken_in:
                    every = enumerate(self._cluster.workloads)
                    inside = (number for number, workload in every if takes_in(peer, policy, workload))
                    self._taken_in[peer] = tuple(inside)
                meant = self._taken_in[peer]
            else:
                meant = self._selection.on_pod_network(peer)
            if meant:
                yield self._set(meant)

    def _grants_by_workload(self, direction: Direction) -> list[Grants | None]:
        """Return the grants of each workload in a direction; None if no policy governs it."""
        groups: dict[int, tuple[tuple[int, ...], list[Policy]]] = {}
        for policy in self._cluster.policies:
            if direction in policy.rules:
                governed = self._selection.governed_by(policy)
                if governed:
                    groups.setdefault(id(governed), (governed, []))[1].append(policy)
        governing: list[tuple[int, ...]] = [()] * len(self._cluster.workloads)
        for key, (governed, _) in groups.items():
            for number in governed:
                governing[number] = (*governing[number], key)
        of_groups: dict[tuple[int, ...], Grants | None] = {(): None}
        same: dict[object, Grants] = {}
        for keys in governing:
            if keys not in of_groups:
                granted = self._granted(direction, [policy for key in keys for policy in groups[key][1]])
                content = (
                    granted.everybody,
                    frozenset(granted.pods.items()),
                    frozenset(granted.addresses.items()),
                )
                of_groups[keys] = same.setdefault(content, granted)
        return [of_groups[keys] for keys in governing]

    def _granted(self, direction: Direction, policies: Iterable[Policy]) -> Grants:
        everybody: set[int] = set()
        pods: dict[int, set[int]] = {}
        addresses: dict[AddressRange, set[int]] = {}
        for policy in policies:
            for rule in policy.rules[direction]:
                if rule.peers is None:
                    everybody.add(self._id(self._selection.ports_of(rule, policy, direction, None)))
                    continue
                for peer in rule.peers:
                    ports = self._id(self._selection.ports_of(rule, policy, direction, peer))
                    if isinstance(peer, AddressPeer):
                        for block in peer.ranges:
                            addresses.setdefault(block, set()).add(ports)
                            self._grant(pods, self._selection.covered_by(block, direction), ports)
                    else:
                        self._grant(pods, self._selection.named_by(peer, policy), ports)
        return Grants(
            frozenset(everybody),
            {key: frozenset(ids) for key, ids in pods.items()},
            {block: frozenset(ids) for block, ids in addresses.items()},
        )

    def _id(self, ports: RulePorts) -> int:
        found = self._port_ids.setdefault(ports, len(self._ports))
        if found == len(self._ports):
            self._ports.append(ports)
        return found

    def _grant(self, pods: dict[int, set[int]], named: tuple[int, ...], ports: int) -> None:
        if named:
            pods.setdefault(self._set(named), set()).add(ports)

    def _set(self, named: tuple[int, ...]) -> int:
        return self._sets.setdefault(named, len(self._sets))

    def _resolve(self) -> tuple[list[int], list[int]]:
        """Return each workload's way to resolve the named ports in use, as a number, and one workload for each way."""
        used = sorted({port for ports in self._ports for port in ports.named})
        ways: dict[tuple[tuple[NamedPort, tuple[int, ...]], ...], int] = {}
        resolutions: list[int] = []
        representatives: list[int] = []
        for number, workload in enumerate(self._cluster.workloads):
            names = {port.name for port in workload.ports} if used else ()
            way = tuple((port, workload.numbers_of(port.name, port.protocol)) for port in used if port.name in names)
            resolution = ways.setdefault(way, len(ways))
            if resolution == len(representatives):
                representatives.append(number)
            resolutions.append(resolution)
        return resolutions, representatives

    def _classify(self, rules: Mapping[Direction, list[Rules]]) -> list[_Class]:
        membership: list[list[int]] = [[] for _ in self._cluster.workloads]
        for named, set_id in self._sets.items():
            for number in named:
                membership[number].append(set_id)
        classes: dict[tuple[int, int, tuple[int, ...], int], _Class] = {}
        for number, sets in enumerate(membership):
            egress, ingress = rules[Direction.EGRESS][number], rules[Direction.INGRESS][number]
            resolution = self._resolutions[number]
            key = (id(egress), id(ingress), tuple(sets), resolution)
            found = classes.get(key)
            if found is None:
                both = {Direction.EGRESS: egress, Direction.INGRESS: ingress}
                found = classes[key] = _Class([], both, frozenset(sets), resolution)
            found.members.append(number)
        return list(classes.values())

    def links_between_workloads(self) -> Iterator[Link]:
        """Yield which classes can reach which; a class of several workloads can reach itself."""
        in_set: dict[int, list[int]] = {EVERYBODY: list(range(len(self._classes)))}
        naming: dict[int, list[int]] = {EVERYBODY: []}
        for place, each in enumerate(self._classes):
            for key in each.sets:
                in_set.setdefault(key, []).append(place)
            for key in each.rules[Direction.INGRESS].targets:
                naming.setdefault(key, []).append(place)
        for source in self._classes:
            ahead = source.rules[Direction.EGRESS].targets
            back = [EVERYBODY, *source.sets]
            if sum(len(in_set.get(key, ())) for key in ahead) <= sum(len(naming.get(key, ())) for key in back):
                candidates = {place for key in ahead for place in in_set.get(key, ())}
            else:
                candidates = {place for key in back for place in naming.get(key, ())}
            by_ports: dict[PortSet, list[int]] = {}
            for place in sorted(candidates):
                destination = self._classes[place]
                ports = self._between(source, destination)
                if ports and not (destination is source and len(source.members) == 1):
                    by_ports.setdefault(ports, []).extend(destination.members)
            for ports, destinations in by_ports.items():
                yield Link(source.members, destinations, ports)

    def ports_within(self) -> Iterator[tuple[int, PortSet]]:
        """Yield each workload whose pods may connect to each other, as its number, and the ports."""
        for each in self._classes:
            if ports := self._between(each, each):
                yield from ((number, ports) for number in each.members)

    def _between(self, source: _Class, destination: _Class) -> PortSet:
        leaving = self._open(source.rules[Direction.EGRESS], destination.sets, destination.resolution)
        if not leaving:
            return leaving
        return leaving & self._open(destination.rules[Direction.INGRESS], source.sets, destination.resolution)

    def _open(self, rules: Rules, sets: frozenset[int], resolution: int) -> PortSet:
        """Return the ports that rules open to a peer in the given sets, for a destination with a port resolution."""
        if not rules.steps:
            return ALL_PORTS if rules.grants is None else self._granted_to(rules.grants, sets, resolution)
        key = (id(rules), sets & rules.telling, resolution)
        found = self._decided.get(key)
        if found is None:
            workload = self._cluster.workloads[self._representatives[resolution]]
            matches = [
                Match(step.policy, step.rule, self._ports[step.ports].on(workload))
                for step in rules.steps
                if not step.sets.isdisjoint(sets)
            ]
            granted = None if rules.grants is None else self._granted_to(rules.grants, sets, resolution)
            found = self._decided[key] = allowed_ports(matches, granted)
        return found

    def _granted_to(self, grants: Grants, sets: frozenset[int], resolution: int) -> PortSet:
        ids = grants.everybody
        for key in sets if len(sets) < len(grants.pods) else grants.pods:
            if key in sets and key in grants.pods:
                ids |= grants.pods[key]
        return self._ports_of(ids, resolution) if ids else NO_PORTS

    def _ports_of(self, ids: PortIds, resolution: int) -> PortSet:
        found = self._resolved.get((ids, resolution))
        if found is None:
            found = NO_PORTS
            workload = self._cluster.workloads[self._representatives[resolution]]
            for each in ids:
                found |= self._ports[each].on(workload)
            self._resolved[ids, resolution] = found
        return found

    def links_with_addresses(self, direction: Direction, family: Family) -> Iterator[Link]:
        """Yield which address ranges can reach which classes (ingress), or which classes which ranges (egress)."""
        partition = outside(self._cluster, direction, family)
        for each in self._classes:
            for pieces, ports in self._reached(each, direction, partition):
                if direction is Direction.INGRESS:
                    yield Link(pieces, each.members, ports)
                else:
                    yield Link(each.members, pieces, ports)

    def _reached(
        self, each: _Class, direction: Direction, partition: Partition
    ) -> Iterator[tuple[list[AddressRange], PortSet]]:
        rules = each.rules[direction]
        if rules.steps:
            yield from self._decided_at(each, direction, partition)
            return
        grants = rules.grants
        if grants is None:
            yield list(partition.pieces), ALL_PORTS
            return
        for ids, pieces in self._granted_at(grants, partition).items():
            ports = self._at_address(ids, each, direction)
            if ports:
                yield pieces, ports

    def _decided_at(
        self, each: _Class, direction: Direction, partition: Partition
    ) -> Iterator[tuple[list[AddressRange], PortSet]]:
        """Yield the ports at each piece where administrators have a say."""
        rules = each.rules[direction]
        granted: dict[AddressRange, PortSet] = {}
        for ids, pieces in self._granted_at(rules.grants, partition).items() if rules.grants else ():
            granted |= dict.fromkeys(pieces, self._at_address(ids, each, direction))
        by_ports: dict[PortSet, list[AddressRange]] = {}
        for piece in partition.pieces:
            matches = [
                Match(step.policy, step.rule, self._at_address(frozenset({step.ports}), each, direction))
                for step in rules.steps
                if any(block.covers(piece) for block in step.rule.blocks())
            ]
            ports = allowed_ports(matches, None if rules.grants is None else granted.get(piece, NO_PORTS))
            if ports:
                by_ports.setdefault(ports, []).append(piece)
        for ports, pieces in by_ports.items():
            yield pieces, ports

    @staticmethod
    def _granted_at(grants: Grants, partition: Partition) -> dict[PortIds, list[AddressRange]]:
        """Return the pieces of a partition by what grants open there."""
        ids_at: dict[int, PortIds] = {}
        for block, ids in grants.addresses.items():
            if block.family == partition.pieces[0].family:
                for place in partition.within(block):
                    ids_at[place] = ids_at.get(place, grants.everybody) | ids
        places = range(len(partition.pieces)) if grants.everybody else sorted(ids_at)
        by_ids: dict[PortIds, list[AddressRange]] = {}
        for place in places:
            by_ids.setdefault(ids_at.get(place, grants.everybody), []).append(partition.pieces[place])
        return by_ids

    def _at_address(self, ids: PortIds, each: _Class, direction: Direction) -> PortSet:
        if direction is Direction.INGRESS:
            return self._ports_of(ids, each.resolution)
        ports = NO_PORTS  # an address has no named ports
        for key in ids:
            ports |= self._ports[key].numbered
        return ports


def blocks_of(cluster: AnalysedCluster, direction: Direction) -> Iterator[AddressRange]:
    """Yield every block of addresses that a policy names in its rules of a direction."""
    for policy in cluster.policies:
        for rule in policy.rules.get(direction, ()):
            for peer in rule.peers or ():
                if isinstance(peer, AddressPeer):
                    yield from peer.ranges
    for admin in cluster.admin_policies:
        yield from admin.blocks(direction)


def outside(cluster: AnalysedCluster, direction: Direction, family: Family) -> Partition:
    """Return the addresses of a family, cut at the ends of every block in the policies' rules of a direction."""
    return Partition(family, blocks_of(cluster, direction))
