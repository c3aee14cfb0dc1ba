"""The firewall as one component that takes plain values, for programs of other teams.

It does what the project's own program does: it reads the cluster and the account, compiles, proves, and then declares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NotRequired, TypedDict

import pulumi
from pulumi.runtime.sync_await import _sync_await

from components import firewall
from flash_ticket.firewall.change.resource_names import FIREWALL_TYPE
from flash_ticket.firewall.declare.binding import BINDING_KEY, PROJECT, stack_file
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.terms.input_error import InputError, gathered, refuse_all
from flash_ticket.live.stack.plan import Plan, make_plan
from flash_ticket.live.stack.running_program import read_outputs
from flash_ticket.live.stack.settings import StackConfiguration, configuration
from flash_ticket.report.proof import proof_text
from flash_ticket.report.taking_over import step_text, step_warnings

PACKAGE: Final = PROJECT
"""The name of the Pulumi package."""


class FirewallArgs(TypedDict):
    """The inputs of `Firewall`."""

    traffic: Mapping[str, Any]
    """The allowed traffic, with the keys of `traffic.yaml`. It is known before anything is deployed."""
    binding: pulumi.Input[Mapping[str, Any]]
    """Where the names of the traffic are, with the keys of the binding. Values in it may be outputs of resources."""
    region: str
    """The region of the account, such as `eu-west-1`."""
    environment: NotRequired[str]
    """The name of the environment. Tags and names hold it, so it never changes. Default: the name of the stack."""
    profile: NotRequired[str]
    """The AWS profile to read the account with. Default: as the environment variables say."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """The kubeconfig to read the cluster with: its path or its content. Default: as KUBECONFIG says."""
    context: NotRequired[str]
    """The context of the kubeconfig. Default: its current one."""
    suspensions: NotRequired[Sequence[Mapping[str, Any]]]
    """Policies that are open for a while, with the keys `policy`, `until`, `reason` and `author`."""


class Firewall(firewall.Firewall):
    """Both layers of one environment, with the flow log, the alerts and the guard rails that the binding asks for.

    Before it declares a resource, it reads the cluster and the account, compiles the policies and groups, and proves
    them. If an input has a mistake or the proof does not hold, the update ends, and the firewall is not touched.
    """

    load_balancer_group_id: pulumi.Output[str] | None
    """The security group of the load balancer. Not set unless there is exactly one load balancer."""
    group_ids: pulumi.Output[dict[str, str]]
    """The id of each security group, by the name of its service or load balancer."""
    policies: pulumi.Output[list[str]]
    """The names of the NetworkPolicies."""
    flow_log_id: pulumi.Output[str] | None
    """The flow log. Not set unless this firewall makes one."""
    flow_log_location: pulumi.Output[str] | None
    """Where AWS delivers the records of the flow log."""
    retained: pulumi.Output[list[str]]
    """The ARNs of what stays in the account when the stack is destroyed."""
    traffic_queries: dict[str, pulumi.Output[str]]
    """The workgroup and the table of Athena. Empty unless the flow log is in S3."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        given = pulumi.Output.from_input(dict(args))
        if not _sync_await(given.is_known()):
            self._wait(name, given, opts)
            return
        values: Mapping[str, Any] | None = _sync_await(given.future())
        plan = _plan(name, values or {})
        super().__init__(
            name, firewall.FirewallArgs.of(plan.planned, plan.adopted, plan.deployed, plan.pod_layer), opts
        )

    def _wait(self, name: str, given: pulumi.Output[Any], opts: pulumi.ResourceOptions | None) -> None:
        """Declare nothing in a preview in which an input is not known yet."""
        pulumi.ComponentResource.__init__(self, FIREWALL_TYPE, name, None, opts)
        pulumi.log.warn(
            "An input is not known before resources of this program exist. This preview neither compiles, proves nor "
            "shows the firewall. The update proves it before it touches it. Preview again once those resources exist.",
            self,
        )
        unknown: pulumi.Output[Any] = given.apply(lambda _: None)
        self.group_ids = self.policies = self.retained = unknown
        self.load_balancer_group_id = self.flow_log_id = self.flow_log_location = None
        self.traffic_queries = {}
        self.register_outputs({})


def _plan(name: str, given: Mapping[str, Any]) -> Plan:
    """Return the plan of a firewall, and show it.

    Raises:
        pulumi.RunError: An input has a mistake, or the proof does not hold.
    """
    environment = given.get("environment") or pulumi.get_stack()
    try:
        plan = make_plan(*_parsed(environment, given))
    except InputError as error:
        raise pulumi.RunError("\n".join(str(_as_given(each, name, environment)) for each in error.each)) from None
    for warning in plan.warnings(step_warnings(plan.change)):
        pulumi.log.warn(warning)
    if not plan.proof.holds:
        raise pulumi.RunError(proof_text(plan.proof))
    pulumi.log.info(proof_text(plan.proof))
    pulumi.log.info(step_text(plan.change))
    return plan


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


def _as_given(mistake: InputError, name: str, environment: str) -> InputError:
    """Return a mistake with the component and its input, instead of a file of the project and its key."""
    if mistake.source == MATRIX_FILE:
        key = f"traffic.{mistake.key}" if mistake.key else "traffic"
    elif mistake.source == stack_file(environment):
        found = next((each for each in _SETTINGS if mistake.key.startswith(each)), "")
        key = _SETTINGS[found] + mistake.key.removeprefix(found) if found else mistake.key
    else:
        return mistake
    return replace(mistake, source=f"Firewall {name}", key=key, line=0)
