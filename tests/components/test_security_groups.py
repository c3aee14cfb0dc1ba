"""The declared VPC layer: our groups, rules in our groups and in existing ones, groups on pods."""

from dataclasses import replace
from functools import cache

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest
from hypothesis import given, settings

from components.security_groups import SecurityGroups, SecurityGroupsArgs
from flash_ticket.firewall.bind.environment import Environment, Group
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from tests.support.declared.accounts import STACKS, environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.stacks import CASES
from tests.support.pulumi.pulumi_mocks import Deployment, Registered, deploy

ATTACHMENT = "kubernetes:vpcresources.k8s.aws/v1beta1:SecurityGroupPolicy"
COMPONENT = "flash-ticket-firewall:components:SecurityGroups"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULES = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)


def args_of(stack: str) -> SecurityGroupsArgs:
    return arguments(compile_groups(shop_matrix(), environment_of(stack)), environment_of(stack))


def arguments(firewall: VpcFirewall, environment: Environment) -> SecurityGroupsArgs:
    return SecurityGroupsArgs(firewall, environment.vpc, Owner.of("flash-ticket", environment))


@cache
def deployed(args: SecurityGroupsArgs) -> Deployment:
    return deploy(lambda: SecurityGroups("groups", args).group_ids)


def rules_of(deployment: Deployment) -> dict[str, Registered]:
    return {rule.name.removeprefix("groups-"): rule for kind in RULES for rule in deployment.all(kind)}


def test_the_load_balancer_and_each_service_get_a_group_and_existing_groups_do_not() -> None:
    deployment = deployed(args_of("dev"))

    assert {group.name for group in deployment.all(GROUP)} == {
        "groups-alb",
        "groups-api",
        "groups-gateway",
        "groups-pay",
        "groups-pods.flash-ticket",
    }
    assert {resource.type for resource in deployment.resources} == {COMPONENT, GROUP, ATTACHMENT, *RULES}


def test_a_group_has_no_property_that_changes_with_the_matrix() -> None:
    """AWS replaces a group, its rules and its pods if its name, description or VPC changes."""
    groups = {group.name: group.inputs for group in deployed(args_of("prod")).all(GROUP)}

    assert groups["groups-api"] == {
        "description": "Traffic of api, by rules of flash-ticket-firewall",
        "vpcId": "vpc-prod",
        "tags": {
            "Name": "flash-ticket-prod-api",
            "flash-firewall:stack": "prod",
            "flash-firewall:namespace": "flash-ticket",
            "flash-firewall:cluster": "ap-northeast-2/flash-ticket-prod",
            "flash-firewall:group": "api",
        },
    }
    assert all("ingress" not in inputs and "egress" not in inputs for inputs in groups.values())


@pytest.mark.parametrize("stack", STACKS)
def test_every_compiled_rule_is_one_resource_in_the_right_group(stack: str) -> None:
    args = args_of(stack)
    rules = rules_of(deployed(args))

    assert set(rules) == {rule.name for rule in args.firewall.rules}
    for rule in args.firewall.rules:
        inputs = rules[rule.name].inputs
        holder = rule.holder.id if isinstance(rule.holder, Group) else f"groups-{rule.holder.label}-id"
        assert inputs["securityGroupId"] == holder
        assert (inputs["ipProtocol"], inputs["fromPort"], inputs["toPort"]) == (
            rule.ports.protocol.lower(),
            rule.ports.first,
            rule.ports.last,
        )
        peers = {"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"} & set(inputs)
        assert len(peers) == 1


def test_a_peer_is_a_group_a_prefix_list_or_an_address_range_of_aws() -> None:
    dev, prod = rules_of(deployed(args_of("dev"))), rules_of(deployed(args_of("prod")))
    listed = prod["alb-ingress-tcp-443-from-com.amazonaws.global.cloudfront.origin-facing"]

    assert dev["alb-ingress-tcp-443-from-203.0.113.0/24"].inputs["cidrIpv4"] == "203.0.113.0/24"
    assert dev["api-egress-tcp-3100-to-pay"].inputs["referencedSecurityGroupId"] == "groups-pay-id"
    assert dev["api-egress-tcp-6379-to-flash-ticket-dev-redis"].inputs["referencedSecurityGroupId"] == "sg-dev-redis"
    assert listed.inputs["prefixListId"] == "pl-22a6434b"


def test_a_rule_has_its_purpose_as_description_and_an_owner_tag() -> None:
    rule = rules_of(deployed(args_of("prod")))["api-egress-tcp-3100-to-pay"].inputs

    assert rule["description"] == "api to pay"
    assert rule["tags"] == {
        "Name": "api-egress-tcp-3100-to-pay",
        "flash-firewall:stack": "prod",
        "flash-firewall:namespace": "flash-ticket",
        "flash-firewall:cluster": "ap-northeast-2/flash-ticket-prod",
    }


