"""The declared pod layer: every allow policy first, default-deny last, one namespace."""

from functools import cache

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from hypothesis import given, settings

from components.network_policies import NetworkPolicies, NetworkPoliciesArgs
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.pod_layer import PodFirewall, compile_policies
from flash_ticket.firewall.declare.matrix import Matrix
from tests.support.declared.accounts import STACKS, environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops
from tests.support.pulumi.pulumi_mocks import Deployment, Registered, deploy

COMPONENT = "flash-ticket-firewall:components:NetworkPolicies"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def firewall_of(stack: str) -> PodFirewall:
    return compile_policies(shop_matrix(), environment_of(stack))


@cache
def deployed(firewall: PodFirewall) -> Deployment:
    return deploy(lambda: NetworkPolicies("pods", NetworkPoliciesArgs(firewall)).names)


def by_name(deployment: Deployment) -> dict[str, Registered]:
    return {policy.inputs["metadata"]["name"]: policy for policy in deployment.all(POLICY)}


@pytest.mark.parametrize("stack", STACKS)
def test_every_compiled_policy_is_declared_as_it_was_compiled(stack: str) -> None:
    firewall = firewall_of(stack)
    policies = by_name(deployed(firewall))

    assert set(policies) == {policy.name for policy in firewall.policies}
    for policy in firewall.policies:
        inputs, manifest = policies[policy.name].inputs, policy.manifest()
        # A manual change must be reverted, and must not end in a conflict.
        manifest["metadata"]["annotations"]["pulumi.com/patchForce"] = "true"
        assert {key: inputs[key] for key in manifest} == manifest


def test_default_deny_waits_for_every_allow_and_is_therefore_deleted_first() -> None:
    deployment = deployed(firewall_of("dev"))
    policies = by_name(deployment)
    deny = policies.pop("00-default-deny")

    assert len(policies) == 6
    for allow in policies.values():
        assert deployment.waits_for(deny, allow)
        assert not deployment.waits_for(allow, deny)


def test_allow_policies_wait_for_nothing_so_one_refusal_does_not_block_the_others() -> None:
    policies = by_name(deployed(firewall_of("dev")))
    del policies["00-default-deny"]

    assert all(not allow.depends_on for allow in policies.values())


def test_a_policy_to_take_over_is_written_after_what_it_waits_for_and_before_default_deny() -> None:
    firewall = firewall_of("dev")
    taken, new = "02-allow-api-from-gateway", ("04-allow-egress-api", "04-allow-egress-pay")
    args = NetworkPoliciesArgs(firewall, waiting={taken: new})
    deployment = deploy(lambda: NetworkPolicies("pods", args).names)
    policies = by_name(deployment)

    assert policies[taken].depends_on == {policies[name].urn for name in new}
    assert deployment.waits_for(policies["00-default-deny"], policies[taken])
    assert deployment.result == [policy.name for policy in firewall.policies]


def test_policies_are_in_the_declared_namespace_only_and_the_namespace_is_never_owned() -> None:
    deployment = deployed(firewall_of("prod"))

    assert {resource.type for resource in deployment.resources} == {COMPONENT, POLICY}
    assert {policy.inputs["metadata"]["namespace"] for policy in deployment.all(POLICY)} == {"flash-ticket"}


def test_every_policy_is_a_child_of_the_component_and_named_after_its_object() -> None:
    deployment = deployed(firewall_of("dev"))

    assert set(deployment.children(deployment.only(COMPONENT))) == set(deployment.all(POLICY))
    assert {policy.name for policy in deployment.all(POLICY)} == {f"pods-{name}" for name in by_name(deployment)}


def test_the_output_lists_the_names_in_the_order_of_creation() -> None:
    deployment = deployed(firewall_of("dev"))
    names = deployment.outputs(deployment.only(COMPONENT))["names"]

    assert names == deployment.result
    assert names == [policy.name for policy in firewall_of("dev").policies]
    assert names[-1] == "00-default-deny"


def test_a_given_provider_reaches_every_policy() -> None:
    def program() -> None:
        elsewhere = kubernetes.Provider("elsewhere", context="other")
        options = pulumi.ResourceOptions(provider=elsewhere)
        NetworkPolicies("pods", NetworkPoliciesArgs(firewall_of("dev")), options)

    for policy in deploy(program).all(POLICY):
        assert policy.provider.endswith("::elsewhere::elsewhere-id")


def test_no_option_replaces_protects_or_retains_a_policy() -> None:
    for policy in by_name(deployed(firewall_of("prod"))).values():
        assert not any((policy.protect, policy.retain_on_delete, policy.delete_before_replace, policy.ignore_changes))


@settings(max_examples=15)
@given(shops())
def test_every_matrix_deploys_without_duplicate_names_and_default_deny_last(shop: tuple[Matrix, Environment]) -> None:
    firewall = compile_policies(*shop)
    deployment = deployed(firewall)
    policies = by_name(deployment)
    allows = {policies[policy.name].urn for policy in firewall.allows}

    assert len(policies) == len(deployment.all(POLICY)) == len(firewall.policies)
    assert policies["00-default-deny"].depends_on == allows
    assert all(policies[denial.name].depends_on == allows for denial in firewall.denials)
