"""In every order that Pulumi may take, no state on the way cuts or opens anything that the preview does not show."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.interruption import interruptions
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.prove.endpoint import before_restart, without_shared_group
from lab.recording.journal import Write
from tests.support.declared.at_random.matrix_pairs import FirewallPair, firewall_pairs, firewalls
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.declared.stacks import CASES, two_namespaces
from tests.support.engine.intermediate_states import Gap, Run, Transition
from tests.support.pulumi.pulumi_order import states

STATES_LOOKED_AT = 5
"""The limit for one deployment: most of its states differ by one rule."""

ORDERS = st.integers(0, 2**32).map(Random)

WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking would take minutes: every example goes through the components."""


def gaps(before: CompiledFirewall | None, after: CompiledFirewall | None, looked_at: Sequence[Deployed]) -> list[Gap]:
    """Return the gaps in some states between two declarations."""
    stood = deployed(before) if before else nothing_deployed()
    writes = [Write(number, "", "", True, None, each) for number, each in enumerate(looked_at)]  # noqa: FBT003 - succeeded
    return list(Transition(before, after).gaps(Run(stood, writes)))


def some_states(before: CompiledFirewall | None, after: CompiledFirewall | None, random: Random) -> list[Deployed]:
    found = list(states(before, after, random))
    return random.sample(found, min(STATES_LOOKED_AT, len(found)))


@settings(phases=WITHOUT_SHRINKING)
@given(firewall_pairs(), ORDERS)
def test_a_change_never_cuts_or_opens_anything_silently(pair: FirewallPair, random: Random) -> None:
    before, after = pair.before, pair.after
    ends = {end for each in interruptions(deployed(before), after.layers()) for end in each.ends}
    named = {*ends, *map(before_restart, ends)}
    found = gaps(before, after, some_states(before, after, random))

    assert [gap for gap in found if gap.claim.endswith("open") and not {*gap.pair} & moved_between(pair)] == []
    assert [gap for gap in found if not {*gap.pair} & named] == []


def moved_between(pair: FirewallPair) -> set[str]:
    """Return the services that are in another namespace afterwards; the preview says what is open there."""
    before, after = ({each.name: each.namespace for each in side.matrix.services} for side in (pair.before, pair.after))
    moved = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    return {*moved, *map(before_restart, moved), *map(without_shared_group, moved)}


@settings(phases=WITHOUT_SHRINKING)
@given(firewalls(), ORDERS)
def test_a_first_deployment_never_cuts_and_a_destruction_only_opens(firewall: CompiledFirewall, random: Random) -> None:
    assert gaps(None, firewall, some_states(None, firewall, random)) == []
    assert gaps(firewall, None, some_states(firewall, None, random)) == []


def test_default_deny_is_created_last_and_deleted_first() -> None:
    for shop in (CASES["dev"], two_namespaces):
        firewall = compile_firewall(*shop())
        denials = [each.name for each in firewall.pods.denials]
        coming = [count_of(denials, each) for each in states(None, firewall, an_order())]
        going = [count_of(denials, each) for each in states(firewall, None, an_order())]
        several = list(range(1, len(denials)))

        assert coming == [0] * (len(coming) - len(denials)) + [*several, len(denials)]
        assert going == [*reversed(several), *[0] * (len(going) - len(several))]


def an_order() -> Random:
    return Random(1)  # noqa: S311 - a random order, not a secret


def count_of(names: Sequence[str], standing: Deployed) -> int:
    return len({policy["metadata"]["name"] for policy in standing.policies} & set(names))


def test_an_order_that_ignores_the_graph_is_caught() -> None:
    """The judge sees what the order prevents: default-deny before an allow policy."""
    firewall = compile_firewall(*CASES["dev"]())
    complete = list(states(None, firewall, an_order()))[-1]
    missing = tuple(each for each in complete.policies if each["metadata"]["name"] != "04-allow-egress-api")

    assert ("api", "pay") in {gap.pair for gap in gaps(None, firewall, [replace(complete, policies=missing)])}
