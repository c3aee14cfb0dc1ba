"""A policy that the API server would refuse, or read differently than it looks, is an error with file and field."""

from typing import Any

import pytest

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.kubernetes.objects import policy


def rules_of(**spec: Any) -> dict[Direction, int]:  # noqa: ANN401  # any field
    (found,) = cluster_from([policy("p", **spec)]).policies
    return {direction: len(rules) for direction, rules in found.rules.items()}


@pytest.mark.parametrize(
    ("spec", "rules"),
    [
        ({}, {Direction.INGRESS: 0}),
        ({"policyTypes": []}, {Direction.INGRESS: 0}),
        ({"egress": []}, {Direction.INGRESS: 0}),
        ({"egress": None, "ingress": None}, {Direction.INGRESS: 0}),
        ({"egress": [{}]}, {Direction.INGRESS: 0, Direction.EGRESS: 1}),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, {Direction.EGRESS: 0}),
        ({"policyTypes": ["Egress", "Ingress"], "ingress": [{}, {}]}, {Direction.EGRESS: 0, Direction.INGRESS: 2}),
    ],
)
def test_missing_policy_types_default_to_ingress_and_to_egress_if_there_are_egress_rules(
    spec: dict[str, Any], rules: dict[Direction, int]
) -> None:
    assert rules_of(**spec) == rules


def test_a_policy_without_a_spec_or_selector_selects_every_pod() -> None:
    bare = policy("p")
    del bare["spec"]
    (found,) = cluster_from([bare]).policies
    assert found.pods.matches({"any": "pod"})


def error_of(**spec: Any) -> InputError:  # noqa: ANN401  # any field
    with pytest.raises(InputError) as caught:
        cluster_from([policy("p", **spec)], source="policies.yaml")
    assert caught.value.source == "policies.yaml"
    return caught.value


def peer(entry: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever is wrong
    return {"ingress": [{"from": [entry]}]}


def port(entry: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever is wrong
    return {"egress": [{}, {"ports": [entry]}]}


@pytest.mark.parametrize(
    ("spec", "path", "problem"),
    [
        ({"policyTypes": ["ingress"]}, "spec.policyTypes[0]", "unknown policy type 'ingress'"),
        ({"policyTypes": "Ingress"}, "spec.policyTypes", "expected a list, found 'Ingress'"),
        ({"ingres": []}, "spec.ingres", "no such field"),
        ({"ingress": {}}, "spec.ingress", "expected a list, found a mapping"),
        ({"ingress": [[]]}, "spec.ingress[0]", "expected a mapping, found a list"),
        ({"ingress": [{"to": []}]}, "spec.ingress[0].to", "no such field"),
        (peer({}), "spec.ingress[0].from[0]", "this peer selects nothing"),
        (peer(None), "spec.ingress[0].from[0]", "this peer selects nothing"),
        (
            peer({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}),
            "spec.ingress[0].from[0]",
            "an ipBlock together with a selector",
        ),
        (peer({"podSelector": {"app": "a"}}), "spec.ingress[0].from[0].podSelector.app", "no such field"),
        (
            peer({"podSelector": {"matchLabels": {"a": 1}}}),
            "spec.ingress[0].from[0].podSelector.matchLabels.a",
            "found 1",
        ),
        (peer({"ipBlock": {"cidr": "10.0.0.0"}}), "spec.ingress[0].from[0].ipBlock.cidr", "'10.0.0.0' is not a CIDR"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/33"}}), "spec.ingress[0].from[0].ipBlock.cidr", "is not a CIDR"),
        (peer({"ipBlock": {}}), "spec.ingress[0].from[0].ipBlock.cidr", "expected a string, found nothing"),
        (
            peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}),
            "spec.ingress[0].from[0].ipBlock.except[0]",
            "11.0.0.0/16 is not a strict part of 10.0.0.0/8",
        ),
        (
            peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}),
            "spec.ingress[0].from[0].ipBlock.except[0]",
            "not a strict part",
        ),
        (port({"port": 0}), "spec.egress[1].ports[0].port", "0 is not a port"),
        (port({"port": 65536}), "spec.egress[1].ports[0].port", "65536 is not a port"),
        (port({"port": True}), "spec.egress[1].ports[0].port", "true is not a port"),
        (port({"port": 80.5}), "spec.egress[1].ports[0].port", "80.5 is not a port"),
        (port({"port": 80, "endPort": 79}), "spec.egress[1].ports[0].endPort", "79 is below the port 80"),
        (port({"port": "http", "endPort": 90}), "spec.egress[1].ports[0].endPort", "together with a named port"),
        (port({"port": "80"}), "spec.egress[1].ports[0].port", "'80' is not a port name"),
        (port({"port": ""}), "spec.egress[1].ports[0].port", "not a port name"),
        (port({"endPort": 90}), "spec.egress[1].ports[0].endPort", "an endPort without a port"),
        (port({"protocol": "ICMP"}), "spec.egress[1].ports[0].protocol", "unknown protocol 'ICMP'"),
        (port({"protocol": "tcp"}), "spec.egress[1].ports[0].protocol", "unknown protocol 'tcp'"),
    ],
)
def test_an_invalid_field_is_reported_by_its_path(spec: dict[str, Any], path: str, problem: str) -> None:
    found = error_of(**spec)
    assert found.key == f"NetworkPolicy shop/p: {path}"
    assert problem in found.problem


@pytest.mark.parametrize(
    ("expression", "path", "problem"),
    [
        ({"key": "a", "operator": "Is"}, "operator", "unknown operator 'Is'"),
        ({"key": "a", "operator": "In"}, "values", "In with no values"),
        ({"key": "a", "operator": "NotIn", "values": []}, "values", "NotIn with no values"),
        ({"key": "a", "operator": "Exists", "values": ["b"]}, "values", "Exists with values"),
        ({"operator": "Exists"}, "key", "expected a string, found nothing"),
        ({"key": "a", "operator": "In", "values": [1]}, "values[0]", "expected a string, found 1"),
    ],
)
def test_an_invalid_expression_is_reported_by_its_path(expression: dict[str, Any], path: str, problem: str) -> None:
    found = error_of(podSelector={"matchExpressions": [expression]})
    assert found.key == f"NetworkPolicy shop/p: spec.podSelector.matchExpressions[0].{path}"
    assert problem in found.problem


def test_host_bits_of_a_cidr_are_ignored_as_the_api_does() -> None:
    cluster_from([policy("p", **peer({"ipBlock": {"cidr": "10.10.1.12/24", "except": ["10.10.1.7/30"]}}))])
