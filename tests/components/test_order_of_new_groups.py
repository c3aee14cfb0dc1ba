"""From the groups of an earlier version to those of this one, and back: in no order is anything cut or opened.

Running pods keep the groups that they have until they restart. So the rules that only they need stay until then.
"""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.change.interruption import interruptions
from flash_ticket.firewall.change.ownership.waiting import waiting_services
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.prove.endpoint import before_restart, without_shared_group
from tests.components.test_every_order import ORDERS, WITHOUT_SHRINKING, gaps, moved_between, some_states
from tests.support.declared.at_random.matrix_pairs import FirewallPair, firewall_pairs
from tests.support.declared.described import deployed
from tests.support.declared.former_layout import former_layout
from tests.support.declared.stacks import CASES
from tests.support.pulumi.pulumi_order import states


def on_top_of(before: CompiledFirewall, after: CompiledFirewall) -> CompiledFirewall:
    """Return what a deployment makes of a declaration before any pod has restarted."""
    waiting = waiting_services(after.matrix, after.environment, deployed(before), None)
    return compile_firewall(after.matrix, replace(after.environment, waiting=waiting))


def an_order() -> Random:
    return Random(7)  # noqa: S311 - a random order, not a secret


def test_new_groups_come_before_old_rules_go_and_the_old_rules_stay_for_running_pods() -> None:
    new = compile_firewall(*CASES["dev"]())
    old = former_layout(new)
    between = on_top_of(old, new)

    assert between.environment.waiting == {"api", "gateway", "pay"}
    assert {rule.name for rule in old.vpc.rules} <= {rule.name for rule in between.vpc.rules}
    assert between.proof().holds
    for before, after in ((old, between), (between, new), (new, old), (between, old)):
        assert gaps(before, after, list(states(before, after, an_order()))) == []


def test_without_the_old_rules_running_pods_would_lose_their_names() -> None:
    new = compile_firewall(*CASES["dev"]())
    old = former_layout(new)
    found = gaps(old, new, list(states(old, new, an_order())))

    assert ("api", "DNS") in {gap.pair for gap in found if gap.claim.endswith("cut")}


@settings(phases=WITHOUT_SHRINKING, max_examples=25)
@given(firewall_pairs(), ORDERS, st.booleans())
def test_a_change_on_top_of_an_earlier_version_never_cuts_or_opens_anything_silently(
    pair: FirewallPair,
    random: Random,
    back: bool,  # noqa: FBT001 - drawn
) -> None:
    before, after = former_layout(pair.before), pair.after
    after = former_layout(after) if back else on_top_of(before, after)
    before = pair.before if back else before
    ends = {end for each in interruptions(deployed(before), after.layers()) for end in each.ends}
    named = {*ends, *map(before_restart, ends), *map(without_shared_group, ends)}
    found = gaps(before, after, some_states(before, after, random))

    assert [gap for gap in found if gap.claim.endswith("open") and not {*gap.pair} & moved_between(pair)] == []
    assert [gap for gap in found if not {*gap.pair} & named] == []
