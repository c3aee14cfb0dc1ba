"""From the inputs of a component to the plan of its firewall: reads, compiles, proves, and shows it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pulumi
from pulumi.runtime.sync_await import _sync_await

from flash_ticket.firewall.change.parts.alone import open_without_the_rest, step_alone
from flash_ticket.firewall.change.parts.part import Part, needs_location, refuse_empty
from flash_ticket.firewall.declare.binding import BINDING_KEY, PROJECT, stack_file
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.terms.input_error import InputError, gathered, refuse_all
from flash_ticket.live.stack.plan import Plan, make_plan
from flash_ticket.live.stack.running_program import read_outputs
from flash_ticket.live.stack.settings import StackConfiguration, configuration
from flash_ticket.report.proof import open_without_text, proof_text
from flash_ticket.report.taking_over import step_text, step_warnings

PACKAGE: Final = PROJECT
"""The name of the Pulumi package."""


def known_values(inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the values of inputs, once the resources that they are outputs of exist; None if a preview cannot know."""
    given = pulumi.Output.from_input(dict(inputs))
    if not _sync_await(given.is_known()):
        return None
    values: Mapping[str, Any] | None = _sync_await(given.future())
    return values or {}


def plan_of(title: str, given: Mapping[str, Any], part: Part | None, location: object) -> Plan:
    """Return the plan of a firewall, and show what the component declares of it.

    Args:
        title: The component, as errors name it.
        given: The values of its inputs.
        part: The only part that it declares; None for the whole firewall.
        location: Its input `flow_log_location`; None if it is not given.

    Raises:
        pulumi.RunError: An input has a mistake, or the proof does not hold.
    """
    environment = given.get("environment") or pulumi.get_stack()
    try:
        plan = make_plan(*_parsed(environment, given))
        if part:
            refuse_empty(part, plan.planned)
        if part is Part.ALERTS and location is None and needs_location(plan.planned):
            raise _without_location(title)
        change = step_alone(part, plan.change, plan.planned, plan.deployed) if part else plan.change
    except InputError as error:
        raise pulumi.RunError("\n".join(str(_as_given(each, title, environment)) for each in error.each)) from None
    for warning in plan.warnings(step_warnings(change) if change else ()):
        pulumi.log.warn(warning)
    if not plan.proof.holds:
        raise pulumi.RunError(proof_text(plan.proof))
    pulumi.log.info(proof_text(plan.proof))
    if part and (found := tuple(open_without_the_rest(part, plan.planned, plan.deployed))):
        pulumi.log.warn(open_without_text(found))
    if change:
        pulumi.log.info(step_text(change))
    return plan


def _without_location(title: str) -> InputError:
    return InputError(
        title,
        "flowLogLocation",
        "the alarms watch the flow log that binding.flowLogs asks for, and nothing says where it delivers",
        "Give it the output flowLogLocation of FlowLogs",
    )


def _parsed(environment: str, given: Mapping[str, Any]) -> tuple[Matrix, StackConfiguration]:
    """Return the declaration and the configuration that the inputs say.

    Raises:
        InputError: They have mistakes; the error holds those of both.
    """
    mistakes: list[InputError] = []
    with gathered(mistakes):
        matrix = parse_matrix(_whole(given.get("traffic")), MATRIX_FILE)
    with gathered(mistakes):
        settings = {key: given.get(name) for key, name in _SETTINGS.items()}
        read = configuration(environment, {key: _whole(value) for key, value in settings.items()}, read_outputs)
    refuse_all(mistakes)
    return matrix, read


_SETTINGS = {
    BINDING_KEY: "binding",
    SUSPENSIONS_KEY: "suspensions",
    "aws:region": "region",
    "aws:profile": "profile",
    "kubernetes:kubeconfig": "kubeconfig",
    "kubernetes:context": "context",
}
"""The input that stands in the place of each key of a stack's settings."""


def _whole(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    """Return a value with whole numbers as integers: between processes, each number is a float."""
    match value:
        case Mapping():
            return {key: _whole(each) for key, each in value.items()}
        case list() | tuple():
            return [_whole(each) for each in value]
        case float() if value.is_integer():
            return int(value)
    return value


def _as_given(mistake: InputError, title: str, environment: str) -> InputError:
    """Return a mistake with the component and its input, instead of a file of the project and its key."""
    if mistake.source == MATRIX_FILE:
        key = f"traffic.{mistake.key}" if mistake.key else "traffic"
    elif mistake.source == stack_file(environment):
        found = next((each for each in _SETTINGS if mistake.key.startswith(each)), "")
        key = _SETTINGS[found] + mistake.key.removeprefix(found) if found else mistake.key
    else:
        return mistake
    return replace(mistake, source=title, key=key, line=0)
