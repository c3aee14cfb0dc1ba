"""A firewall's name in the account is its own, and its tags tell its resources from those of others."""

from hypothesis import assume, given
from hypothesis import strategies as st

from flash_ticket.firewall.compile.owner import Claim, Owner, owner_in
from tests.support.declared.owners import DEV, owner_of, tags

PARTS = st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}", fullmatch=True)


@st.composite
def owners(draw: st.DrawFn) -> Owner:
    """Return an owner whose cluster is often named after it."""
    namespace, stack = draw(PARTS), draw(PARTS)
    return owner_of(stack, namespace, draw(st.one_of(PARTS, st.just(f"{namespace}-{stack}"))))


def test_the_shop_keeps_the_names_that_it_has() -> None:
    assert DEV.account_name == "flash-ticket-dev"
    assert DEV.name == "flash-ticket-dev"


@given(owners(), owners())
def test_two_firewalls_of_a_region_never_share_a_name(one: Owner, other: Owner) -> None:
    assume(one != other)

    assert one.account_name != other.account_name


def test_namespaces_and_stacks_that_read_alike_together_have_names_of_their_own() -> None:
    """``shop`` with ``eu-prod`` is not ``shop-eu`` with ``prod``, even in a cluster that is named after both."""
    owners = (owner_of("eu-prod", "shop", "shop-eu-prod"), owner_of("prod", "shop-eu", "shop-eu-prod"))
    names = {each.account_name for each in owners}

    assert len(names) == 2
    assert "shop-eu-prod" in names


@given(owners(), owners())
def test_only_tags_with_all_three_make_a_resource_the_firewalls_own(one: Owner, other: Owner) -> None:
    claim = one.claim({"Tags": tags(other, Name="any")})

    assert claim is (Claim.OURS if one == other else Claim.OTHERS)
    assert owner_in(other.tags) == other


def test_the_stack_alone_leaves_the_owner_open() -> None:
    assert DEV.claim_of({"flash-firewall:stack": "dev"}) is Claim.EARLIER
    assert DEV.claim_of({"flash-firewall:stack": "dev", "flash-firewall:namespace": "flash-ticket"}) is Claim.EARLIER
    assert DEV.claim_of({"flash-firewall:stack": "dev", "flash-firewall:namespace": "other"}) is Claim.OTHERS
    assert DEV.claim_of({}) is Claim.OTHERS
    assert owner_in({"flash-firewall:stack": "dev"}) is None
