"""What an update does with a pod layer that is applied from rendered files, and what a preview says of it."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.ownership.pod_layer import (
    PodLayerStep,
    PoliciesInState,
    pod_layer_notices,
    pod_layer_step,
)
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.verify.standing import shop


def owned_by(owner: PodLayerOwner) -> CompiledFirewall:
    bound = shop().environment
    return compile_firewall(shop().matrix, replace(bound, cluster=replace(bound.cluster, pod_layer=owner)))


RENDERED = owned_by(PodLayerOwner.RENDERED)


def with_policies(*policies: dict[str, Any]) -> Deployed:
    return replace(deployed(RENDERED), policies=policies)


def applied() -> list[dict[str, Any]]:
    """Return the policies as Argo CD applies them: with a label and an annotation of its own."""
    found = [deepcopy(policy.manifest()) for policy in RENDERED.pods.policies]
    for each in found:
        each["metadata"]["labels"]["argocd.argoproj.io/instance"] = "shop"
        each["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "shop:x"
    return found


def said(standing: Deployed, held: PoliciesInState, firewall: CompiledFirewall = RENDERED) -> list[str]:
    return list(map(str, pod_layer_notices(firewall, standing, held)))


@pytest.mark.parametrize("held", PoliciesInState)
def test_pulumi_deploys_its_own_pod_layer_whatever_the_state_holds(held: PoliciesInState) -> None:
    own = owned_by(PodLayerOwner.PULUMI)

    assert pod_layer_step(own, held) is PodLayerStep.DEPLOY
    assert said(nothing_deployed(), held, own) == []


@pytest.mark.parametrize(
    ("held", "step"),
    [
        (PoliciesInState.OWNED, PodLayerStep.LET_GO),
        (PoliciesInState.KEPT, PodLayerStep.LEAVE),
        (PoliciesInState.NONE, PodLayerStep.LEAVE),
    ],
)
def test_pulumi_marks_its_policies_to_be_kept_before_it_no_longer_declares_them(
    held: PoliciesInState, step: PodLayerStep
) -> None:
    assert pod_layer_step(RENDERED, held) is step


def test_the_first_preview_says_what_comes_before_the_second_update() -> None:
    (notice,) = said(with_policies(*applied()), PoliciesInState.OWNED)

    assert "the next one forgets them without deleting them" in notice
    assert notice.index("flash-firewall render --stack dev --out DIR") < notice.index("pulumi up once more")


@pytest.mark.parametrize("held", [PoliciesInState.KEPT, PoliciesInState.NONE])
def test_policies_as_declared_are_no_news_whatever_argo_cd_adds_to_their_metadata(held: PoliciesInState) -> None:
    assert said(with_policies(*applied()), held) == []


def test_a_preview_names_what_the_cluster_holds_otherwise_and_says_that_it_does_not_change_it() -> None:
    live = applied()[:-1]
    live[0]["spec"]["ingress"][0]["ports"][0]["port"] = 1
    other = deepcopy(live[1])
    other["metadata"]["name"] = "05-old"

    (notice,) = said(with_policies(*live, other), PoliciesInState.NONE)

    assert notice == (
        "cluster.podLayer: the cluster does not hold the pod layer that traffic.yaml declares: "
        "01-allow-gateway-from-alb is not as declared, 00-default-deny is missing, 05-old is not declared. "
        "This update does not change it. Run flash-firewall render --stack dev --out DIR, commit what changes there, "
        "and apply it or let Argo CD sync it."
    )


def test_an_empty_cluster_is_named_in_one_short_line() -> None:
    (notice,) = said(nothing_deployed(), PoliciesInState.NONE)

    assert "04-allow-egress-gateway is missing and 2 more" in notice
