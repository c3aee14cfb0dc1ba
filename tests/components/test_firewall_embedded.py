"""Another program embeds the firewall: its aliases, transformations, protection and providers reach every part."""

from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from components.firewall import Firewall, FirewallArgs
from flash_ticket.firewall.change.ownership.pod_layer import PodLayerStep
from flash_ticket.firewall.compile.alerts.watch import compile_watch
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.guard_rails.guard import CompiledGuardRails
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.choices import Protection
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED
from tests.support.alerts.alerted import EVERYTHING, alerted
from tests.support.declared.accounts import shop_matrix
from tests.support.pulumi.pulumi_mocks import Deployment, deploy

COMPUTED = {
    "aws:s3/bucket:Bucket": {"arn": "arn:aws:s3:::records"},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": "arn:aws:logs:x", "name": "records"},
}
COMPONENT = "flash-ticket-firewall:components:Firewall"
KEPT = {
    "aws:ec2/securityGroup:SecurityGroup",
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "kubernetes:vpcresources.k8s.aws/v1beta1:SecurityGroupPolicy",
    *("aws:ec2/flowLog:FlowLog", "aws:cloudwatch/logGroup:LogGroup", "aws:kms/key:Key"),
    *("aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"),
}


def whole(protection: Protection = Protection.NONE, step: PodLayerStep = PodLayerStep.DEPLOY) -> FirewallArgs:
    """Return a firewall with every optional part."""
    environment, _ = alerted("vpc-cni", alerts=EVERYTHING)
    environment, matrix = replace(environment, protection=protection), shop_matrix()
    return FirewallArgs(
        matrix.namespace,
        environment,
        compile_policies(matrix, environment),
        compile_groups(matrix, environment),
        compile_watch(matrix, environment, NONE_SUSPENDED),
        guard=CompiledGuardRails(labels=(("pod-security.kubernetes.io/enforce", "baseline"),)),
        pod_layer=step,
    )


def embedded(args: FirewallArgs, **options: Any) -> Deployment:  # noqa: ANN401 - of many types
    """Return what a program of another team declares, below a component and with providers of its own."""

    class Platform(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("acme:platform:Platform", "platform")
            providers = {
                "aws": aws.Provider("acme-aws", region="eu-west-1"),
                "kubernetes": kubernetes.Provider("acme-cluster", context="acme"),
            }
            Firewall("edge", args, pulumi.ResourceOptions(parent=self, providers=providers, **options))
            self.register_outputs({})

    return deploy(Platform, computed=COMPUTED)


def test_a_callers_providers_transformations_and_aliases_reach_every_part() -> None:
    seen: list[str] = []

    def labelled(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        seen.append(args.name)
        props: dict[str, Any] = dict(args.props)
        if props.get("tags"):
            props["tags"] = {**props["tags"], "cost-centre": "42"}
        return pulumi.ResourceTransformationResult(props, args.opts)

    deployment = embedded(whole(), transformations=[labelled], aliases=[pulumi.Alias(name="firewall")])
    firewall = deployment.only(COMPONENT)
    own = [each for each in deployment.below(firewall) if each.custom]

    assert len(own) > 50
    assert {each.provider.split("::")[-2] for each in own} == {"acme-aws", "acme-cluster"}
    assert {each.name for each in own} <= set(seen)
    assert {each.inputs["tags"]["cost-centre"] for each in own if each.inputs.get("tags")} == {"42"}
    assert "firewall" in firewall.aliases


def test_each_name_begins_with_that_of_its_parent_so_that_the_engine_passes_an_alias_on() -> None:
    deployment = embedded(whole())
    names = {each.urn: each.name for each in deployment.resources}

    for each in deployment.below(deployment.only(COMPONENT)):
        assert each.name.startswith(names[each.parent])


def test_a_caller_can_protect_every_resource() -> None:
    deployment = embedded(whole(), protect=True)

    assert all(each.protect for each in deployment.below(deployment.only(COMPONENT)) if each.custom)


def test_the_binding_protects_what_stays_and_no_rule() -> None:
    plain, kept = embedded(whole()), embedded(whole(Protection.PROTECTED))

    assert not [each.name for each in plain.resources if each.protect]
    protected = {each.type for each in kept.resources if each.custom and each.protect}
    assert protected == KEPT
    assert {each.type for each in kept.resources if not each.protect} & KEPT == set()


def test_policies_that_pulumi_lets_go_of_are_no_longer_protected() -> None:
    letting_go = embedded(whole(Protection.PROTECTED, PodLayerStep.LET_GO))
    policies = letting_go.all("kubernetes:networking.k8s.io/v1:NetworkPolicy")

    assert policies
    assert not any(each.protect for each in policies)


@pytest.mark.parametrize("protection", Protection)
def test_protection_changes_no_input(protection: Protection) -> None:
    inputs = {each.urn: each.inputs for each in embedded(whole(protection)).resources}

    assert inputs == {each.urn: each.inputs for each in embedded(whole()).resources}
