"""What a deployment may take over is bound to names of traffic.yaml and groups of the account, or refused."""

from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import Adopting
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import binding_content, environment_of

API = "02-allow-api-from-gateway"


def adopting(**asked: Any) -> Adopting | None:  # noqa: ANN401 - parsed YAML has any shape
    return environment_of("dev", {**binding_content("dev"), **asked}).adopting


def test_nothing_is_taken_over_by_default() -> None:
    assert adopting() is None


def test_every_policy_of_the_declaration_can_be_taken_over_and_none_must_exist() -> None:
    found = adopting(adopt={"policies": True})

    assert found
    assert len(found.policies) == 7
    assert {API, "00-default-deny"} <= found.policies
    assert (found.listed, found.groups) == ((), ())


def test_listed_policies_alone_are_taken_over() -> None:
    found = adopting(adopt={"policies": [API]})

    assert found == Adopting(frozenset({API}), (API,))


RENDERED = {**binding_content("dev")["cluster"], "podLayer": "rendered"}
ON_NODES = {**binding_content("dev")["cluster"], "attachment": "nodes"}
# The key "adopt", the other keys of the binding, and the error after the name of the file and the binding's own key.
MISTAKES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "nothing": ({}, {}, "adopt: it names nothing. Add policies or groups, or remove adopt."),
    "no value": (None, {}, "adopt: nothing is written here."),
    "an unknown key": ({"policy": True}, {}, "adopt.policy: this key is not known. Write 'policies' instead, or"),
    "no policies": ({"policies": []}, {}, "adopt.policies: [] names no policies. Write true, or a list of names"),
    "not": ({"policies": False}, {}, "adopt.policies: false names no policies. Write true, or a list of names"),
    "a number": ({"policies": [1]}, {}, "adopt.policies: 1 is not the name of a NetworkPolicy. Write it as kubectl"),
    "twice": ({"policies": [API, API]}, {}, f"adopt.policies: {API} is there twice. Remove one of the two."),
    "an undeclared policy": (
        {"policies": [API, "allow-egress-external"]},
        {},
        "adopt.policies[1]: no service of traffic.yaml has a policy allow-egress-external. Give the name to a service",
    ),
    "rendered": ({"policies": True}, {"cluster": RENDERED}, "adopt.policies: cluster.podLayer is rendered, so this"),
    "no group": ({"groups": {}}, {}, "adopt.groups: it is empty."),
    "an unknown service": (
        {"groups": {"web": "sg-0123"}},
        {},
        "adopt.groups.web: web has no group of this program. Write one of: alb, api, gateway, pay.",
    ),
    "an absent group": (
        {"groups": {"api": "sg-0123"}},
        {},
        "adopt.groups.api: there is no security group of vpc-dev with the id sg-0123 in account 111122223333",
    ),
    "the group of the nodes": (
        {"groups": {"api": {"name": "flash-ticket-dev-nodes"}}},
        {},
        "adopt.groups.api: sg-dev-nodes is cluster.nodes. Name the group of these pods alone, or remove it.",
    ),
    "the group of a place": (
        {"groups": {"api": {"tags": {"Name": "flash-ticket-dev-redis"}}}},
        {},
        "adopt.groups.api: sg-dev-redis is a group of places.redis. Name the group of these pods alone",
    ),
    "a service without a group": (
        {"groups": {"api": "sg-0123"}},
        {"cluster": ON_NODES},
        "adopt.groups.api: with cluster.attachment nodes, services have no groups of their own. Remove it, or keep",
    ),
}


@pytest.mark.parametrize("case", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_key_and_remedy(case: tuple[Any, dict[str, Any], str]) -> None:
    adopt, others, line = case
    with pytest.raises(InputError) as error:
        adopting(adopt=adopt, **others)

    assert str(error.value).startswith(f"Pulumi.dev.yaml: flash-ticket-firewall:binding.{line}")
