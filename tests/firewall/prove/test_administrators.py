"""Policies of administrators are part of the proof: what they stop and open against the declaration."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.prove.administrators import Administrators
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.prove.violation import Fault
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.report.proof import proof_text
from tests.support.verify.standing import shop

NAMESPACES = {"flash-ticket": {"team": "shop"}, "monitoring": {"team": "watch"}}
OURS, OTHERS = ({"matchLabels": {"team": team}} for team in ("shop", "watch"))
PORT: dict[str, Any] = {"portNumber": {"protocol": "TCP", "port": 3100}}


def administrators_policy(action: str, name: str = "one", peer: dict[str, Any] = OURS) -> dict[str, Any]:
    rule = {"action": action, "from": [{"namespaces": peer}], "ports": [PORT]}
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"priority": 1, "subject": {"namespaces": OURS}, "ingress": [rule]},
    }


def of_a_baseline() -> dict[str, Any]:
    policy = administrators_policy("Deny")
    del policy["spec"]["priority"]
    return {**policy, "kind": "BaselineAdminNetworkPolicy", "metadata": {"name": "default"}}


def of_a_cluster_network_policy() -> dict[str, Any]:
    spec = administrators_policy("Deny")["spec"]
    rule = {
        "action": "Deny",
        "from": [{"namespaces": OURS}],
        "protocols": [{"tcp": {"destinationPort": {"number": 3100}}}],
    }
    policy = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
    return {**policy, "metadata": {"name": "one"}, "spec": {**spec, "tier": "Admin", "ingress": [rule]}}


def accepting(*names: str) -> CompiledFirewall:
    firewall = shop()
    return replace(firewall, environment=replace(firewall.environment, accepted_policies=names))


@pytest.mark.parametrize(
    ("policy", "owner"),
    [
        (administrators_policy("Deny"), "AdminNetworkPolicy one"),
        (of_a_cluster_network_policy(), "ClusterNetworkPolicy one"),
    ],
    ids=["AdminNetworkPolicy", "ClusterNetworkPolicy"],
)
def test_a_declared_flow_that_an_administrator_denies_is_a_violation(policy: dict[str, Any], owner: str) -> None:
    proof = shop().proof(Administrators((policy,), NAMESPACES))
    (violation,) = proof.violations

    assert (violation.fault, violation.layer) == (Fault.CUT, Layer.POD)
    assert (violation.sources, violation.destinations, str(violation.ports)) == (("api",), ("pay",), "TCP 3100")
    assert str(violation.side) == f"Ingress: denied by {owner} ingress[0]"
    assert not proof.holds
    assert "The proof does not hold: 1 thing is not as declared." in proof_text(proof)


def test_an_undeclared_connection_that_an_administrator_allows_is_a_violation() -> None:
    (violation,) = shop().proof(Administrators((administrators_policy("Allow", peer=OTHERS),), NAMESPACES)).violations

    assert violation.fault is Fault.OPEN
    assert violation.sources == ("a pod of team=watch",)
    assert {"api", "gateway", "pay"} <= {*violation.destinations}
    assert str(violation.side) == "Ingress: allowed by AdminNetworkPolicy one ingress[0]"


def test_what_changes_nothing_is_no_violation() -> None:
    harmless = (administrators_policy("Pass"), of_a_baseline())

    assert shop().proof(Administrators(harmless, NAMESPACES)) == shop().proof()


def test_the_settings_accept_a_policy_by_its_name_only() -> None:
    policies = Administrators((administrators_policy("Deny"),), NAMESPACES)
    accepted, other = accepting("AdminNetworkPolicy one"), accepting("AdminNetworkPolicy two")
    proof = accepted.proof(policies)

    assert proof.holds
    assert [each.fault for each in proof.accepted] == [Fault.CUT]
    assert proof_text(proof).endswith(
        "The settings accept that policies of administrators stop or open these against the declaration:\n"
        "  api => pay : TCP 3100, declared, but stopped by AdminNetworkPolicy one ingress[0]"
    )
    assert not other.proof(policies).holds


def test_a_policy_that_cannot_be_judged_is_named_and_the_others_count() -> None:
    unclear = {**administrators_policy("Allow", "odd"), "spec": {"priority": 1, "subject": {"nodes": {}}}}
    proof = shop().proof(Administrators((unclear, administrators_policy("Deny")), NAMESPACES))

    assert list(proof.unjudged) == ["AdminNetworkPolicy odd"]
    assert [each.destinations for each in proof.violations] == [("pay",)]
