"""Several listings as one history: no pod has an address at a time when that is not certain."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.traffic.attribution.inventory import Inventory, Pod
from flash_ticket.traffic.attribution.pod_history import PodHistory, merged
from tests.support.traffic.incident import INVENTORY, pod

ADDRESS = "10.10.10.60"


def listing(taken: float, *pods: Pod) -> Inventory:
    return Inventory(taken, None, None, pods, ())


def holder(at: float, *listings: Inventory, until: float | None = None) -> str | None:
    found = PodHistory(merged(listings).pods).holder(ADDRESS, at, at if until is None else until)
    return found.name if found else None


def test_a_pod_missing_from_the_next_listing_ended_when_it_was_last_seen() -> None:
    first, second = listing(100, pod("a", ADDRESS, "x", since=50)), listing(200, pod("b", "10.10.10.61", "x", since=50))

    assert [holder(at, first, second) for at in (49, 50, 99, 100, 150, 250)] == [None, "a", "a", None, None, None]


def test_a_pod_without_a_known_start_counts_from_when_it_was_first_seen() -> None:
    first, second = listing(100, pod("b", "10.10.10.61", "x")), listing(200, pod("a", ADDRESS, "x", since=None))

    assert [holder(at, first, second) for at in (150, 199, 200, 500)] == [None, None, "a", "a"]


def test_a_listing_without_pods_of_a_namespace_does_not_cover_it() -> None:
    first, other = (
        listing(100, pod("a", ADDRESS, "x", since=50)),
        listing(200, pod("b", "10.1.1.1", "x", namespace="y")),
    )

    assert holder(300, first, other) == "a"


def test_changed_labels_count_for_the_time_of_the_listings_that_show_them() -> None:
    first, second = listing(100, pod("a", ADDRESS, "old", since=50)), listing(200, pod("a", ADDRESS, "new", since=50))
    history = PodHistory(merged((first, second)).pods)

    found = [history.holder(ADDRESS, at, at) for at in (60, 150, 200)]

    assert [each and dict(each.labels)["app"] for each in found] == ["old", None, "new"]


def test_two_pods_of_one_address_are_separated_at_the_end_of_the_first() -> None:
    both = listing(300, pod("a", ADDRESS, "x", since=50, until=100), pod("b", ADDRESS, "y", since=120))

    assert [holder(at, both) for at in (60, 99, 100, 110, 120, 999)] == ["a", "a", None, None, "b", "b"]
    assert holder(60, both, until=130) is None


def test_pods_on_the_host_network_share_their_nodes_address() -> None:
    history = PodHistory((pod("a", "10.10.10.2", "x", node="10.10.10.2"),))

    assert not history.knows("10.10.10.2")
    assert history.nodes == {"10.10.10.2"}


def test_the_latest_saved_value_counts_for_everything_except_pods() -> None:
    newer = replace(INVENTORY, taken=INVENTORY.taken + 1, environment=None, interfaces=())

    found = merged((newer, INVENTORY))

    assert (found.taken, found.environment, found.interfaces) == (
        newer.taken,
        INVENTORY.environment,
        INVENTORY.interfaces,
    )
    assert found.listed == INVENTORY.listed


def test_merging_one_inventory_changes_nothing() -> None:
    assert merged((INVENTORY,)) == INVENTORY


times = st.integers(0, 12).map(float)


@st.composite
def lives(draw: st.DrawFn) -> list[Pod]:
    """Pods that had the same address one after the other."""
    cuts = sorted(draw(st.sets(times, min_size=2, max_size=6)))
    return [
        pod(f"p{start:.0f}", ADDRESS, draw(st.sampled_from("xy")), since=start, until=stop)
        for start, stop in pairwise(cuts)
        if draw(st.booleans())
    ]


@given(lives(), st.sets(times, min_size=1, max_size=4), times, times)
def test_the_reported_holder_of_an_address_really_had_it(
    truth: list[Pod], taken: set[float], one: float, other: float
) -> None:
    """Listings show who is there at their time, and nothing of those who ended before."""
    beside = pod("beside", "10.10.10.61", "z", since=0)
    listings = [
        listing(at, beside, *(replace(each, until=None) for each in truth if _is_there(each, at))) for at in taken
    ]
    first, last = sorted((one, other))

    found = holder(first, *listings, until=last)

    if last <= max(taken):
        really = [each.name for each in truth if _is_there(each, first) and last <= (each.until or 0)]
        assert found in {None, *really}


def _is_there(each: Pod, at: float) -> bool:
    return (each.since or 0) <= at < (each.until or 0)
