"""What policies of administrators change: they decide before NetworkPolicies, or after them.

A declared connection that such a policy stops, and an undeclared one that it lets through, are violations like those of
compiled output. The settings can accept a policy, so that an administrator cannot hold up a deployment.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.prove.both_layers import BothLayers, Pair
from flash_ticket.firewall.prove.declared_permissions import Declared
from flash_ticket.firewall.prove.violation import Fault, Violation
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Direction, Layer, Outcome, RuleReference, Side, Verdict

_OF_ADMINISTRATORS = " "
"""The rules of administrators belong to ``Kind name``, those of NetworkPolicies to ``namespace/name``."""

_Names = tuple[str, ...]
_Reason = tuple[Fault, Direction, tuple[RuleReference, ...]]


@dataclass(frozen=True, slots=True)
class Administrators:
    """The policies of administrators in a cluster.

    Attributes:
        policies: As manifests, with kind and version.
        namespaces: The labels of each known namespace.
    """

    policies: tuple[Mapping[str, Any], ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overruled:
    """What the policies of administrators change.

    Attributes:
        violations: What they stop and let through against the declaration.
        unjudged: Why a policy cannot be judged, by its kind and name.
    """

    violations: tuple[Violation, ...] = ()
    unjudged: Mapping[str, InputError] = field(default_factory=dict)


NO_ADMINISTRATORS = Administrators()


def policy_name(manifest: Mapping[str, Any]) -> str:
    """Return the kind and name of a policy, as the rules of administrators name it."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def policies_of(violation: Violation) -> Iterator[str]:
    """Yield the kinds and names of the policies of administrators that cause a violation."""
    yield from dict.fromkeys(rule.owner for rule in violation.side.rules if _OF_ADMINISTRATORS in rule.owner)


def overruled(layers: BothLayers, declared: Declared, administrators: Administrators) -> Overruled:
    """Return what the policies of administrators change, judged together.

    Args:
        layers: The compiled output.
        declared: Every connection that must pass.
        administrators: The policies.
    """
    unjudged: dict[str, InputError] = {}
    judged: dict[str, Mapping[str, Any]] = {}
    for policy in administrators.policies:
        try:
            cluster_from([policy])
        except InputError as error:
            unjudged[policy_name(policy)] = error
        else:
            judged[policy_name(policy)] = policy
    while judged:
        alone = replace(layers, beside=tuple(judged.values()), namespace_labels=administrators.namespaces)
        joined = replace(alone, manifests=(*alone.manifests, *judged.values()))
        try:
            return Overruled(tuple(_violations(alone, joined, declared)), unjudged)
        except InputError as error:
            unclear = error.key if error.key in judged else next(iter(judged))
            unjudged[unclear] = error
            del judged[unclear]
    return Overruled((), unjudged)


def _violations(alone: BothLayers, joined: BothLayers, declared: Declared) -> Iterator[Violation]:
    ports_of: dict[_Reason, dict[Pair, list[PortRange]]] = defaultdict(lambda: defaultdict(list))
    sides: dict[_Reason, Side] = {}
    for fault, found in ((Fault.CUT, _cuts(joined, declared)), (Fault.OPEN, _opened(alone, joined))):
        for pair, port, side in found:
            reason = fault, side.direction, side.rules
            ports_of[reason][pair].append(port)
            sides.setdefault(reason, side)
    for reason, by_pair in ports_of.items():
        for sources, destinations, ports in _joined_up(by_pair):
            remedy = "Change or remove its rule, declare what it does in traffic.yaml, or add it to acceptedPolicies"
            yield Violation(reason[0], Layer.POD, sources, destinations, ports, sides[reason], remedy)


def _joined_up(by_pair: Mapping[Pair, Sequence[PortRange]]) -> Iterator[tuple[_Names, _Names, PortSet]]:
    """Yield blocks of sources and destinations with the same ports, no pair twice."""
    rows: dict[tuple[str, PortSet], list[str]] = defaultdict(list)
    for (source, destination), parts in by_pair.items():
        rows[source.name, PortSet.of(parts)].append(destination.name)
    blocks: dict[tuple[_Names, PortSet], list[str]] = defaultdict(list)
    for (name, ports), destinations in rows.items():
        blocks[tuple(destinations), ports].append(name)
    for (destinations_alike, ports), sources in blocks.items():
        yield tuple(sources), destinations_alike, ports


def _cuts(joined: BothLayers, declared: Declared) -> Iterator[tuple[Pair, PortRange, Side]]:
    """Yield each declared connection that a rule of an administrator denies, with the end of the rule."""
    for pair, ports in declared.items():
        ends = joined.named[pair[0].name], joined.named[pair[1].name]
        for port in ports:
            verdict = joined.verdict(Layer.POD, *ends, port)
            for side in _deciding(verdict, Outcome.DENIED):
                yield pair, port, side


def _opened(alone: BothLayers, joined: BothLayers) -> Iterator[tuple[Pair, PortRange, Side]]:
    """Yield each connection of our pods that only a rule of an administrator allows, with the end of the rule."""
    before = {(one.name, other.name): ports for (one, other), ports in alone.openings(Layer.POD).items()}
    for pair, ports in joined.openings(Layer.POD).items():
        if any(end.workload and end.workload.namespace in joined.matrix.namespaces for end in pair):
            for port in ports - before.get((pair[0].name, pair[1].name), NO_PORTS):
                verdict = joined.answer(Layer.POD, *pair, port)
                for side in _deciding(verdict, Outcome.ALLOWED):
                    yield pair, port, side


def _deciding(verdict: Verdict | None, outcome: Outcome) -> Iterator[Side]:
    for side in verdict.sides if verdict else ():
        if side.outcome is outcome and any(_OF_ADMINISTRATORS in rule.owner for rule in side.rules):
            yield side
