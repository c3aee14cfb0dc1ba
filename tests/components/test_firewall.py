"""The whole firewall of an environment as one component, for this program and for other programs."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from components.firewall import Firewall, FirewallArgs
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.history import VERSIONS_OUTPUT
from flash_ticket.firewall.change.ownership.pod_layer import PodLayerStep
from flash_ticket.firewall.compile.alerts.watch import compile_watch
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.guard_rails.guard import CompiledGuardRails
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from tests.support.alerts.alerted import EVERYTHING, alerted
from tests.support.declared.accounts import STACKS, environment_of, shop_matrix
from tests.support.declared.stacks import CASES, traffic_content
from tests.support.pulumi.pulumi_mocks import Deployment, deploy

PREFIX = "flash-ticket-firewall:components"
COMPONENT = f"{PREFIX}:Firewall"
PARTS = {f"{PREFIX}:{part}" for part in ("NetworkPolicies", "SecurityGroups", "FlowLogs")}
COMPUTED = {
    "aws:s3/bucket:Bucket": {"arn": "arn:aws:s3:::records"},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": "arn:aws:logs:x", "name": "records"},
}


def args_of(matrix: Matrix, environment: Environment) -> FirewallArgs:
    return FirewallArgs(
        matrix.namespace, environment, compile_policies(matrix, environment), compile_groups(matrix, environment)
    )


def stack(name: str) -> FirewallArgs:
    return args_of(shop_matrix(), environment_of(name))


@cache
def deployed(args: FirewallArgs) -> Deployment:
    return deploy(lambda: Firewall("firewall", args), computed=COMPUTED)


def identities(deployment: Deployment) -> set[tuple[str, str]]:
    return {(resource.type, resource.name) for resource in deployment.resources}


@pytest.mark.parametrize("name", STACKS)
def test_the_firewall_has_both_layers_and_the_flow_log(name: str) -> None:
    deployment = deployed(stack(name))

    assert {part.type for part in deployment.children(deployment.only(COMPONENT))} >= PARTS


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_is_below_the_firewall_and_named_after_it(name: str) -> None:
    deployment = deployed(stack(name))
    parents = {resource.urn: resource.parent for resource in deployment.resources}
    top = deployment.only(COMPONENT).urn

    for resource in deployment.resources:
        assert resource.name.startswith("firewall")
        above = resource.urn
        while above != top:
            above = parents[above]


def test_the_policies_of_a_service_wait_for_the_attachment_of_its_group() -> None:
    deployment = deployed(stack("dev"))
    named = {resource.name: resource for resource in deployment.resources}

    for policy in compile_policies(shop_matrix(), environment_of("dev")).allows:
        attachment = named[f"firewall-groups-{policy.service}-pods"]
        assert deployment.waits_for(named[f"firewall-policies-{policy.name}"], attachment)


def test_default_deny_waits_for_the_whole_vpc_layer() -> None:
    deployment = deployed(stack("prod"))
    (deny,) = (policy for policy in deployment.resources if policy.name == "firewall-policies-00-default-deny")
    layer = [each for each in deployment.resources if each.name.startswith("firewall-groups-")]

    assert len(layer) > 30
    assert all(deployment.waits_for(deny, each) for each in layer)


@cache
def guarded(step: PodLayerStep) -> Deployment:
    rails = CompiledGuardRails(labels=(("pod-security.kubernetes.io/enforce", "baseline"),))
    return deployed(replace(stack("dev"), guard=rails, pod_layer=step))


def test_a_pod_layer_that_others_apply_is_not_declared_and_everything_else_is() -> None:
    own, left = guarded(PodLayerStep.DEPLOY), guarded(PodLayerStep.LEAVE)
    policies = {each for each in identities(own) if each[1].startswith("firewall-policies")}

    assert len(policies) == 8
    assert identities(left) == identities(own) - policies
    assert left.outputs(left.only(COMPONENT))["policies"] == []


def test_policies_that_pulumi_lets_go_of_stay_when_they_are_no_longer_declared() -> None:
    own, letting_go = guarded(PodLayerStep.DEPLOY), guarded(PodLayerStep.LET_GO)
    kept = {each.name for each in letting_go.resources if each.retain_on_delete}
    kind = f"{PREFIX}:NetworkPolicies"

    assert identities(letting_go) == identities(own)
    assert kept - {each.name for each in own.resources if each.retain_on_delete} == {
        each.name for each in own.resources if each.name.startswith("firewall-policies-")
    }
    assert [each.outputs(each.only(kind))["kept"] for each in (own, letting_go)] == [False, True]


def test_the_outputs_are_what_a_team_needs_next() -> None:
    deployment = deployed(stack("prod"))
    outputs = deployment.outputs(deployment.only(COMPONENT))
    groups = {name: f"firewall-groups-{name}-id" for name in ("alb", "api", "gateway", "pay", "pods.flash-ticket")}

    assert outputs["load_balancer_group_id"] == "firewall-groups-alb-id"
    assert outputs["group_ids"] == groups
    assert outputs["policies"][-1] == "00-default-deny"
    assert outputs["flow_log_id"] == "firewall-flow-logs-id"
    assert outputs["flow_log_location"].startswith("arn:aws:s3:::records/AWSLogs/")
    assert outputs["retained"]


def test_the_reference_names_each_output_of_the_stack() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/command.md").read_text(encoding="utf-8")
    outputs = deploy(lambda: list(Firewall("firewall", stack("prod")).outputs()), computed=COMPUTED).result

    assert isinstance(outputs, list)
    assert len(outputs) == 7
    assert [name for name in (*outputs, VERSIONS_OUTPUT) if f"\n| `{name}` | " not in page] == []


def test_athena_reads_the_records_at_the_location_of_the_flow_log() -> None:
    deployment = deployed(stack("prod"))
    table = deployment.only("aws:glue/catalogTable:CatalogTable").inputs
    location = deployment.outputs(deployment.only(COMPONENT))["flow_log_location"]

    assert table["storageDescriptor"]["location"] == location.replace("arn:aws:s3:::", "s3://")
    assert deployment.outputs(deployment.only(COMPONENT))["traffic_queries"] == {
        "workgroup": "flash_ticket__prod",
        "table": "flash_ticket__prod.flow_logs",
    }
    assert deployed(stack("dev")).all(f"{PREFIX}:TrafficQueries") == ()


def test_given_providers_reach_every_resource_of_every_part() -> None:
    def program() -> None:
        providers = {
            "aws": aws.Provider("other-aws", region="eu-west-1"),
            "kubernetes": kubernetes.Provider("other-cluster", context="x"),
        }
        Firewall("firewall", stack("prod"), pulumi.ResourceOptions(providers=providers))

    own = [resource for resource in deploy(program, computed=COMPUTED).resources if resource.custom]
    seen = set()
    for resource in own:
        kind = resource.type.partition(":")[0]
        if kind == "pulumi":
            continue
        name = {"aws": "other-aws", "kubernetes": "other-cluster"}[kind]
        seen.add(name)
        assert resource.provider.endswith(f"::{name}::{name}-id"), resource.urn
    assert seen == {"other-aws", "other-cluster"}


def test_a_given_parent_is_the_parent_of_the_firewall_only() -> None:
    class Platform(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("test:index:Platform", "platform")
            Firewall("firewall", stack("dev"), pulumi.ResourceOptions(parent=self))
            self.register_outputs({})

    deployment = deploy(Platform, computed=COMPUTED)

    assert deployment.children(deployment.only("test:index:Platform")) == (deployment.only(COMPONENT),)


def test_two_firewalls_fit_in_one_program() -> None:
    def program() -> None:
        Firewall("blue", stack("dev"))
        Firewall("green", stack("prod"))

    assert len(deploy(program, computed=COMPUTED).all(COMPONENT)) == 2


def with_changes(content: dict[str, Any]) -> FirewallArgs:
    matrix = parse_matrix(content, "traffic.yaml")
    return args_of(matrix, environment_of("dev", matrix=matrix))


def test_an_added_flow_adds_rules_and_replaces_or_renames_nothing() -> None:
    before = deployed(stack("dev"))
    content = traffic_content()
    content["flows"].append({"from": "gateway", "to": "redis"})
    after = deployed(with_changes(content))
    added = {name for _, name in identities(after) - identities(before)}

    assert identities(before) <= identities(after)
    assert added == {
        "firewall-groups-gateway-egress-tcp-6379-to-flash-ticket-dev-redis",
        "firewall-groups-flash-ticket-dev-redis-ingress-tcp-6379-from-gateway",
    }
    for old in before.all("aws:ec2/securityGroup:SecurityGroup"):
        assert after.only(old.type, old.name).inputs == old.inputs


def test_another_port_keeps_every_group_and_policy() -> None:
    content = traffic_content()
    content["services"]["api"]["ports"] = [4001]
    before, after = deployed(stack("dev")), deployed(with_changes(content))
    kept = {each for each in identities(before) if "Rule" not in each[0]}

    assert kept == {each for each in identities(after) if "Rule" not in each[0]}


@pytest.mark.parametrize("case", CASES)
def test_two_runs_declare_the_same(case: str) -> None:
    args = args_of(*CASES[case]())

    assert deployed.__wrapped__(args).resources == deployed(args).resources


def test_alerts_are_optional_and_change_nothing_else() -> None:
    environment, _ = alerted("vpc-cni", alerts=EVERYTHING)
    watch = compile_watch(shop_matrix(), environment, NONE_SUSPENDED)
    args = replace(args_of(shop_matrix(), environment), watch=watch)
    plain, watched = deployed(stack("dev")), deployed(args)
    added = {resource.type for resource in watched.resources} - {resource.type for resource in plain.resources}

    assert identities(plain) <= identities(watched)
    assert added >= {f"{PREFIX}:PrometheusAlerts", f"{PREFIX}:CloudWatchAlerts"}
    assert not {f"{PREFIX}:PrometheusAlerts", f"{PREFIX}:CloudWatchAlerts"} & {each.type for each in plain.resources}
