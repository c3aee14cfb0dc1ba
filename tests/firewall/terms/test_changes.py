"""What a change opens and closes."""

from hypothesis import given, settings

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.changes import Change, ChangeKind, changes_between
from flash_ticket.firewall.terms.connections import PartyName  # noqa: TC001  # spelled out in variables too
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortRange, PortSet, Protocol, tcp
from tests.support.declared.at_random.clusters import RandomCluster, clusters

WEB, TLS = PortSet.of([tcp(80)]), PortSet.of([tcp(443)])


def addresses(text: str) -> AddressRange:
    return AddressRange.of(text)


def test_nothing_changes_between_equal_connections() -> None:
    same: dict[tuple[PartyName, PartyName], PortSet] = {("a", "b"): WEB, (addresses("10.0.0.0/8"), "b"): ALL_PORTS}
    assert changes_between(same, same) == ()


def test_pairs_are_added_removed_and_changed() -> None:
    before: dict[tuple[PartyName, PartyName], PortSet] = {("a", "b"): WEB, ("a", "c"): WEB, ("a", "d"): WEB}
    after: dict[tuple[PartyName, PartyName], PortSet] = {("a", "b"): WEB | TLS, ("a", "c"): WEB, ("z", "a"): TLS}

    found = changes_between(before, after)

    assert [(change.kind, change.source, change.destination) for change in found] == [
        (ChangeKind.CHANGED, "a", "b"),
        (ChangeKind.REMOVED, "a", "d"),
        (ChangeKind.ADDED, "z", "a"),
    ]
    assert [(change.opened, change.closed) for change in found] == [(TLS, NO_PORTS), (NO_PORTS, WEB), (TLS, NO_PORTS)]
    assert [str(change) for change in found] == [
        "changed  a => b : TCP 80 -> TCP 80,443",
        "removed  a => d : TCP 80",
        "added    z => a : TCP 443",
    ]


def test_ranges_cut_differently_are_compared_address_by_address() -> None:
    before: dict[tuple[PartyName, PartyName], PortSet] = {(addresses("0.0.0.0/0"), "a"): WEB}
    after: dict[tuple[PartyName, PartyName], PortSet] = {
        (addresses("0.0.0.0-9.255.255.255"), "a"): WEB,
        (addresses("10.0.0.0/9"), "a"): TLS,
        (addresses("10.128.0.0/9"), "a"): TLS,
        (addresses("11.0.0.0-255.255.255.255"), "a"): WEB,
    }
    assert changes_between(before, after) == (Change(addresses("10.0.0.0/8"), "a", WEB, TLS),)


def test_ranges_as_destinations_are_compared_address_by_address() -> None:
    before: dict[tuple[PartyName, PartyName], PortSet] = {("a", addresses("10.0.0.0/8")): WEB}
    after: dict[tuple[PartyName, PartyName], PortSet] = {("a", addresses("10.0.0.0/9")): WEB}
    assert changes_between(before, after) == (Change("a", addresses("10.128.0.0/9"), WEB, NO_PORTS),)


@settings(max_examples=100, deadline=None)
@given(clusters(), clusters())
def test_the_change_back_is_the_change_the_other_way_round(one: RandomCluster, other: RandomCluster) -> None:
    first, second = (Reachability(cluster_from(each.manifests)).connections().as_map() for each in (one, other))
    forth = changes_between(first, second)
    back = changes_between(second, first)
    assert [(each.source, each.destination, each.after, each.before) for each in back] == [
        (each.source, each.destination, each.before, each.after) for each in forth
    ]


@settings(max_examples=100, deadline=None)
@given(clusters(), clusters())
def test_what_is_opened_was_closed_before_and_is_open_after(one: RandomCluster, other: RandomCluster) -> None:
    for change in changes_between(
        *(Reachability(cluster_from(each.manifests)).connections().as_map() for each in (one, other))
    ):
        assert change.opened or change.closed
        assert not change.opened & change.before
        assert change.after.covers(change.opened)
        assert (change.before | change.opened) - change.closed == change.after


def test_a_range_of_ports_that_shrinks_is_a_change_that_closes() -> None:
    wide, narrow = (PortSet.of([PortRange(Protocol.TCP, 1, last)]) for last in (10, 5))
    (change,) = changes_between({("a", "b"): wide}, {("a", "b"): narrow})
    assert str(change.closed) == "TCP 6-10"
