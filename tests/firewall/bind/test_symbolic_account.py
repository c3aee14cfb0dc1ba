"""The symbolic account answers every question, and keeps places apart as a real account does."""

from itertools import combinations
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import AWS_PREFIX_LIST_WEIGHTS
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.binding import One, Some
from tests.support.declared.accounts import CLOUDFRONT

Selection = TypeVar("Selection", One, Some)


def tagged(kind: type[Selection], **tags: str) -> Selection:
    return kind.model_validate({"tags": tags})


DATA, PUBLIC = tagged(Some, Tier="data"), tagged(Some, Tier="public")

_texts = st.text("abc-", min_size=1, max_size=4)
_selections = st.one_of(
    st.builds(lambda key, value: tagged(Some, **{key: value}), _texts, _texts),
    st.builds(lambda names: Some(names=names), st.lists(_texts, min_size=1, max_size=2)),
    st.builds(lambda ids: Some(ids=ids), st.lists(_texts, min_size=1, max_size=2)),
)


@pytest.fixture
def account() -> SymbolicAccount:
    return SymbolicAccount("ap-northeast-2")


def test_the_same_selection_is_always_the_same_place(account: SymbolicAccount) -> None:
    assert account.subnets("vpc", DATA) == account.subnets("vpc", DATA)
    assert account.groups("vpc", One(name="redis")) == account.groups("vpc", One(name="redis"))
    assert account.prefix_lists(One(name="office")) == account.prefix_lists(One(name="office"))


@given(st.lists(_selections, min_size=2, max_size=8, unique_by=str))
def test_different_selections_are_places_that_share_no_address(selections: list[Some]) -> None:
    account = SymbolicAccount("ap-northeast-2")

    networks = [subnet.networks[0] for each in selections for subnet in account.subnets("vpc", each)]

    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


def test_many_selections_are_different_places(account: SymbolicAccount) -> None:
    (vpc,) = account.vpcs(One(name="any"))

    subnets = [account.subnets(vpc.id, Some(ids=[str(number)]))[0].networks[0] for number in range(1000)]

    assert len(set(subnets)) == 1000
    assert all(subnet.overlaps(vpc.networks[0]) for subnet in subnets)


def test_subnets_are_in_the_vpc_and_prefix_lists_are_not(account: SymbolicAccount) -> None:
    (vpc,) = account.vpcs(One(name="any"))
    (subnet,) = account.subnets(vpc.id, PUBLIC)
    (listed,) = account.prefix_lists(One(id="pl-1"))

    assert vpc.networks[0].overlaps(subnet.networks[0])
    assert not vpc.networks[0].overlaps(listed.networks[0])
    assert not subnet.networks[0].overlaps(listed.networks[0])


def test_service_addresses_do_not_overlap_others(account: SymbolicAccount) -> None:
    cluster = account.cluster("any")
    (vpc,) = account.vpcs(One(name="any"))
    (listed,) = account.prefix_lists(One(id="pl-1"))

    assert not any(cluster.services.overlaps(other) for other in (*vpc.networks, *listed.networks))


def test_the_clusters_group_can_be_selected_like_any_other(account: SymbolicAccount) -> None:
    cluster = account.cluster("any")

    assert len(account.groups(cluster.vpc, One(id=cluster.group))) == 1


def test_groups_selected_differently_are_different_groups(account: SymbolicAccount) -> None:
    selections = (tagged(One, Name="redis"), One(name="redis"), One(id="redis"))

    assert len({account.groups("vpc", selection)[0].id for selection in selections}) == 3


def test_a_group_has_the_name_from_the_binding(account: SymbolicAccount) -> None:
    for selection in (tagged(One, Name="shop-redis", Tier="data"), One(name="shop-redis"), One(id="shop-redis")):
        assert account.groups("vpc", selection)[0].label == "shop-redis"


def test_prefix_lists_of_aws_have_their_documented_weight(account: SymbolicAccount) -> None:
    assert account.prefix_lists(One(name=CLOUDFRONT))[0].weight == AWS_PREFIX_LIST_WEIGHTS[CLOUDFRONT] == 55
