"""Findings name the policies of other APIs that may decide about the namespace's pods, and no others."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.overruling import OtherPolicy, overruling
from tests.support.verify.standing import found, only, shop, standing, with_deployed

LABELS = {"kubernetes.io/metadata.name": "flash-ticket", "team": "shop"}
CLUSTER, ADMIN, BASELINE, CILIUM, CILIUM_WIDE, *CALICO_AND_AWS = OVERRULING_APIS
DENYING = {"ingress": [{"action": "Deny"}, {"action": "Pass"}]}
HERE, ELSEWHERE = {"matchLabels": {"team": "shop"}}, {"matchLabels": {"team": "other"}}


def findings(api: OverrulingApi, **spec: Any) -> list[Finding]:  # noqa: ANN401 - a policy's spec
    return list(overruling([OtherPolicy(api, {"metadata": {"name": "one"}, "spec": spec})], LABELS))


@pytest.mark.parametrize(
    "subject",
    [{}, {"namespaces": {}}, {"namespaces": HERE}, {"pods": {"namespaceSelector": HERE, "podSelector": {}}}],
    ids=repr,
)
@pytest.mark.parametrize("api", [CLUSTER, ADMIN], ids=lambda api: api.kind)
def test_an_admin_policy_that_may_select_the_namespace_is_found_with_its_actions(
    api: OverrulingApi, subject: dict[str, Any]
) -> None:
    (finding,) = findings(api, subject=subject, egress=[{"action": "Accept"}], **DENYING)

    assert (finding.kind, finding.where) == (FindingKind.OVERRULING, f"{api.kind}.policy.networking.k8s.io one")
    assert finding.what == "it can accept and deny before any NetworkPolicy does"
    assert f"kubectl get {api.plural}.policy.networking.k8s.io one --output yaml" in finding.remedy


@pytest.mark.parametrize(
    "spec",
    [
        {"subject": {"namespaces": ELSEWHERE}, **DENYING},
        {"subject": {"pods": {"namespaceSelector": ELSEWHERE}}, **DENYING},
        {"tier": "Baseline", "subject": {"namespaces": {}}, **DENYING},
        {"subject": {"namespaces": {}}, "ingress": [{"action": "Pass"}]},
        {"subject": {"namespaces": {}}},
    ],
    ids=["elsewhere", "pods-elsewhere", "baseline", "passes-on", "empty"],
)
def test_a_policy_that_cannot_decide_before_ours_is_not_found(spec: dict[str, Any]) -> None:
    assert findings(CLUSTER, **spec) == []


@pytest.mark.parametrize("api", [CILIUM, CILIUM_WIDE, *CALICO_AND_AWS], ids=lambda api: f"{api.group} {api.kind}")
def test_any_policy_of_the_api_of_a_cni_is_found(api: OverrulingApi) -> None:
    (finding,) = findings(api)

    assert finding.where == f"{api.kind}.{api.group} one"


def test_an_unknown_selector_operator_is_an_error_that_names_the_field() -> None:
    with pytest.raises(InputError, match=r"ClusterNetworkPolicy one: spec\.subject\.namespaces"):
        findings(CLUSTER, subject={"namespaces": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}, **DENYING)


def test_live_policies_are_read_and_saved_inventories_give_names_only() -> None:
    firewall = shop()
    live = OtherPolicy(CILIUM, {"metadata": {"name": "debug"}, "spec": {"ingress": [{}]}})
    before = with_deployed(standing(firewall), overruling=("admin",))

    assert only(firewall, replace(before, others=(live,))).where == "CiliumNetworkPolicy.cilium.io debug"
    assert found(firewall, before) == []
    assert only(firewall, replace(before, others=None)).what == "it may decide before any NetworkPolicy does"
