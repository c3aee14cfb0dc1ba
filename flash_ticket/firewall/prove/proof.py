"""The proof: each end of both layers allows exactly what is declared, as far as the layer can distinguish endpoints.

The proof reads the compiled policies and rules, not the compilers' intermediate values, so a bug in a compiler cannot
prove itself right. Each layer and each end of a connection must open exactly what is declared, because what only one of
them denies today may be open tomorrow. But a layer cannot distinguish everything: the pod layer knows hosts only by
address, and the VPC layer knows interfaces by their groups. What neither can distinguish from something declared passes
both, and the proof reports it.

What an ipBlock matches depends on the network plug-in. With the VPC CNI and Calico it matches pods, so the pod layer
cannot distinguish a place from pods that can have its addresses.

Others have rules, too, in groups that this program only adds to: the nodes', the cluster's, those of datastores. What
only such rules open in the VPC layer is counted apart, and the rules are named. Without an account they are unknown.
Then the pod layer alone is certain, and the VPC layer counts as neither open nor closed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.vpc_layer import GroupRule, VpcFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.administrators import NO_ADMINISTRATORS, Administrators, overruled, policies_of
from flash_ticket.firewall.prove.both_layers import BothLayers, Pair, has_say
from flash_ticket.firewall.prove.declared_permissions import CoarseEnds, beyond_names, declared_connections, for_groups
from flash_ticket.firewall.prove.endpoint import KUBELET, NODE_DNS, THROUGH_NODE, Endpoint, Role, any_overlap
from flash_ticket.firewall.prove.rules_of_others import Opening, openings
from flash_ticket.firewall.prove.violation import MOST_PAIRS, Violation, few, names, violations
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Answer, Direction, Layer

PairBlock = tuple[Sequence[Endpoint], Sequence[Endpoint], PortSet]


@dataclass(frozen=True, slots=True)
class Blur:
    """Undeclared ports that pass the pod layer like declared ones, and that the VPC layer does not stop either.

    Attributes:
        like: The declared endpoints whose addresses one end can have: the layers take it for them. It can be empty.
        because: The rules of others that open the VPC layer; empty if it cannot distinguish the ends either.
        answer: Whether they pass: without an account, rules of others are not known.
    """

    source: str
    destination: str
    ports: PortSet
    like: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    answer: Answer = Answer.PASSES

    def __str__(self) -> str:
        """Return ``a pod elsewhere in the cluster => gateway : TCP 3000, like alb``."""
        like = f", like {few(self.like)}" if self.like else ""
        because = f", by {few(self.because)}" if self.because else ""
        return f"{self.source} => {self.destination} : {self.ports}{like}{because}"


class Why(StrEnum):
    """Why the VPC layer opens more than is declared."""

    SHARED_GROUP = "services share a group"
    COARSE_RULES = "coarse rules keep a group within AWS's quota"
    DOMAIN_NAMES = "groups know no domain names, so they open the ports of names to every address"


@dataclass(frozen=True, slots=True)
class Rest:
    """Undeclared ports that the VPC layer opens; only the pod layer denies them.

    Attributes:
        sources: Names of endpoints that the VPC layer cannot distinguish.
        destinations: The same for the destinations.
    """

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: PortSet
    why: Why = Why.SHARED_GROUP

    @property
    def source(self) -> str:
        """The sources in a few words."""
        return few(self.sources)

    @property
    def destination(self) -> str:
        """The destinations in a few words."""
        return few(self.destinations)


@dataclass(frozen=True, slots=True)
class GroupsOfOthers:
    """What rules of others mean for the undeclared connections on declared ports, from and to services.

    Attributes:
        openings: The rules of others that open the VPC layer for some of them.
        opened: The number that only the pod layer stops, because such rules open the VPC layer.
        groups: The groups whose rules of others only the account knows, where they matter.
        unknown: The number that the pod layer stops, and the VPC layer perhaps: only the account knows.
    """

    openings: tuple[Opening, ...] = ()
    opened: int = 0
    groups: tuple[str, ...] = ()
    unknown: int = 0


NO_OTHERS = GroupsOfOthers()


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of the proof.

    Attributes:
        violations: Sorted; empty if the proof holds.
        blurs: Sorted.
        rests: Sorted.
        declared: The number of declared connections (pair and port).
        stopped: The number of undeclared connections on declared ports, by the number of layers that certainly stop
            them; without those where only the account knows whether the VPC layer does.
        others: What rules of others mean for the same connections.
        accepted: What policies of administrators stop and let through against the declaration, and the settings accept.
        unjudged: Why a policy of an administrator is not part of the proof, by its kind and name.
    """

    violations: tuple[Violation, ...]
    blurs: tuple[Blur, ...]
    rests: tuple[Rest, ...]
    declared: int
    stopped: Mapping[int, int]
    others: GroupsOfOthers = NO_OTHERS
    accepted: tuple[Violation, ...] = ()
    unjudged: Mapping[str, InputError] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether both layers allow exactly what is declared."""
        return not self.violations


def prove(
    matrix: Matrix,
    environment: Environment,
    manifests: Iterable[Mapping[str, Any]],
    firewall: VpcFirewall,
    administrators: Administrators = NO_ADMINISTRATORS,
) -> Proof:
    """Compare compiled policies and rules with the matrix.

    Args:
        matrix: The declaration.
        environment: The places of its names.
        manifests: The NetworkPolicies, as for the API server.
        firewall: The groups and rules, as for AWS.
        administrators: The policies of administrators in the cluster, as far as known.

    Raises:
        InputError: A manifest is not a valid NetworkPolicy.
    """
    return _Prover(BothLayers(matrix, environment, tuple(manifests), firewall), administrators).proof()


@dataclass(frozen=True)
class _Prover:
    layers: BothLayers
    administrators: Administrators

    def proof(self) -> Proof:
        blurs = tuple(sorted(self._blurs(), key=lambda blur: (blur.source, blur.destination, blur.ports.ranges)))
        unlike = {(each.source, each.destination): each.ports for each in blurs if each.because and not each.like}
        wrong = violations(self.layers, self._declared, unlike)
        above = overruled(self.layers, self._declared, self.administrators)
        known = set(self.layers.environment.accepted_policies)
        accepted = tuple(each for each in above.violations if known.issuperset(policies_of(each)))
        wrong += tuple(each for each in above.violations if each not in accepted)
        stopped, others = self._stopped()
        found = (*self._rests(), *self._coarse_rests(), *self._names_rests())
        rests = tuple(sorted(found, key=lambda rest: (rest.why, rest.sources, rest.destinations, rest.ports.ranges)))
        declared = sum(len(list(ports)) for ports in self._declared.values())
        blurs = tuple(each for each in blurs if each.like or not each.because)
        return Proof(wrong, blurs, rests, declared, stopped, others, accepted, above.unjudged)

    @cached_property
    def _declared(self) -> dict[Pair, PortSet]:
        return declared_connections(self.layers)

    @cached_property
    def _declared_at(self) -> Mapping[tuple[Endpoint, Direction], Mapping[PortSet, list[tuple[int, Endpoint]]]]:
        """The other ends of the declared connections at each end, in one direction, by ports, with their numbers."""
        found: dict[tuple[Endpoint, Direction], dict[PortSet, list[tuple[int, Endpoint]]]] = {}
        for number, ((source, destination), ports) in enumerate(self._declared.items()):
            for end, peer, direction in (
                (source, destination, Direction.EGRESS),
                (destination, source, Direction.INGRESS),
            ):
                found.setdefault((end, direction), {}).setdefault(ports, []).append((number, peer))
        return found

    def _blurs(self) -> Iterator[Blur]:
        """Yield what passes both layers without being declared, and what passes as far as known."""
        for pair, ports in self.layers.passing.items():
            known = self._declared.get(pair, NO_PORTS)
            by_ours = ports & self._opened_by_ours(pair)
            yield from self._blur(pair, by_ours - known)
            if by_others := ports - by_ours - known:
                rules = self.layers.groups.deciding_of_others(*pair, by_others)
                because = {f"{each.name} in {each.holder.label}" for each in rules}
                yield from self._blur(pair, by_others, tuple(sorted(because)))
        for pair, ports in self.layers.perhaps_passing.items():
            yield from self._blur(pair, ports - self._declared.get(pair, NO_PORTS), answer=Answer.UNKNOWN)

    def _blur(
        self, pair: Pair, ports: PortSet, because: tuple[str, ...] = (), answer: Answer = Answer.PASSES
    ) -> Iterator[Blur]:
        # While the attachment changes, pods that share the nodes' group look like kubelets; that is expected.
        if ports and not (self.layers.environment.cluster.leaving and KUBELET in {pair[0].name, pair[1].name}):
            like = () if pair[1].name == THROUGH_NODE else tuple(self._like(pair, ports))
            yield Blur(pair[0].name, pair[1].name, ports, like, because, answer)

    def _opened_by_ours(self, pair: Pair) -> PortSet:
        if not self._others_are_known or not has_say(Layer.VPC, *pair):
            return ALL_PORTS
        return self.layers.groups_of_ours.opened(*pair)

    @cached_property
    def _others_are_known(self) -> bool:
        return any(self.layers.rules_of_others.values())

    def _stopped(self) -> tuple[dict[int, int], GroupsOfOthers]:
        """Return the number of undeclared connections that one and that both layers stop, and those of others' rules.

        It counts pairs of two different endpoints, one of them a service, on all declared ports.
        """
        in_play = PortSet.of(port for ports in self._declared.values() for port in ports)
        passing = {pair: ports for pair, ports in self.layers.passing.items() if pair[0] is not pair[1]}
        through = sum(_count(ports & in_play) for ports in passing.values())
        unsure = self.layers.perhaps_passing.items()
        perhaps = sum(_count(ports & in_play) for pair, ports in unsure if pair[0] is not pair[1])
        opened = {layer: self._open_in(layer, self.layers.blocks(layer), in_play) for layer in Layer}
        unknown = self._counted(self.layers.groups.unknown_blocks(), in_play) - perhaps
        by_one = opened[Layer.POD] + opened[Layer.VPC] - 2 * through - perhaps
        services = sum(endpoint.role is Role.SERVICE for endpoint in self.layers.endpoints)
        pairs = services * (2 * len(self.layers.endpoints) - services - 1)
        both = pairs * _count(in_play) - through - perhaps - by_one - unknown
        return {1: by_one, 2: both}, GroupsOfOthers(
            openings(self._widening(in_play)),
            self._opened_by_others(opened[Layer.VPC], passing, in_play),
            tuple(sorted(self._unknown_groups())) if unknown or perhaps else (),
            unknown,
        )

    def _opened_by_others(self, opened: int, passing: Mapping[Pair, PortSet], in_play: PortSet) -> int:
        if not self._others_are_known:
            return 0
        by_ours = self._open_in(Layer.VPC, self.layers.groups_of_ours.blocks(), in_play)
        through = sum(_count((ports - self._opened_by_ours(pair)) & in_play) for pair, ports in passing.items())
        return opened - by_ours - through

    def _widening(self, in_play: PortSet) -> Iterator[GroupRule]:
        """Yield the rules of others that open the VPC layer for undeclared connections from or to services."""
        found: set[tuple[str, str]] = set()
        for sources, destinations, ports in self.layers.blocks(Layer.VPC) if self._others_are_known else ():
            if not any(each.role is Role.SERVICE for each in (*sources, *destinations)):
                continue
            if more := (ports & in_play) - self.layers.groups_of_ours.opened(sources[0], destinations[0]):
                rules = self.layers.groups.deciding_of_others(sources[0], destinations[0], more)
                found |= {(rule.holder.label, rule.name) for rule in rules}
        for read in self.layers.rules_of_others.values():
            yield from (rule for rule in read or () if (rule.holder.label, rule.name) in found)

    def _unknown_groups(self) -> set[str]:
        """Return the groups at the ends of pairs with a service that only the account knows about."""
        unknown = {group for group, rules in self.layers.rules_of_others.items() if rules is None}
        ends = [
            end
            for sources, destinations, _ in self.layers.groups.unknown_blocks()
            if any(each.role is Role.SERVICE for each in (*sources, *destinations))
            for end in (sources[0], destinations[0])
        ]
        return {group.label for end in ends for group in end.groups if group in unknown}

    def _like(self, pair: Pair, ports: PortSet) -> Iterator[str]:
        """Yield the declared endpoints that share addresses with one end of a pair, and these ports with the other."""
        found: list[tuple[int, str]] = []
        source, destination = pair
        ends = ((source, destination, Direction.EGRESS), (destination, source, Direction.INGRESS))
        for end, looking, direction in ends:
            for declared, peers in self._declared_at.get((end, direction), {}).items():
                if declared & ports:
                    found += (
                        (number, known.name)
                        for number, known in peers
                        if known is not looking and known.name != KUBELET and any_overlap(known.ranges, looking.ranges)
                    )
        return (name for _, name in sorted(found))

    def _rests(self) -> Iterator[Rest]:
        passing, by_names = self.layers.passing, self._beyond_names
        for sources, destinations, ports in self.layers.groups_of_ours.blocks():
            if not any(each.role is Role.SERVICE and not each.has_own_group for each in (*sources, *destinations)):
                continue
            pairs = (
                (source, destination)
                for source in sources
                for destination in destinations
                if source is not destination
                and Role.SERVICE in {source.role, destination.role}
                and has_say(Layer.POD, source, destination)
                and ports - passing.get((source, destination), NO_PORTS) - by_names.get((source, destination), NO_PORTS)
            )
            first = next(pairs, None)
            if first and len(sources) * len(destinations) > MOST_PAIRS:
                yield Rest(names(sources), names(destinations), ports)
            elif first:
                found = [first, *pairs]
                yield Rest(names(source for source, _ in found), names(other for _, other in found), ports)

    def _coarse_rests(self) -> Iterator[Rest]:
        """Yield what coarse rules open at both ends; the sources of one destination and the same ports together."""
        if not self.layers.firewall.coarse:
            return
        by_destination: dict[tuple[str, PortSet], list[Endpoint]] = defaultdict(list)
        wanted = for_groups(self._declared, self.layers.matrix.namespace)
        for (source, destination), ports in CoarseEnds(self.layers, wanted).resting():
            by_destination[destination.name, ports].append(source)
        for (name, ports), sources in by_destination.items():
            yield Rest(tuple(sorted(names(sources))), (name,), ports, Why.COARSE_RULES)

    @cached_property
    def _beyond_names(self) -> dict[Pair, PortSet]:
        found: dict[Pair, PortSet] = {}
        for pair, ports in beyond_names(self.layers, self._declared):
            found[pair] = found.get(pair, NO_PORTS) | ports
        return found

    def _names_rests(self) -> Iterator[Rest]:
        """Yield what groups open to every address, because they know no names; sources with the same ends together."""
        by_source: dict[tuple[str, PortSet], list[str]] = defaultdict(list)
        for (source, destination), ports in self._beyond_names.items():
            by_source[source.name, ports].append(destination.name)
        alike: dict[tuple[tuple[str, ...], PortSet], list[str]] = defaultdict(list)
        for (name, ports), destinations in by_source.items():
            alike[tuple(dict.fromkeys(destinations)), ports].append(name)
        for (destinations_alike, ports), sources in alike.items():
            yield Rest(tuple(sorted(sources)), destinations_alike, ports, Why.DOMAIN_NAMES)

    def _open_in(self, layer: Layer, blocks: Iterable[PairBlock], in_play: PortSet) -> int:
        """Count the connections that a layer opens from or to services; without a say it opens all."""
        services = [endpoint for endpoint in self.layers.endpoints if endpoint.role is Role.SERVICE]
        silent = sum(
            _count(in_play)
            for other in self.layers.endpoints
            if other.stays_on_node or other.name in {KUBELET, NODE_DNS, THROUGH_NODE}
            for service in services
            for pair in ((service, other), (other, service))
            if not has_say(layer, *pair)
        )
        return silent + self._counted(blocks, in_play)

    @staticmethod
    def _counted(blocks: Iterable[PairBlock], in_play: PortSet) -> int:
        """Count the connections of blocks from or to services, on the ports in play."""
        return sum(_count(ports & in_play) * _pairs(sources, destinations) for sources, destinations, ports in blocks)


def _pairs(sources: Sequence[Endpoint], destinations: Sequence[Endpoint]) -> int:
    """Count the pairs with a service at either end, without pairs of an endpoint with itself."""
    strangers = [sum(each.role is not Role.SERVICE for each in end) for end in (sources, destinations)]
    services = {each for each in sources if each.role is Role.SERVICE} & set(destinations)
    return len(sources) * len(destinations) - strangers[0] * strangers[1] - len(services)


def _count(ports: PortSet) -> int:
    return sum(port.last - port.first + 1 for port in ports)
