"""dev and prod are the same program with different values: they have the same keys, and both are valid."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.bind.environment import PrefixList
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.compile.quota import refuse_excess
from flash_ticket.firewall.declare.binding import BINDING_KEY, PROJECT, parse_binding
from flash_ticket.firewall.declare.choices import Attachment, LogDestination, OnDestroy
from tests.support.declared.accounts import (
    CLOUDFRONT,
    ROOT,
    STACKS,
    binding_content,
    environment_of,
    shop_matrix,
    stack_content,
)

# A stack has one of these two keys.
CHOICES = {"loadBalancer.clients.cidrs", "loadBalancer.clients.prefixList"}


def keys(content: Any, prefix: str = "") -> Iterator[str]:  # noqa: ANN401 - parsed YAML has any shape
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        yield f"{prefix}{key}"
        yield from keys(value, f"{prefix}{key}.")


def comparable(stack: str) -> set[str]:
    return {key for key in keys(binding_content(stack)) if not any(key.startswith(choice) for choice in CHOICES)}


def test_there_is_a_file_for_each_stack_and_no_other() -> None:
    assert {path.name for path in ROOT.glob("Pulumi.*.yaml")} == {f"Pulumi.{stack}.yaml" for stack in STACKS}


def test_dev_and_prod_have_the_same_keys() -> None:
    dev, prod = STACKS

    assert comparable(dev) == comparable(prod)
    assert set(stack_content(dev)) == set(stack_content(prod))
    assert set(keys(stack_content(dev)["aws:defaultTags"])) == set(keys(stack_content(prod)["aws:defaultTags"]))


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_binds_the_committed_matrix_within_its_quotas(stack: str) -> None:
    environment = environment_of(stack)
    vpc = compile_groups(shop_matrix(), environment)

    refuse_excess(vpc, environment)
    assert len(compile_policies(shop_matrix(), environment).policies) == 7
    assert {group.label for group in vpc.groups} == {"alb", "api", "gateway", "pay", "pods.flash-ticket"}


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_names_only_its_own_environment(stack: str) -> None:
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    (other,) = {*STACKS} - {stack}

    assert stack_content(stack)["aws:defaultTags"]["tags"]["Environment"] == stack
    assert other not in text


@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_contains_an_invented_id(stack: str) -> None:
    assert "id" not in {key.rpartition(".")[2] for key in keys(binding_content(stack))}


def test_prod_is_behind_cloudfront_and_keeps_its_evidence() -> None:
    prod = environment_of("prod")

    assert isinstance(prod.load_balancers[0].clients, PrefixList)
    assert prod.load_balancers[0].clients.label == CLOUDFRONT
    assert prod.flow_logs == FlowLogSettings(LogDestination.S3, 365, OnDestroy.RETAIN)
    assert prod.cluster.attachment is Attachment.PODS


def test_dev_is_cheap_and_leaves_nothing_behind() -> None:
    dev, prod = environment_of("dev"), environment_of("prod")

    assert dev.flow_logs == FlowLogSettings(LogDestination.CLOUDWATCH, 14, OnDestroy.DELETE)
    assert prod.own_flow_log
    assert prod.own_flow_log.retention_days > 14


def test_the_binding_is_found_under_the_projects_own_name() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))

    assert project["name"] == PROJECT
    assert f"{PROJECT}:binding" == BINDING_KEY
    for stack in STACKS:
        parse_binding(stack_content(stack)[BINDING_KEY], stack)
