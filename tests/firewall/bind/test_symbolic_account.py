"""The symbolic account answers every question, and keeps places apart as a real account does."""

from itertools import combinations
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.known_places import AWS_PREFIX_LIST_WEIGHTS
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.sections.selection import One, Some
from flash_ticket.firewall.terms.addresses import AddressRange
from tests.support.declared.accounts import CLOUDFRONT, binding_content
from tests.support.declared.json_values import put

Selection = TypeVar("Selection", One, Some)


def tagged(kind: type[Selection], **tags: str) -> Selection:
    return kind.model_validate({"tags": tags})


OF_IPV6 = "com.amazonaws.global.ipv6.cloudfront.origin-facing"
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

    assert not any(own.overlaps(other) for own in cluster.services for other in (*vpc.networks, *listed.networks))


def families(*networks: Network) -> list[int]:
    return sorted(network.version for network in networks)


def account_for(changed: dict[str, Any]) -> SymbolicAccount:
    content = binding_content("dev")
    for key, value in changed.items():
        content = put(content, tuple(key.split(".")), value)
    return SymbolicAccount.of("ap-northeast-2", parse_binding(content, "dev"))


@pytest.mark.parametrize(
    ("changed", "of_vpc", "of_services"),
    [
        pytest.param({}, [4], [4], id="no IPv6 anywhere"),
        pytest.param({"loadBalancer.clients": {"cidrs": ["0.0.0.0/0", "::/0"]}}, [4, 6], [4, 6], id="clients"),
        pytest.param({"loadBalancer.clients": {"cidrs": ["::/0"]}}, [4, 6], [4, 6], id="clients of IPv6 alone"),
        pytest.param({"places.redis": {"cidrs": ["2001:db8::/64"]}}, [4, 6], [4, 6], id="a place"),
        pytest.param({"places.redis": {"prefixList": {"name": OF_IPV6}}}, [4, 6], [4, 6], id="a list of AWS"),
        pytest.param({"cluster.dns": {"mode": "node-local", "address": "fd00::10"}}, [4, 6], [6], id="a resolver"),
        pytest.param(
            {"cluster.dns": {"mode": "node-local"}, "loadBalancer.clients": {"cidrs": ["::/0"]}},
            *([4, 6], [4]),
            id="a resolver of IPv4",
        ),
    ],
)
def test_the_account_has_every_family_that_the_binding_needs(
    changed: dict[str, Any], of_vpc: list[int], of_services: list[int]
) -> None:
    account = account_for(changed)
    (vpc,), cluster = account.vpcs(One(name="any")), account.cluster("any")
    (subnet,) = account.subnets(vpc.id, PUBLIC)

    assert families(*vpc.networks) == families(*subnet.networks) == of_vpc
    assert families(*cluster.services) == of_services


@given(st.lists(_selections, min_size=2, max_size=8, unique_by=str))
def test_places_of_both_families_share_no_address_and_are_in_the_vpc(selections: list[Some]) -> None:
    account = account_for({"loadBalancer.clients": {"cidrs": ["0.0.0.0/0", "::/0"]}})
    (vpc,), cluster = account.vpcs(One(name="any")), account.cluster("any")
    listed = [account.prefix_lists(One(name=name))[0] for name in (OF_IPV6, CLOUDFRONT)]

    places = [network for each in selections for network in account.subnets(vpc.id, each)[0].networks]
    apart = [AddressRange.of_network(each) for each in (*places, *cluster.services)]
    apart += [AddressRange.of_network(network) for each in listed for network in each.networks]

    assert not any(one.overlaps(other) for one, other in combinations(apart, 2))
    assert all(
        any(AddressRange.of_network(of).covers(AddressRange.of_network(each)) for of in vpc.networks) for each in places
    )
    assert [each.family for each in listed] == [6, 4]


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
