"""The firewall as a component of plain values: what it refuses, what it waits for, and what it declares."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import yaml

from components import firewall
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.project import read_project
from flash_ticket.live.stack.plan import Plan
from flash_ticket.live.stack.settings import StackConfiguration
from package import plan
from package.firewall import Firewall, FirewallArgs
from tests.support.declared.accounts import ROOT
from tests.support.declared.described import nothing_deployed
from tests.support.pulumi import plans
from tests.support.pulumi.pulumi_mocks import Deployment, deploy

COMPUTED = {"aws:cloudwatch/logGroup:LogGroup": {"arn": "arn:aws:logs:x", "name": "records"}}
COMPONENT = "flash-ticket-firewall:components:Firewall"


def inputs(**changed: Any) -> FirewallArgs:  # noqa: ANN401 - of many types
    """Return the inputs that say what the committed stack dev says."""
    traffic = yaml.safe_load((ROOT / "traffic.yaml").read_text())
    plain = {"traffic": traffic, "binding": binding(), "region": "ap-northeast-2", "environment": "dev"}
    return FirewallArgs(**{**plain, **changed})  # type: ignore[typeddict-item]  # the names are checked at run time


def binding(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - of many types
    settings = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    return {**settings[BINDING_KEY], **changed}


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Matrix, StackConfiguration]]:
    """Plan with the files of the committed stack instead of APIs; the list holds what was asked for."""
    asked: list[tuple[Matrix, StackConfiguration]] = []

    def make_plan(matrix: Matrix, settings: StackConfiguration) -> Plan:
        asked.append((matrix, settings))
        return plans.planned(read_project(ROOT, "dev"))

    monkeypatch.setattr(plan, "make_plan", make_plan)
    return asked


def declared(given: FirewallArgs, name: str = "shop") -> Deployment:
    return deploy(lambda: Firewall(name, given), computed=COMPUTED, stack_name="dev")


def test_it_declares_what_the_own_program_declares(planned: list[tuple[Matrix, StackConfiguration]]) -> None:
    compiled = firewall.FirewallArgs.of(read_project(ROOT, "dev"), Adoption(), nothing_deployed())
    own = deploy(lambda: firewall.Firewall("firewall", compiled), computed=COMPUTED, stack_name="dev")

    assert declared(inputs(), "firewall").resources == own.resources
    assert len(planned) == 1


def test_numbers_of_another_process_are_floats_and_read_as_the_same_declaration(
    planned: list[tuple[Matrix, StackConfiguration]],
) -> None:
    as_floats = json.loads(json.dumps(inputs()), parse_int=float)
    declared(inputs())
    declared(as_floats)

    assert planned[0][0] == planned[1][0]
    assert planned[0][1].binding == planned[1][1].binding


def test_outputs_of_resources_in_the_binding_are_values_once_these_exist(
    planned: list[tuple[Matrix, StackConfiguration]],
) -> None:
    def program() -> None:
        Firewall("shop", inputs(binding=binding(vpc={"id": pulumi.Output.from_input("vpc-1").apply(str)})))

    deploy(program, computed=COMPUTED, stack_name="dev")

    assert planned[0][1].binding.vpc.id == "vpc-1"


def test_the_environment_is_the_stack_unless_it_is_given(
    planned: list[tuple[Matrix, StackConfiguration]],
) -> None:
    given = inputs()
    del given["environment"]
    declared(given)

    assert planned[0][1].stack == "dev"


MISTAKES: dict[str, tuple[Mapping[str, Any], str]] = {
    "an unknown key of the traffic": ({"traffic": {"flow": []}}, "Firewall shop: traffic.flow: "),
    "an unknown key of the binding": ({"binding": {"vpcs": {}}}, "Firewall shop: binding.vpcs: "),
    "no binding": ({"binding": None}, "Firewall shop: binding: "),
    "no region": ({"region": ""}, "Firewall shop: region: "),
    "a suspension without its end": ({"suspensions": [{}]}, "Firewall shop: suspensions[0].policy: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_by_its_input_before_anything_is_read_or_declared(
    mistake: str, planned: list[tuple[Matrix, StackConfiguration]]
) -> None:
    changed, message = MISTAKES[mistake]
    with pytest.raises(pulumi.RunError) as refused:
        declared(inputs(**changed))

    assert str(refused.value).startswith(message)
    assert not planned


def unknown() -> pulumi.Output[str]:
    """Return the output of a resource that does not exist yet, as in a preview."""
    future: asyncio.Future[Any] = asyncio.Future()
    future.set_result("")
    known: asyncio.Future[bool] = asyncio.Future()
    known.set_result(False)
    return pulumi.Output(set(), future, known)


def test_in_a_preview_it_waits_for_an_output_that_is_not_known_and_says_so(
    planned: list[tuple[Matrix, StackConfiguration]], monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, _: warned.append(message))

    def program() -> None:
        Firewall("shop", inputs(binding=binding(vpc={"id": unknown()})))

    deployment = deploy(program, stack_name="dev")

    assert [each.type for each in deployment.resources] == [COMPONENT]
    assert "The update proves it before it touches it" in warned[0]
    assert not planned
