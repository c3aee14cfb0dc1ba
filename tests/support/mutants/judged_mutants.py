"""Mutants, judged by the naive evaluators and by the proof."""

from dataclasses import dataclass

from flash_ticket.firewall.prove.violation import Violation
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.mutants.mutations import Compiled, Mutant
from tests.support.naive.naive_changes import Changed, Effect, pod_changes
from tests.support.naive.naive_group_changes import group_changes


@dataclass(frozen=True, slots=True)
class Judged:
    """One mutant.

    Attributes:
        effect: The effect of the mutation, by the naive evaluators.
        caught: Whether the proof fails.
        named: Whether the violations name the layer, both ends and the port of a changed connection, and of every
            opened one.
    """

    mutant: Mutant
    effect: Effect
    caught: bool
    named: bool


def judged(right: Compiled, mutant: Mutant) -> Judged:
    """Judge one mutant of a compiled firewall."""
    changed = list((pod_changes if mutant.layer is Layer.POD else group_changes)(right, mutant.wrong))
    violations = [each for each in mutant.wrong.proof().violations if each.layer is mutant.layer]
    found = {each.effect for each in changed}
    effect = next((each for each in (Effect.REACHABILITY, Effect.ONE_END) if each in found), Effect.NONE)
    named = [each for each in changed if any(_names(violation, each) for violation in violations)]
    # Pods that lose their own group get the rights of the nodes; the proof reports only what they can no longer do.
    carried = mutant.category.startswith(("attachment", "group"))
    opened = set() if carried else {each for each in changed if each.opened}
    return Judged(mutant, effect, bool(violations), not changed or (bool(named) and opened <= set(named)))


def _names(violation: Violation, changed: Changed) -> bool:
    return (
        violation.ports.holds(changed.protocol, changed.port)
        and _is_among(changed.source, violation.sources)
        and _is_among(changed.destination, violation.destinations)
    )


def _is_among(names: frozenset[str], reported: tuple[str, ...]) -> bool:
    return not names or not names.isdisjoint(reported)
