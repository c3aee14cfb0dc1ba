"""Policies of others with our names are taken over only if the binding says so, and in an order that cuts nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Adopting
from flash_ticket.firewall.change.adopting.taken_policies import (
    Waiting,
    require_fit_policies,
    taken_policies,
    waiting_policies,
)
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.declared.described import nothing_deployed
from tests.support.declared.kubernetes.old_policies import LEFT, TAKEN, old_policies, taking_over
from tests.support.refusal import refusal
from tests.support.verify.standing import shop

Described = dict[str, Any]
ADOPT = "Pulumi.dev.yaml: flash-ticket-firewall:binding.adopt.policies"


def standing(**marks: Any) -> Deployed:  # noqa: ANN401 - metadata has any shape
    """Return the folder as it is applied; each policy has these metadata too."""
    policies = ({**each, "metadata": {**each["metadata"], **marks}} for each in old_policies())
    return nothing_deployed(foreign_policies=tuple(policies))


def test_all_policies_with_names_of_ours_are_taken_over_or_only_the_listed_ones() -> None:
    def names(adopt: Any) -> tuple[str, ...]:  # noqa: ANN401 - parsed YAML has any shape
        return tuple(each["metadata"]["name"] for each in taken_policies(taking_over(adopt), standing()))

    assert names(adopt=True) == TAKEN
    assert names(adopt=["pay-from-api"]) == ("pay-from-api",)
    assert names(adopt=None) == ()


def test_a_policy_waits_for_all_new_ones_and_for_what_allows_what_it_no_longer_does() -> None:
    waiting = waiting_policies(taking_over(), standing())

    assert tuple(waiting) == TAKEN
    assert set(waiting["api-both"]) == {"allow-egress-api", "allow-egress-gateway", "allow-egress-pay"}


def test_nothing_waits_when_nothing_is_taken_over_any_more() -> None:
    planned = taking_over()
    ours = tuple(policy.manifest() for policy in planned.pods.policies)
    left = tuple(each for each in old_policies() if each["metadata"]["name"] in LEFT)
    stands = nothing_deployed(policies=ours, foreign_policies=left)

    assert waiting_policies(planned, stands) == {}
    require_fit_policies(planned, stands, ())


def test_a_policy_that_nobody_asked_to_take_over_is_refused_unless_it_is_ours_or_does_the_same() -> None:
    planned = taking_over(["api-both", "gateway-from-alb"])
    line = refusal(lambda: require_fit_policies(planned, standing(), ()))
    (same,) = (each.manifest() for each in planned.pods.policies if each.name == "pay-from-api")
    bare = {**same, "metadata": {"name": "pay-from-api", "namespace": "flash-ticket"}}
    others = tuple(each for each in old_policies() if each["metadata"]["name"] != "pay-from-api")

    assert line == (
        "Kubernetes: NetworkPolicy flash-ticket/pay-from-api: this program did not create it, and it has the name of "
        "one of ours; a deployment would change it. List it under adopt.policies in Pulumi.dev.yaml to take it over, "
        "or give ours another name."
    )
    require_fit_policies(planned, standing(), {"flash-ticket/pay-from-api"})
    require_fit_policies(planned, nothing_deployed(foreign_policies=(*others, bare)), ())


HOLDERS: dict[str, tuple[Described, str]] = {
    "Helm": ({"annotations": {"meta.helm.sh/release-name": "shop"}}, "the Helm release shop (meta.helm.sh/"),
    "Argo CD": ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "the Argo CD application shop (argocd"),
    "Flux": ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "the Flux Kustomization shop (kustomize"),
    "a label": ({"labels": {"app.kubernetes.io/managed-by": "tanka"}}, "tanka (app.kubernetes.io/managed-by)"),
    "an owner": ({"ownerReferences": [{"kind": "Shop", "name": "one"}]}, "the Shop one (ownerReferences)"),
    "Pulumi": ({"managedFields": [{"manager": "pulumi-kubernetes-1a2b"}]}, "another Pulumi program (managedFields)"),
}


@pytest.mark.parametrize("case", HOLDERS.values(), ids=HOLDERS)
def test_what_belongs_to_something_else_is_refused(case: tuple[Described, str]) -> None:
    marks, holder = case
    line = refusal(lambda: require_fit_policies(taking_over(list(TAKEN)), standing(**marks), ()))

    assert line.startswith(f"{ADOPT}[0]: api-both belongs to {holder}")
    assert "which would write it again. Let go of the object there without deleting it" in line


def test_a_listed_policy_that_is_not_there_or_that_goes_is_refused() -> None:
    planned = taking_over(["pay-from-api"])
    absent = refusal(lambda: require_fit_policies(planned, nothing_deployed(), ()))
    going = refusal(lambda: require_fit_policies(taking_over(), standing(deletionTimestamp="2026-11-26"), ()))

    assert absent == (
        f"{ADOPT}[0]: flash-ticket has no NetworkPolicy pay-from-api. Remove it here: the deployment makes the policy; "
        "or apply the old one first."
    )
    assert going.startswith(f"{ADOPT}: api-both is being deleted. Wait until it is gone")


def test_policies_that_would_need_each_other_first_are_refused() -> None:
    first, second = "02-allow-api-from-gateway", "03-allow-pay-from-api"
    policies = (old(first, ("flash-pay",), ("Ingress",)), old(second, ("flash-api",), ("Ingress",)))
    line = refusal(lambda: waiting_policies(asked(shop()), nothing_deployed(foreign_policies=policies)))

    assert line.startswith(f"{ADOPT}: ")
    assert f"{first}" in line
    assert "each allow something that the other one will allow, so the first write of both would interrupt" in line


def old(name: str, apps: tuple[str, ...], directions: tuple[str, ...]) -> Described:
    """Return a policy of others that allows the pods of some apps everything in some directions."""
    chosen = {"matchExpressions": [{"key": "app", "operator": "In", "values": list(apps)}]} if apps else {}
    rules: Described = {each.lower(): [{}] for each in directions}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "flash-ticket"},
        "spec": {"podSelector": chosen, "policyTypes": list(directions), **rules},
    }


DENYING = {**old("old-deny", (), ("Ingress", "Egress"))}
DENYING["spec"] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
APPS = ("flash-gateway", "flash-api", "flash-pay")
NAMES = tuple(policy.name for policy in shop().pods.policies)
OLD = st.builds(
    old,
    st.sampled_from([*NAMES, "old-1", "old-2"]),
    st.lists(st.sampled_from(APPS), unique=True).map(tuple),
    st.sampled_from([("Ingress",), ("Egress",), ("Ingress", "Egress")]),
)


def asked(firewall: CompiledFirewall) -> CompiledFirewall:
    adopting = Adopting(frozenset(policy.name for policy in firewall.pods.policies))
    return replace(firewall, environment=replace(firewall.environment, adopting=adopting))


def writes(
    planned: CompiledFirewall, before: tuple[Described, ...], waiting: Waiting, random: Random
) -> Iterator[Mapping[str, Described]]:
    """Yield the policies of the namespace after each write, in an order that Pulumi may take."""
    now = {each["metadata"]["name"]: each for each in before}
    yield dict(now)
    left = {policy.name: policy.manifest() for policy in planned.pods.allows}
    while left:
        name = random.choice([each for each in sorted(left) if not left.keys() & set(waiting.get(each, ()))])
        now[name] = left.pop(name)
        yield dict(now)
    now[DEFAULT_DENY] = planned.pods.default_deny.manifest()
    yield dict(now)


@settings(max_examples=30, deadline=None)
@given(st.lists(OLD, max_size=5, unique_by=lambda each: each["metadata"]["name"]), st.randoms(use_true_random=False))
def test_no_write_cuts_what_the_old_policies_allow_and_traffic_yaml_declares(
    policies: list[Described], random: Random
) -> None:
    planned, before = asked(shop()), (DENYING, *policies)
    try:
        waiting = waiting_policies(planned, nothing_deployed(foreign_policies=before))
    except InputError:
        return
    states = [
        BothLayers(planned.matrix, planned.environment, tuple(state.values()), planned.vpc, before).openings(Layer.POD)
        for state in writes(planned, before, waiting, random)
    ]
    declared = planned.layers().openings(Layer.POD)
    named = [{(a.name, b.name): ports for (a, b), ports in state.items()} for state in (*states, declared)]
    *on_the_way, last = named
    for pair, ports in on_the_way[0].items():
        kept = ports & last[pair] if pair in last else ports - ports
        for number, state in enumerate(on_the_way):
            assert not kept or (pair in state and not kept - state[pair]), (number, pair)
