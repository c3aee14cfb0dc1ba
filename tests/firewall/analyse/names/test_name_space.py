"""Addresses stand for names as the patterns do: nested for nested, apart for apart."""

import re

from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.names.name_space import NameSpace
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from tests.support.declared.at_random.domains import names, patterns


def is_of(pattern: str, name: str) -> bool:
    """Return whether a pattern stands for a name, by a regular expression."""
    below = pattern.removeprefix("*.")
    wanted = re.escape(pattern) if below == pattern else rf"([^.]+\.)+{re.escape(below)}"
    return re.fullmatch(wanted, name) is not None


@given(st.lists(patterns, max_size=12), names)
def test_a_name_is_at_an_address_of_exactly_the_patterns_that_stand_for_it(known: list[str], name: str) -> None:
    space = NameSpace.of(known)
    at = space.address_of(name)

    found = {pattern for pattern in known if any(block.covers(at) for block in space.ranges([pattern]))}

    assert found == {pattern for pattern in known if is_of(pattern, name)}


@given(st.lists(patterns, max_size=12))
def test_the_ranges_of_several_patterns_are_those_of_each(known: list[str]) -> None:
    space = NameSpace.of(known)
    blocks = space.ranges(known)

    assert all(any(block.covers(each) for block in blocks) for one in known for each in space.ranges([one]))
    assert not any(one.overlaps(other) for one in blocks for other in blocks if one is not other)


@given(st.lists(patterns, max_size=12), st.lists(patterns, max_size=4))
def test_the_order_of_patterns_does_not_matter(known: list[str], more: list[str]) -> None:
    assert NameSpace.of([*known, *more]) == NameSpace.of([*more, *known, *known])


def test_no_host_has_the_address_of_a_name() -> None:
    space = NameSpace.of(["*.stripe.com", "api.stripe.com", "api.tosspayments.com"])

    assert space.ranges(["*.stripe.com"]) == (AddressRange.of("0.0.0.1-0.0.0.2"),)
    assert space.ranges(["api.stripe.com", "*.stripe.com"]) == (AddressRange.of("0.0.0.1-0.0.0.2"),)
    assert space.address_of("b.stripe.com") == AddressRange.of("0.0.0.1")
    assert space.address_of("example.org") == AddressRange(Family.V4, 0, 0)
