"""A layer alone: the preview shows what it changes beside the other layer as that is deployed."""

from typing import Any

import pytest

from flash_ticket.firewall.change.adopting.taking_over import Step, step
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.parts.alone import open_without_the_rest, step_alone
from flash_ticket.firewall.change.parts.part import Part
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.declared.accounts import environment_of
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.declared.stacks import traffic_content

LAYERS = {Part.NETWORK_POLICIES: Layer.POD, Part.SECURITY_GROUPS: Layer.VPC}
OTHER = {Part.NETWORK_POLICIES: Layer.VPC, Part.SECURITY_GROUPS: Layer.POD}
NO_VPC_LAYER: dict[str, Any] = {"groups": (), "rules": (), "attachments": ()}


def shop(*flows: dict[str, str]) -> CompiledFirewall:
    content = traffic_content()
    content["flows"] += flows
    matrix = parse_matrix(content, "traffic.yaml")
    return compile_firewall(matrix, environment_of("dev", matrix=matrix))


def change(part: Part, planned: CompiledFirewall, stands: Deployed) -> Step | None:
    return step_alone(part, step(stands, planned, Adoption().taken), planned, stands)


@pytest.mark.parametrize("part", LAYERS)
def test_an_added_flow_opens_the_layer_of_the_part_and_nothing_through_both(part: Part) -> None:
    found = change(part, shop({"from": "gateway", "to": "redis"}), deployed(shop()))
    assert found
    assert found.impact.difference

    assert found.impact.difference.by_layer[LAYERS[part]]
    assert not found.impact.difference.by_layer[OTHER[part]]


def test_the_pod_layer_alone_closes_nothing_more_once_it_is_deployed() -> None:
    found = change(Part.NETWORK_POLICIES, shop(), deployed(shop(), **NO_VPC_LAYER))
    assert found

    assert not found.impact.difference
    assert not found.impact.interruptions


@pytest.mark.parametrize("part", [Part.FLOW_LOGS, Part.ALERTS, Part.GUARD_RAILS])
def test_a_part_that_is_no_layer_changes_no_connection(part: Part) -> None:
    assert change(part, shop(), nothing_deployed()) is None
    assert not list(open_without_the_rest(part, shop(), nothing_deployed()))


def test_both_layers_together_stop_once_what_each_alone_leaves_open() -> None:
    firewall = shop()
    found = [each for part in LAYERS for each in open_without_the_rest(part, firewall, nothing_deployed())]
    ports = sum(port.last - port.first + 1 for each in found for port in each.ports)

    assert ports == firewall.proof().stopped[1]
    assert not any(list(open_without_the_rest(part, firewall, deployed(firewall))) for part in LAYERS)
