"""Policies of other APIs that may decide over the namespace's pods are told; those that cannot are not."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.overruling import OtherPolicy, overruling
from tests.support.verify.standing import found, only, shop, standing, with_deployed

LABELS = {"kubernetes.io/metadata.name": "flash-ticket", "team": "shop"}
CLUSTER, ADMIN, CILIUM, CILIUM_WIDE, CALICO, CALICO_WIDE = OVERRULING_APIS
DENYING = {"ingress": [{"action": "Deny"}, {"action": "Pass"}]}
HERE, ELSEWHERE = {"matchLabels": {"team": "shop"}}, {"matchLabels": {"team": "other"}}


def told(api: OverrulingApi, **spec: Any) -> list[Finding]:  # noqa: ANN401 - a policy's spec
    return list(overruling([OtherPolicy(api, {"metadata": {"name": "one"}, "spec": spec})], LABELS))


@pytest.mark.parametrize(
    "subject",
    [{}, {"namespaces": {}}, {"namespaces": HERE}, {"pods": {"namespaceSelector": HERE, "podSelector": {}}}],
    ids=repr,
)
@pytest.mark.parametrize("api", [CLUSTER, ADMIN], ids=lambda api: api.kind)
def test_an_admin_policy_whose_subject_may_be_here_is_told_with_what_it_can_do(
    api: OverrulingApi, subject: dict[str, Any]
) -> None:
    (finding,) = told(api, subject=subject, egress=[{"action": "Accept"}], **DENYING)

    assert (finding.kind, finding.where) == (FindingKind.OVERRULING, f"{api.kind}.policy.networking.k8s.io one")
    assert finding.what == "it can accept and deny before any NetworkPolicy is asked"
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
def test_one_that_cannot_decide_here_before_ours_is_not(spec: dict[str, Any]) -> None:
    assert told(CLUSTER, **spec) == []


@pytest.mark.parametrize("api", [CILIUM, CILIUM_WIDE, CALICO, CALICO_WIDE], ids=lambda api: f"{api.group} {api.kind}")
def test_any_policy_of_a_cnis_own_api_is_told(api: OverrulingApi) -> None:
    (finding,) = told(api)

    assert finding.where == f"{api.kind}.{api.group} one"


def test_a_selector_that_is_not_understood_is_named() -> None:
    with pytest.raises(InputError, match=r"ClusterNetworkPolicy one: spec\.subject\.namespaces"):
        told(CLUSTER, subject={"namespaces": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}, **DENYING)


def test_live_policies_are_judged_and_saved_names_told_as_they_are() -> None:
    firewall = shop()
    live = OtherPolicy(CILIUM, {"metadata": {"name": "debug"}, "spec": {"ingress": [{}]}})
    before = with_deployed(standing(firewall), overruling=("admin",))

    assert only(firewall, replace(before, others=(live,))).where == "CiliumNetworkPolicy.cilium.io debug"
    assert found(firewall, before) == []
    assert only(firewall, replace(before, others=None)).what == "it may decide before any NetworkPolicy is asked"
