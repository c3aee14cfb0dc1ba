"""The parts of the firewall as components of plain values: what each declares alone, and all of them together."""

import runpy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pulumi
import pytest
import yaml

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.live.stack.plan import Plan
from flash_ticket.live.stack.settings import StackConfiguration
from package import plan
from package.firewall import Firewall, FirewallArgs, Planned
from package.parts import PARTS, Alerts, AlertsArgs, FlowLogs, GuardRails, NetworkPolicies, SecurityGroups
from tests.support.declared.accounts import ROOT
from tests.support.declared.described import deployed as standing
from tests.support.pulumi import plans
from tests.support.pulumi.pulumi_mocks import Deployment, Registered, deploy

COMPUTED = {"aws:cloudwatch/logGroup:LogGroup": {"arn": "arn:aws:logs:x", "name": "records"}}
PREFIX = "flash-ticket-firewall:components"
DENIAL = "shop-policies-00-default-deny"
EVERYTHING: dict[str, Any] = {
    "alerts": {
        "runbook": "https://wiki.example.com/runbook",
        "prometheus": {"labels": {"release": "monitoring"}},
        "grafana": {},
        "cloudwatch": {"topic": "on-call"},
    },
    "guardRails": {
        "admission": {"enforcement": "deny", "deployers": {"users": ["ci"]}},
        "podSecurity": {"enforce": "baseline"},
        "roles": {"verifier": {"users": ["monitor@example.com"]}},
    },
}

Change = Callable[[CompiledFirewall], Plan]


def inputs(**changed: Any) -> FirewallArgs:  # noqa: ANN401 - of many types
    """Return the inputs of the committed stack dev, with every optional part."""
    traffic = yaml.safe_load((ROOT / "traffic.yaml").read_text())
    settings = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"][BINDING_KEY]
    plain = {"traffic": traffic, "binding": {**settings, **EVERYTHING}, "region": "ap-northeast-2"}
    return FirewallArgs(**{**plain, **changed})  # type: ignore[typeddict-item]  # the names are checked at run time


def without(*keys: str) -> FirewallArgs:
    given = inputs()
    content: Any = given["binding"]
    return inputs(binding={key: value for key, value in content.items() if key not in keys})


