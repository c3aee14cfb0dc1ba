"""The proof fails for every wrong compiled firewall, and names each changed connection.

``python -m lab.bench.mutations`` checks this for every mutant of the shop and of many random declarations.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.stacks import CASES
from tests.support.mutants.judged_mutants import Judged, judged
from tests.support.mutants.mutations import compiled, mutants
from tests.support.naive.naive_changes import Effect

_EVERY = 61
"""This test judges one in 61 of the shop's mutants."""


@pytest.mark.parametrize("case", CASES)
def test_the_proof_fails_for_exactly_the_mutants_of_the_shop_that_change_something(case: str) -> None:
    right = compiled(*CASES[case]())
    for mutant in list(mutants(right))[sum(map(ord, case)) % _EVERY :: _EVERY]:
        found = judged(right, mutant)
        assert found.caught == (found.effect is not Effect.NONE), said(found)
        assert found.named, said(found)


@settings(max_examples=50)
@given(shops(min_flows=2), st.data())
def test_the_proof_fails_for_mutants_of_random_declarations_that_change_something(
    shop: tuple[Matrix, Environment], data: st.DataObject
) -> None:
    right = compiled(*shop)
    found = judged(right, data.draw(st.sampled_from(list(mutants(right)))))

    assert found.caught or found.effect is Effect.NONE, said(found)
    assert found.named, said(found)


def said(found: Judged) -> str:
    return f"{found.mutant.layer} {found.mutant.category}, {found.mutant.where}: changes {found.effect}"
