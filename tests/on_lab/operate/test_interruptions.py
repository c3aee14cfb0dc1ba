"""Steps that the preview marks as interrupting do interrupt on the real engine, and the way around them does not.

The stack is in a VPC of both address families, with pods of IPv6.
"""

import json
from collections.abc import Iterator

import pytest

from lab.aws_api.seed import make_environment
from lab.recording.recording import recorded
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine
from lab.running.firewall_command import flash_firewall
from lab.running.lab import Lab
from lab.surroundings import BOTH_FAMILIES
from tests.support.declared.former_layout import former_layout
from tests.support.engine.apis import NAMESPACE
from tests.support.engine.chain import Chain, Change, Content, Deployed, chain, committed
from tests.support.engine.declarations import on_both_families, with_other_flows_and_addresses
from tests.support.engine.intermediate_states import Run, Transition

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def dev(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """The committed shop, deployed to dev in a VPC of both families; each test leaves it like that."""
    make_environment(lab.aws_endpoint, BOTH_FAMILIES)
    with chain(lab, "dev", tmp_path_factory.mktemp("interruptions"), on_both_families, BOTH_FAMILIES.stack) as made:
        assert interrupted(made.deploy(committed)) == set()
        yield made


def interrupted(deployed: Deployed) -> set[tuple[str, str]]:
    """Return the interrupted pairs; assert that nothing opens, and that the preview names every interruption."""
    gaps = deployed.gaps
    assert deployed.run.writes
    assert [gap for gap in gaps if gap.claim.endswith("open")] == []
    assert not gaps or deployed.warnings
    return {gap.pair for gap in gaps}


def causes(deployed: Deployed) -> list[str]:
    """Return what changes with each step that the preview marks as interrupting."""
    return [warning.partition(":")[0] for warning in deployed.warnings]


def attached(to: str, leaving: str | None = None) -> Change:
    def change(_: Content, binding: Content) -> None:
        binding["cluster"]["attachment"] = to
        if leaving:
            binding["cluster"]["leaving"] = leaving

    return change


def with_backend(*, beside: bool) -> Change:
    """Declare a service backend with the flows of api, in its place or beside it, with the new labels."""

    def names(ends: str | list[str]) -> list[str]:
        replaced = ["api", "backend"] if beside else ["backend"]
        return [
            name
            for end in ([ends] if isinstance(ends, str) else ends)
            for name in (replaced if end == "api" else [end])
        ]

    def change(traffic: Content, _: Content) -> None:
        api = traffic["services"].pop("api")
        traffic["services"]["backend"] = {"pods": {"app": "flash-api"}, "ports": api["ports"]}
        if beside:
            traffic["services"]["api"] = {**api, "pods": {"app": "flash-api-2"}}
        traffic["flows"] = [
            {**flow, "from": source, "to": names(flow["to"])}
            for flow in traffic["flows"]
            for source in names(flow["from"])
        ]

    return change


def labelled(label: str) -> Change:
    def change(traffic: Content, _: Content) -> None:
        traffic["services"]["api"]["pods"] = {"app": label}

    return change


def policies_of_api(ingress: str, pay: str) -> Change:
    def change(traffic: Content, _: Content) -> None:
        traffic["services"]["api"]["policies"]["ingress"] = ingress
        traffic["services"]["pay"]["policies"]["ingress"] = pay

    return change


API, PAY = "02-allow-api-from-gateway", "03-allow-pay-from-api"


def test_addresses_of_both_families_change_without_a_cut_and_run_as_declared(dev: Chain) -> None:
    """The lab has no interfaces for the pods, and verify says so; of the layers themselves nothing differs."""
    changed = dev.deploy(with_other_flows_and_addresses)
    ran = flash_firewall(dev.lab, dev.stack, dev.programs[-1], "verify", "--stack", dev.stack, "--output", "json")
    found, back = json.loads(ran.stdout), dev.deploy(committed)

    for deployed in (changed, back):
        assert (interrupted(deployed), deployed.warnings) == (set(), [])
    assert found["unseen"] == [], ran.stderr
    assert {each["kind"] for each in found["findings"]} == {"cut off"}
    assert all("no interface of the VPC has its address" in each["what"] for each in found["findings"])


def test_a_change_of_attachment_cuts_nothing_while_the_old_one_stays_in_either_direction(
    dev: Chain,
) -> None:
    for to, leaving in (("nodes", "pods"), ("pods", "nodes")):
        kept = dev.deploy(attached(to, leaving))
        left = dev.deploy(attached(to))  # all pods have restarted

        assert (interrupted(kept), kept.warnings) == (set(), [])
        assert (interrupted(left), causes(left)) == (set(), [f"cluster.leaving {leaving} ends"])


def test_an_immediate_change_of_attachment_cuts_running_pods(dev: Chain) -> None:
    for leaving, to in (("pods", "nodes"), ("nodes", "pods")):
        at_once = dev.deploy(attached(to))

        assert ("api", "redis") in interrupted(at_once)
        assert causes(at_once) == [f"cluster.attachment changes from {leaving} to {to}"]


def test_swapped_policy_names_cut_a_service_for_one_write(dev: Chain) -> None:
    swapped = dev.deploy(policies_of_api(PAY, API))

    assert interrupted(swapped) & {("gateway", "api"), ("api", "pay")}
    assert causes(swapped) == [
        f"the policy {API} now belongs to pay (ingress) instead of api (ingress)",
        f"the policy {PAY} now belongs to api (ingress) instead of pay (ingress)",
    ]

    freed, used = dev.deploy(policies_of_api("api-in", "pay-in")), dev.deploy(policies_of_api(API, PAY))

    assert (interrupted(freed), freed.warnings) == (set(), [])
    assert (interrupted(used), used.warnings) == (set(), [])


def test_new_labels_or_a_new_name_cut_running_pods_and_a_parallel_service_does_not(dev: Chain) -> None:
    relabelled = dev.deploy(labelled("flash-api-2"))

    assert {("gateway", "api"), ("api", "redis")} <= interrupted(relabelled)
    assert relabelled.warnings[0].startswith("the pods of api are now selected by app=flash-api-2")

    beside, moved = dev.deploy(with_backend(beside=True)), dev.deploy(with_backend(beside=False))

    assert (interrupted(beside), beside.warnings) == (set(), [])
    assert (interrupted(moved), moved.warnings) == (set(), [])

    renamed = dev.deploy(committed)

    assert ("backend", "redis") in interrupted(renamed)  # the pods that run have the group of the name before
    assert causes(renamed) == ["the service backend is now named api"]


EARLIER_LAYOUT = """
from flash_ticket.live.stack import plan as planning
from tests.support.declared.former_layout import former_layout

to_deploy = planning.to_deploy
planning.to_deploy = lambda *given: former_layout(to_deploy(*given))

try:"""
"""What the program of an earlier version does between reading and proving."""


def by_an_earlier_version(dev: Chain) -> Deployed:
    """Deploy the committed declaration as an earlier version of this program did."""
    program = dev.write(committed)
    main = program / "__main__.py"
    main.write_text(main.read_text().replace("\ntry:", EARLIER_LAYOUT, 1))
    assert main.read_text().count("former_layout") == 3
    surveyed = Surveyor.of(dev.lab, dev.stack, dev.environment).declared(program)
    with recorded(dev.lab, dev.stack, NAMESPACE, environment=dev.environment) as recording:
        result = Engine(dev.lab, dev.stack, program, recording.variables).up().checked()
        run = Run(recording.journal.before, recording.journal.writes)
    dev.declared, transition = former_layout(surveyed), Transition(dev.declared, former_layout(surveyed))
    return Deployed(result, run, transition)


def test_an_earlier_version_and_this_one_replace_each_other_without_a_cut(dev: Chain) -> None:
    """Running pods keep their groups, and nobody knows those of the lab's pods: so the old rules stay."""
    rolled_back = by_an_earlier_version(dev)
    kept = dev.deploy(committed)

    for deployed in (rolled_back, kept):
        assert (interrupted(deployed), deployed.warnings) == (set(), [])
    assert dev.deploy(committed).run.writes == []
    assert [each for each in kept.result.diagnostics if "Restart these pods once" in each]
