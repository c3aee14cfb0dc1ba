"""A prefix list that has changed since the deployment is named, with what the deployed pod layer lacks and holds."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from flash_ticket.firewall.bind.environment import PrefixList
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.frozen_lists import changed_lists
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.described import deployed


def with_list(*blocks: str) -> CompiledFirewall:
    """Return the shop with redis in a prefix list of these entries."""
    environment = environment_of("dev")
    networks = tuple(ip_network(block) for block in blocks)
    listed = PrefixList("pl-1", "caches", 4, 20, networks)
    places = tuple(
        (name, replace(place, networks=networks, prefix_list=listed, groups=()) if name == "redis" else place)
        for name, place in environment.places
    )
    return compile_firewall(shop_matrix(), replace(environment, places=places))


def standing(firewall: CompiledFirewall) -> Deployed:
    return replace(deployed(firewall), policies=tuple(each.manifest() for each in firewall.pods.policies))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (["192.0.2.0/25"], ["192.0.2.0/25", "198.51.100.0/24"], "lacks 198.51.100.0/24"),
        (["192.0.2.0/25", "198.51.100.0/24"], ["192.0.2.0/25"], "still holds 198.51.100.0/24"),
        (["192.0.2.0/25"], ["198.51.100.0/24"], "lacks 198.51.100.0/24 and still holds 192.0.2.0/25"),
        (["192.0.2.0/25"], [f"192.0.2.{n}/32" for n in range(128, 136)], "192.0.2.132/32 and 3 more and still holds"),
    ],
)
def test_a_list_that_has_changed_is_named_once(before: list[str], after: list[str], said: str) -> None:
    (notice,) = changed_lists(with_list(*after), standing(with_list(*before)))

    assert notice.where == "places.redis.prefixList"
    assert notice.what.startswith("caches (pl-1) has changed since the deployment: the deployed pod layer ")
    assert said in notice.what
    assert notice.remedy == "Run pulumi up --stack dev"


def test_a_list_that_has_not_changed_and_a_first_deployment_are_no_notice() -> None:
    firewall = with_list("192.0.2.0/25")

    assert not list(changed_lists(firewall, standing(firewall)))
    assert not list(changed_lists(firewall, replace(standing(firewall), policies=())))


def test_the_addresses_of_other_places_in_a_policy_do_not_count() -> None:
    before, after = with_list("192.0.2.0/25"), environment_of("dev")
    assert not list(changed_lists(compile_firewall(shop_matrix(), after), standing(before)))
