"""Ranges of addresses, and how ranges divide a family of addresses."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.terms.addresses import AddressRange, Family, Partition, whole, without

small = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(
    lambda ends: AddressRange(Family.V4, min(ends), max(ends))
)


def numbers(ranges: list[AddressRange]) -> set[int]:
    return {number for each in ranges for number in range(each.first, each.last + 1)}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("10.0.0.1", "10.0.0.1-10.0.0.1"),
        ("10.1.2.3/8", "10.0.0.0-10.255.255.255"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
        ("0.0.0.0/0", "0.0.0.0-255.255.255.255"),
        ("2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff"),
    ],
)
def test_a_range_is_written_by_both_its_ends(text: str, written: str) -> None:
    assert str(AddressRange.of(text)) == written


@pytest.mark.parametrize("text", ["", "shop", "10.0.0.9-10.0.0.1", "10.0.0.0/33", "10.0.0.1-2001:db8::1", "300.0.0.1"])
def test_text_that_is_not_a_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        AddressRange.of(text)


@settings(deadline=None)
@given(small, st.lists(small, max_size=4))
def test_a_block_without_its_exceptions_is_the_difference(block: AddressRange, holes: list[AddressRange]) -> None:
    left = without(block, holes)
    assert numbers(list(left)) == numbers([block]) - numbers(holes)
    assert all(one.last + 1 < other.first for one, other in pairwise(left))


@settings(deadline=None)
@given(st.lists(small, max_size=5))
def test_a_partition_covers_its_family_once_and_no_range_holds_a_part_of_a_piece(ranges: list[AddressRange]) -> None:
    partition = Partition(Family.V4, ranges)

    assert partition.pieces[0].first == 0
    assert partition.pieces[-1].last == Family.V4.last
    for one, other in pairwise(partition.pieces):
        assert one.last + 1 == other.first
    for each in ranges:
        within = [partition.pieces[place] for place in partition.within(each)]
        assert (within[0].first, within[-1].last) == (each.first, each.last)


def test_families_do_not_mix() -> None:
    assert not whole(Family.V6).overlaps(whole(Family.V4))
    assert not whole(Family.V6).covers(whole(Family.V4))
    assert len(Partition(Family.V4, [AddressRange.of("2001:db8::/32")]).pieces) == 1
