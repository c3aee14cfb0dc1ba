"""Every mistake of a binding is reported at once; what the account refuses ends the search."""

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import AccountInMemory, binding_content, environment_of


def test_all_mistakes_are_reported_at_once() -> None:
    content = binding_content("dev")
    content["cluster"]["nodes"] = {"name": "nodes"}
    content["cluster"]["podSubnets"] = {"names": ["a", "b"]}
    content["loadBalancer"]["clients"] = {"cidrs": ["2001:db8::/32", "2001:db9::/32"]}
    content["places"]["alb"] = {"subnets": {"names": ["public"]}}
    content["places"]["redis"] = {"subnets": {"names": ["data"]}, "groups": [{"name": "x"}, {"name": "y"}]}
    content["places"]["redsi"] = content["places"].pop("database")
    with pytest.raises(InputError) as refused:
        environment_of("dev", content)

    keys = [each.key.removeprefix("flash-ticket-firewall:binding.") for each in refused.value.each]
    assert keys == [
        *("places", "places.redsi"),
        *("cluster.nodes", "cluster.podSubnets", "cluster.podSubnets"),
        *("loadBalancer.clients.cidrs[0]", "loadBalancer.clients.cidrs[1]"),
        *("places.alb.subnets", "places.redis.subnets", "places.redis.groups[0]", "places.redis.groups[1]"),
    ]


def test_without_its_vpc_nothing_in_it_is_looked_up() -> None:
    content = binding_content("dev")
    content["vpc"] = {"name": "nowhere"}
    content["cluster"]["nodes"] = {"name": "nodes"}
    with pytest.raises(InputError) as refused:
        environment_of("dev", content)

    assert [each.key for each in refused.value.each] == ["flash-ticket-firewall:binding.vpc"]


def test_an_account_that_refuses_ends_the_search_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(_: object, selection: object, *__: object) -> None:
        asked.append(selection)
        raise InputError("AWS", "credentials", "they have expired", "Sign in again")

    monkeypatch.setattr(AccountInMemory, "groups", refuse)
    with pytest.raises(InputError, match="they have expired"):
        environment_of("dev")
    assert len(asked) == 1