@pytest.fixture(autouse=True)
def becomes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Plan from the inputs alone, without APIs; a test may change what is compiled or deployed."""

    def use(change: Change) -> None:
        def make_plan(matrix: Matrix, settings: StackConfiguration) -> Plan:
            account = SymbolicAccount.of(settings.region, settings.binding)
            environment = bind(matrix, settings.binding, settings.stack, account)
            return change(compile_firewall(matrix, environment, settings.suspensions))

        monkeypatch.setattr(plan, "make_plan", make_plan)

    use(plans.planned)
    return use


def all_parts() -> None:
    groups = SecurityGroups("shop", inputs())
    policies = NetworkPolicies("shop", inputs(), pulumi.ResourceOptions(depends_on=[groups]))
    GuardRails("shop", inputs(), pulumi.ResourceOptions(depends_on=[policies]))
    records = FlowLogs("shop", inputs())
    Alerts("shop", AlertsArgs(**inputs(), flow_log_location=records.flow_log_location or ""))


def declared(program: Callable[[], object]) -> Deployment:
    return deploy(program, computed=COMPUTED, stack_name="dev")


def alone(part: type[Planned], given: FirewallArgs | None = None) -> Deployment:
    args: Any = given or inputs()
    if part is Alerts:
        args = {**args, "flow_log_location": "records"}
    return declared(lambda: part("shop", args))


def without_outermost(deployment: Deployment) -> dict[str, Registered]:
    """Return the resources below the components of a program, without what says below which, and after which."""
    own = [each for each in deployment.resources if each.type != f"{PREFIX}:Firewall"]
    return {each.urn: replace(each, parent="", depends_on=frozenset()) for each in own}


def test_the_parts_together_declare_what_the_firewall_declares_under_the_same_urns() -> None:
    whole = without_outermost(declared(lambda: Firewall("shop", inputs())))

    assert without_outermost(declared(all_parts)) == whole
    assert {each.type.rpartition(":")[2] for each in whole.values()} >= {
        *("NetworkPolicies", "SecurityGroups", "FlowLogs", "GuardRails", "PrometheusAlerts", "CloudWatchAlerts")
    }


def test_each_resource_of_the_firewall_is_in_one_part() -> None:
    whole = without_outermost(declared(lambda: Firewall("shop", inputs())))
    found = [urn for part in PARTS for urn in without_outermost(alone(part))]

    assert sorted(found) == sorted(whole)


def test_parts_keep_the_order_of_the_firewall_if_each_depends_on_the_one_before() -> None:
    deployment = declared(all_parts)
    (denial,) = (each for each in deployment.resources if each.name == DENIAL)
    rails = deployment.all("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy")
    layer = [each for each in deployment.resources if each.name.startswith("shop-groups-")]

    assert len(layer) > 30
    assert all(deployment.waits_for(denial, each) for each in layer)
    assert rails
    assert all(deployment.waits_for(each, denial) for each in rails)


def test_default_deny_is_last_in_the_pod_layer_alone() -> None:
    deployment = alone(NetworkPolicies)
    policies = deployment.all("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    (denial,) = (each for each in policies if each.name == DENIAL)

    assert len(policies) == 7
    assert all(deployment.waits_for(denial, each) for each in policies if each is not denial)


def test_pods_get_a_group_after_all_its_rules_in_the_vpc_layer_alone() -> None:
    deployment = alone(SecurityGroups)
    (attachment,) = (each for each in deployment.resources if each.name == "shop-groups-pay-pods")
    rules = [each for each in deployment.resources if each.name.startswith("shop-groups-pay-egress")]

    assert rules
    assert all(deployment.waits_for(attachment, each) for each in rules)


@pytest.mark.parametrize("part", PARTS)
def test_a_mistake_names_the_part_and_its_input(part: type[Planned]) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        alone(part, inputs(binding={"vpcs": {}}))

    assert str(refused.value).startswith(f"{part.__name__} shop: binding.vpcs: ")


def without_a_policy(found: CompiledFirewall) -> Plan:
    return plans.planned(replace(found, pods=replace(found.pods, allows=found.pods.allows[1:])))


@pytest.mark.parametrize("part", PARTS)
def test_no_part_is_declared_if_the_proof_of_the_whole_does_not_hold(
    part: type[Planned], becomes: Callable[[Change], None]
) -> None:
    becomes(without_a_policy)
    with pytest.raises(pulumi.RunError, match="The proof does not hold"):
        alone(part)


@pytest.mark.parametrize(("part", "key"), [(FlowLogs, "flowLogs"), (Alerts, "alerts"), (GuardRails, "guardRails")])
def test_a_part_that_the_binding_does_not_ask_for_is_a_mistake(part: type[Planned], key: str) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        alone(part, without(key, "alerts"))  # alarms ask for a flow log

    assert str(refused.value).startswith(f"{part.__name__} shop: binding.{key}: it asks for nothing")


def test_alarms_without_the_location_of_their_flow_log_are_a_mistake() -> None:
    with pytest.raises(pulumi.RunError) as refused:
        declared(lambda: Alerts("shop", cast("AlertsArgs", inputs())))

    assert str(refused.value).startswith("Alerts shop: flowLogLocation: the alarms watch the flow log")


def said(monkeypatch: pytest.MonkeyPatch, part: type[Planned]) -> tuple[list[str], list[str]]:
    """Return the warnings and the other lines of a part."""
    warned: list[str] = []
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: warned.append(text))
    monkeypatch.setattr(pulumi.log, "info", lambda text, *_: told.append(text))
    alone(part)
    return warned, told


@pytest.mark.parametrize(("part", "other"), [(NetworkPolicies, "vpc"), (SecurityGroups, "pod")])
def test_a_layer_alone_says_what_only_the_other_one_would_stop(
    part: type[Planned], other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (warned,), (proof, change) = said(monkeypatch, part)

    assert f"nothing of the {other} layer is deployed" in warned
    assert "The proof holds" in proof
    assert change


@pytest.mark.parametrize("part", [NetworkPolicies, SecurityGroups])
def test_a_deployed_layer_beside_the_other_one_warns_of_nothing_and_changes_nothing(
    part: type[Planned], monkeypatch: pytest.MonkeyPatch, becomes: Callable[[Change], None]
) -> None:
    becomes(lambda found: plans.planned(found, standing(found)))
    warned, (_, change) = said(monkeypatch, part)

    assert not warned
    assert change == "No connection is opened or closed."


@pytest.mark.parametrize("part", [FlowLogs, Alerts, GuardRails])
def test_a_part_that_is_no_layer_shows_the_proof_and_no_change(
    part: type[Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    warned, told = said(monkeypatch, part)

    assert not warned
    assert [line[:15] for line in told] == ["The proof holds"]


def test_the_example_of_two_teams_declares_the_whole_firewall() -> None:
    example = ROOT / "examples/parts"

    def program(team: str) -> Deployment:
        return deploy(
            lambda: runpy.run_path(str(example / "__main__.py")) and None,
            computed=COMPUTED,
            config={"project:region": "ap-northeast-2", "project:team": team},
            stack_name=team,
        )

    files = {each: yaml.safe_load((example / f"{each}.yaml").read_text()) for each in ("traffic", "binding")}
    whole = declared(lambda: Firewall("shop", inputs(**files, environment="prod")))
    network, platform = map(program, ("network", "platform"))

    assert set(network.exports) == {"groupIds", "alerts"}
    assert set(platform.exports) == {"policies"}
    assert names(network) | names(platform) == names(whole)
    assert not names(network) & names(platform)


def names(deployment: Deployment) -> set[tuple[str, str]]:
    return {(each.type, each.name) for each in deployment.resources if each.type != f"{PREFIX}:Firewall"}
