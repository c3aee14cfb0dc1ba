"""Findings about missing, changed, left-over and widening policies, and about current and expired suspensions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import Adopting
from flash_ticket.firewall.change.object_difference import Difference
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.suspensions import Suspension, Suspensions
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.verification import verify
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.verify.standing import edited, found, only, shop, standing, with_deployed, without

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
API_EGRESS = "04-allow-egress-api"


def policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "flash-ticket"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def test_a_missing_policy_is_found_with_its_purpose_and_its_pods_are_cut_off() -> None:
    firewall = shop()
    before = standing(firewall)

    first, second = found(
        firewall, with_deployed(before, policies=without(before.deployed.policies, "03-allow-pay-from-api"))
    )

    assert (first.kind, first.where) == (FindingKind.CUT_OFF, "pod pay-0 in flash-ticket")
    assert first.what == "no allow policy of pay selects it for ingress"
    assert (second.kind, second.where) == (FindingKind.MISSING, "NetworkPolicy flash-ticket/03-allow-pay-from-api")
    assert second.why == "what it allows is cut: who may reach pay: api"
    assert second.remedy == "pulumi up --stack dev --refresh"


def test_without_default_deny_only_pods_that_nothing_else_selects_are_open() -> None:
    firewall = shop()
    before = standing(firewall)

    missing = only(firewall, with_deployed(before, policies=without(before.deployed.policies, "00-default-deny")))

    assert missing.kind is FindingKind.MISSING
    assert missing.why == "pods that no other policy selects are open"


def test_a_changed_policy_is_found_with_path_and_live_value() -> None:
    firewall = shop()
    before = standing(firewall)

    def edit(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["spec"]["egress"][0]["ports"][0]["port"] = 9999

    changed = only(firewall, with_deployed(before, policies=edited(before.deployed.policies, API_EGRESS, edit)))

    assert changed.kind is FindingKind.CHANGED
    (difference,) = changed.differences
    assert difference.path == "spec.egress[0].ports[0].port"
    assert difference.live == "9999"


def test_the_order_of_rules_peers_and_ports_is_no_change() -> None:
    firewall = shop()
    before = standing(firewall)

    def turn(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["spec"]["egress"].reverse()
        for rule in object_["spec"]["egress"]:
            rule["ports"].reverse()
            rule["to"].reverse()

    assert found(firewall, with_deployed(before, policies=edited(before.deployed.policies, API_EGRESS, turn))) == []


def test_only_our_own_labels_and_annotations_count_as_changes() -> None:
    firewall = shop()
    before = standing(firewall)

    def add(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["metadata"]["labels"]["argocd.argoproj.io/instance"] = "shop"
        object_["metadata"]["annotations"]["pulumi.com/patchForce"] = "true"
        object_["metadata"]["annotations"]["flash-firewall/rewritten-at"] = "2026-11-24T03:00:00Z"

    def lie(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["metadata"]["annotations"]["flash-firewall/suspended-until"] = "2030-01-01T00:00:00Z"

    policies = before.deployed.policies
    assert found(firewall, with_deployed(before, policies=edited(policies, API_EGRESS, add))) == []
    assert only(firewall, with_deployed(before, policies=edited(policies, API_EGRESS, lie))).differences == (
        Difference("metadata.annotations[flash-firewall/suspended-until]", None, '"2030-01-01T00:00:00Z"'),
    )


def test_a_policy_that_lost_our_label_is_changed_and_not_missing() -> None:
    firewall = shop()
    before = standing(firewall)
    policies = before.deployed.policies
    (bare,) = (each for each in policies if each["metadata"]["name"] == "01-allow-gateway-from-alb")
    labels = {key: value for key, value in bare["metadata"]["labels"].items() if not key.endswith("managed-by")}
    bare = {**bare, "metadata": {**bare["metadata"], "labels": labels}}
    left = without(policies, bare["metadata"]["name"])

    findings = found(firewall, with_deployed(before, policies=left, foreign_policies=(bare,)))

    assert [each.kind for each in findings] == [FindingKind.CHANGED]
    assert [each.path for each in findings[0].differences] == ["metadata.labels[app.kubernetes.io/managed-by]"]


def test_a_policy_of_ours_that_nothing_declares_is_left_over() -> None:
    firewall = shop()
    before = standing(firewall)
    one = before.deployed.policies[0]
    former = {**one, "metadata": {**one["metadata"], "name": "04-allow-egress-mail"}}

    left_over = only(firewall, with_deployed(before, policies=(*before.deployed.policies, former)))

    assert (left_over.kind, left_over.where) == (
        FindingKind.LEFT_OVER,
        "NetworkPolicy flash-ticket/04-allow-egress-mail",
    )


def test_a_policy_of_others_is_found_only_if_it_opens_more() -> None:
    firewall = shop()
    before = standing(firewall)
    pay = {"podSelector": {"matchLabels": {"app": "flash-pay"}}, "policyTypes": ["Ingress"]}
    opening, closing = policy("debug", {**pay, "ingress": [{}]}), policy("audit", pay)

    widening = only(firewall, with_deployed(before, foreign_policies=(opening, closing)))

    assert (widening.kind, widening.where) == (FindingKind.WIDENING, "NetworkPolicy flash-ticket/debug")
    assert widening.what.startswith("this program did not create it, and it opens DNS => pay : All Connections, ")
    assert widening.what.endswith(" and 6 more")
    assert widening.remedy.startswith("kubectl delete networkpolicy --namespace flash-ticket debug, or declare")


def test_policies_of_others_that_open_more_only_together_are_one_finding() -> None:
    firewall = shop()
    api, pay = ({"podSelector": {"matchLabels": {"app": app}}} for app in ("flash-api", "flash-pay"))
    accepts = policy(
        "accepts", {**api, "policyTypes": ["Ingress"], "ingress": [{"from": [pay], "ports": [{"port": 9}]}]}
    )
    calls = policy("calls", {**pay, "policyTypes": ["Egress"], "egress": [{"to": [api], "ports": [{"port": 9}]}]})

    widening = only(firewall, with_deployed(standing(firewall), foreign_policies=(accepts, calls)))

    assert (widening.kind, widening.where) == (FindingKind.WIDENING, "NetworkPolicies flash-ticket/accepts, calls")
    assert widening.what == "this program did not create them, and together they open pay => api : TCP 9"


def test_what_is_left_over_from_before_is_a_note_while_the_binding_adopts_policies() -> None:
    firewall = shop()
    adopting = replace(firewall, environment=replace(firewall.environment, adopting=Adopting()))
    denying = policy("deny-in", {"podSelector": {}, "policyTypes": ["Ingress"]})
    stands = with_deployed(standing(firewall), foreign_policies=(denying,))

    assert found(firewall, stands) == []
    (note,) = found(adopting, stands)
    assert (note.kind, note.where, note.is_drift) == (FindingKind.NOTED, "NetworkPolicy flash-ticket/deny-in", False)
    assert note.remedy == "kubectl delete networkpolicy --namespace flash-ticket deny-in"


def test_old_rules_of_a_direction_that_a_policy_no_longer_has_are_no_difference() -> None:
    """The API server keeps them in a policy of others that this program has taken over."""
    firewall = shop()
    before = standing(firewall)
    first, *others = before.deployed.policies
    kept = {**first, "spec": {**first["spec"], "egress" if "ingress" in first["spec"] else "ingress": [{}]}}

    assert found(firewall, with_deployed(before, policies=(kept, *others))) == []


def suspended(until: datetime) -> CompiledFirewall:
    each = Suspension(API_EGRESS, until, "a \x1b[31mpartner", "night shift")
    return compile_firewall(shop_matrix(), environment_of("dev"), Suspensions((each,), NOW))


def test_a_current_suspension_is_found_and_is_no_drift() -> None:
    firewall = suspended(NOW + timedelta(minutes=30))

    verification = verify(firewall, standing(firewall))

    (suspension,) = verification.findings
    assert suspension.kind is FindingKind.SUSPENDED
    assert suspension.what == ("it is suspended until 2026-11-24T03:30:00Z, by night shift: a \\x1b[31mpartner")
    assert suspension.remedy == f"flash-firewall resume {API_EGRESS} --stack dev"
    assert verification.holds


def test_an_expired_suspension_that_is_still_open_is_drift_field_by_field() -> None:
    open_, over = suspended(NOW + timedelta(minutes=30)), suspended(NOW - timedelta(minutes=1))

    changed, expired = found(over, standing(open_))

    assert (changed.kind, expired.kind) == (FindingKind.CHANGED, FindingKind.EXPIRED)
    assert "it is still open" in expired.what
    assert Difference("metadata.annotations[flash-firewall/suspended-by]", None, '"night shift"') in changed.differences


def test_an_expired_suspension_that_is_closed_is_found_as_still_listed() -> None:
    over = suspended(NOW - timedelta(minutes=1))

    expired = only(over, standing(over))

    assert expired.kind is FindingKind.EXPIRED
    assert "is still listed" in expired.what


@pytest.mark.parametrize("name", [each.name for each in shop().pods.policies])
def test_a_policy_that_was_opened_by_hand_is_changed(name: str) -> None:
    firewall = shop()
    before = standing(firewall)
    opened = replace(firewall, suspensions=Suspensions((Suspension(name, NOW, "r", "a"),), NOW - timedelta(hours=1)))
    live = {each.name: each.manifest()["spec"] for each in opened.deployed_pods.policies}

    def open_it(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["spec"] = live[name]

    changed = only(firewall, with_deployed(before, policies=edited(before.deployed.policies, name, open_it)))

    assert changed.kind is FindingKind.CHANGED
    assert all(each.path.startswith("spec.") for each in changed.differences)


def rendered() -> CompiledFirewall:
    bound = environment_of("dev")
    cluster = replace(bound.cluster, pod_layer=PodLayerOwner.RENDERED)
    return compile_firewall(shop_matrix(), replace(bound, cluster=cluster))


def test_a_rendered_pod_layer_is_compared_with_what_is_declared_and_repaired_in_git() -> None:
    firewall = rendered()
    before = standing(firewall)
    left = policy("05-old", {"podSelector": {}, "policyTypes": ["Ingress"]})
    left["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "flash-ticket-firewall"}
    policies = (*without(before.deployed.policies, "00-default-deny"), left)
    missing, over = found(firewall, with_deployed(before, policies=policies))
    mend = "flash-firewall render --stack dev --out DIR; commit what changes there, and apply it or let Argo CD sync it"

    assert (missing.kind, missing.remedy) == (FindingKind.MISSING, mend)
    assert over.kind is FindingKind.LEFT_OVER
    assert over.remedy.startswith(f"{mend}; if it is still there afterwards, what applies the rendered files does not")


def test_what_argo_cd_adds_to_rendered_policies_is_no_finding() -> None:
    firewall = rendered()
    before = standing(firewall)

    def track(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["metadata"]["labels"]["app.kubernetes.io/instance"] = "shop"
        object_["metadata"]["annotations"] |= {
            "argocd.argoproj.io/sync-wave": "1",
            "argocd.argoproj.io/tracking-id": "x",
        }

    assert (
        found(firewall, with_deployed(before, policies=edited(before.deployed.policies, "00-default-deny", track)))
        == []
    )
