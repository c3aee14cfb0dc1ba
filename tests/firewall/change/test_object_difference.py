"""Two objects differ exactly where a naive comparison says so, and each difference has its path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.change.object_difference import Difference, declared_part, differences

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab.", max_size=2)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab./", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def naive_key(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value that is equal for equivalent objects: lists as multisets, with types distinguished."""
    if isinstance(value, dict):
        return ("mapping", sorted((key, repr(naive_key(each))) for key, each in value.items()))
    if isinstance(value, list):
        return ("bag", sorted(repr(naive_key(each)) for each in value))
    return (type(value).__name__, value)


@given(VALUES, VALUES)
def test_there_is_a_difference_exactly_if_the_objects_are_not_equivalent(one: object, other: object) -> None:
    assert bool(differences(one, other)) == (naive_key(one) != naive_key(other))


@given(VALUES, VALUES)
def test_swapping_the_objects_swaps_the_values(one: object, other: object) -> None:
    there, back = differences(one, other), differences(other, one)

    def values(found: tuple[Difference, ...]) -> list[tuple[str, str]]:
        return sorted((str(each.declared), str(each.live)) for each in found)

    assert values(there) == sorted((live, declared) for declared, live in values(back))


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), SCALARS, min_size=1), st.data())
def test_a_changed_value_has_its_path_and_both_values(declared: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(declared)))

    (found,) = differences({"spec": declared}, {"spec": {**declared, key: "changed"}})

    assert found == Difference(f"spec.{key}", json.dumps(declared[key]), '"changed"')


def test_a_value_on_one_side_only_is_none_on_the_other() -> None:
    assert differences({"a": 1}, {"b": 2}) == (Difference("a", "1", None), Difference("b", None, "2"))
    assert differences([1, 2], [2]) == (Difference("[0]", "1", None),)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_only_list_entries_without_an_equal_partner_differ(order: list[int]) -> None:
    rules = [{"port": 1}, {"port": 2}, {"port": 3}]
    live = [rules[index] for index in order]
    live[order.index(1)] = {"port": 9}

    assert differences(rules, live) == (Difference("[1].port", "2", "9"),)


def test_true_one_and_the_text_one_differ() -> None:
    assert len(differences({"a": True, "b": 1}, {"a": 1, "b": "1"})) == 2


def test_keys_that_others_add_are_left_out() -> None:
    assert declared_part({"a": 1, "b": 2}, {"a": 3, "c": 4}) == {"a": 3}
