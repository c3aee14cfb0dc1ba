"""An external that is pods in one stack, and addresses in another."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.bind.known_places import PodsOfPlace
from flash_ticket.firewall.bind.stack_matrix import matrix_of
from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import SHOP, binding_content, environment_of, shop_matrix

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PODS = {"namespace": "data", "pods": {"app": "mysql"}}


def content(place: dict[str, Any] | None = None, name: str = "database") -> dict[str, Any]:
    found = binding_content("dev")
    found["places"][name] = PODS if place is None else place
    return found


def in_pods() -> Environment:
    return environment_of("dev", content())


def refusal(written: dict[str, Any]) -> str:
    with pytest.raises(InputError) as refused:
        bind(shop_matrix(), parse_binding(written, "dev"), "dev", SHOP)
    return str(refused.value).removeprefix("Pulumi.dev.yaml: flash-ticket-firewall:binding.")


def test_an_external_in_pods_has_no_place_and_is_pods_in_the_matrix_of_its_stack() -> None:
    environment = in_pods()
    matrix = matrix_of(shop_matrix(), environment, NOW)

    assert environment.in_pods == (("database", PodsOfPlace("data", (("app", "mysql"),))),)
    assert "database" not in dict(environment.places)
    (database,) = (each for each in matrix.externals if each.name == "database")
    assert (database.namespace, database.pods) == ("data", (("app", "mysql"),))
    assert matrix_of(matrix, environment, NOW) == matrix


def test_without_such_places_a_matrix_stays_as_it_is() -> None:
    assert matrix_of(shop_matrix(), environment_of("prod"), NOW) == shop_matrix()


def test_each_stack_is_compiled_and_proven_for_what_it_has() -> None:
    dev = compile_firewall(shop_matrix(), in_pods())
    prod = compile_firewall(shop_matrix(), environment_of("prod"))

    assert dev.proof().holds
    assert prod.proof().holds
    peers = {
        firewall.environment.name: [
            peer.manifest()
            for policy in firewall.pods.allows
            for rule in policy.rules
            if rule.flow == "api -> database"
            for peer in rule.peers
        ]
        for firewall in (dev, prod)
    }
    assert peers["dev"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}},
            "podSelector": {"matchLabels": {"app": "mysql"}},
        }
    ]
    assert {tuple(each) for each in peers["prod"]} == {("ipBlock",)}
    nodes = dev.environment.cluster.nodes[0].label
    assert f"api-egress-tcp-5432-to-{nodes}" in {rule.name for rule in dev.vpc.rules}


def test_every_pod_of_a_namespace_can_be_meant() -> None:
    environment = environment_of("dev", content({"namespace": "data"}))
    assert environment.in_pods == (("database", PodsOfPlace("data", ())),)
    assert compile_firewall(shop_matrix(), environment).proof().holds


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            content({"pods": {"app": "mysql"}}),
            "places.database: pods are given without the namespace they run in. Add namespace, or remove pods.",
        ),
        (
            content({"namespace": "data", "cidrs": ["10.10.20.0/24"]}),
            (
                "places.database: namespace and cidrs are given together, and an external is either pods or addresses. "
                "Give namespace and pods, or cidrs."
            ),
        ),
        (
            content({"namespace": "flash-ticket", "pods": {"app": "mysql"}}),
            (
                "places.database.namespace: flash-ticket is the firewalled namespace itself. Declare database under "
                "services in traffic.yaml instead, with its stacks."
            ),
        ),
        (
            content(PODS, "alb"),
            "places.alb.namespace: alb is the load balancer, not pods. Give its subnets.",
        ),
        (content(PODS, "gateway"), "places.gateway: gateway is not an external of traffic.yaml. Remove it or"),
    ],
)
def test_pods_that_contradict_the_rest_are_refused(written: dict[str, Any], said: str) -> None:
    assert refusal(written).startswith(said)