def test_the_description_of_a_rule_for_many_flows_fits_the_limit_of_aws() -> None:
    args = args_of("dev")
    first = args.firewall.rules[0]
    crowded = replace(first, flows=tuple(f"service-{number:03} to redis" for number in range(40)))
    rules = rules_of(deployed(replace(args, firewall=replace(args.firewall, rules=(crowded,), attachments=()))))

    assert rules[first.name].inputs["description"] == "service-000 to redis and 39 more"


def test_groups_refer_to_each_other_only_in_rules_so_there_is_no_cycle() -> None:
    assert all(not group.depends_on for group in deployed(args_of("dev")).all(GROUP))


def test_pods_get_their_group_only_after_all_of_its_rules_exist() -> None:
    args = args_of("dev")
    deployment = deployed(args)
    rules = rules_of(deployment)

    for attachment in args.firewall.attachments:
        policy = deployment.only(ATTACHMENT, f"groups-{attachment.service}-pods")
        about = [rule for rule in args.firewall.rules if {rule.holder, rule.peer} & {*attachment.groups}]
        assert about
        assert all(deployment.waits_for(policy, rules[rule.name]) for rule in about)
        assert not any(deployment.waits_for(rule, policy) for rule in rules.values())


def test_a_pod_policy_selects_its_services_pods_and_gives_them_its_group_and_that_of_all_pods() -> None:
    inputs = deployed(args_of("prod")).only(ATTACHMENT, "groups-api-pods").inputs

    assert inputs["apiVersion"] == "vpcresources.k8s.aws/v1beta1"
    assert inputs["metadata"]["name"] == "api"
    assert inputs["metadata"]["namespace"] == "flash-ticket"
    assert inputs["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "flash-ticket-firewall"
    assert inputs["spec"] == {
        "podSelector": {"matchLabels": {"app": "flash-api"}},
        "securityGroups": {"groupIds": ["groups-api-id", "groups-pods.flash-ticket-id"]},
    }


def test_attachment_to_nodes_puts_nothing_on_pods() -> None:
    matrix, environment = CASES["dev-nodes"]()
    deployment = deployed(arguments(compile_groups(matrix, environment), environment))

    assert not deployment.all(ATTACHMENT)
    assert {group.name for group in deployment.all(GROUP)} == {"groups-alb"}


def test_the_output_has_the_group_ids_by_name() -> None:
    deployment = deployed(args_of("dev"))
    expected = {name: f"groups-{name}-id" for name in ("alb", "api", "gateway", "pay", "pods.flash-ticket")}

    assert deployment.result == expected
    assert deployment.outputs(deployment.only(COMPONENT)) == {"group_ids": expected}


def test_everything_is_a_child_of_the_component() -> None:
    deployment = deployed(args_of("dev"))
    component = deployment.only(COMPONENT)

    assert set(deployment.children(component)) == set(deployment.resources) - {component}


def test_given_providers_reach_every_resource() -> None:
    def program() -> None:
        providers = [aws.Provider("other-aws", region="eu-west-1"), kubernetes.Provider("other-cluster", context="x")]
        SecurityGroups("groups", args_of("dev"), pulumi.ResourceOptions(providers=providers))

    deployment = deploy(program)

    for resource in deployment.children(deployment.only(COMPONENT)):
        name = "other-cluster" if resource.type == ATTACHMENT else "other-aws"
        assert resource.provider.endswith(f"::{name}::{name}-id"), resource.urn


@settings(max_examples=15)
@given(shops())
def test_every_matrix_deploys_without_duplicate_names(shop: tuple[Matrix, Environment]) -> None:
    """The harness refuses two resources with one URN."""
    firewall = compile_groups(*shop)
    deployment = deployed(arguments(firewall, shop[1]))

    assert len(rules_of(deployment)) == len(firewall.rules)
    assert len(deployment.all(ATTACHMENT)) == len(firewall.attachments)
    assert len(deployment.all(GROUP)) == len(firewall.groups)


def test_existing_resources_are_adopted_by_name_and_the_rest_is_created() -> None:
    known = Adoption((("api", "sg-api"),), (("api-egress-tcp-3100-to-pay", "sgr-pay"),))
    deployment = deployed(replace(args_of("dev"), adoption=known))

    made = [*deployment.all(GROUP), *rules_of(deployment).values()]
    assert {resource.name: resource.import_id for resource in made if resource.import_id} == {
        "groups-api": "sg-api",
        "groups-api-egress-tcp-3100-to-pay": "sgr-pay",
    }
