"""Every kind of change, deployed to dev and prod: no write on the way cuts or opens anything wrongly."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
import yaml

from lab.aws_api.seed import make_environment
from lab.running.firewall_command import Told, flash_firewall
from lab.running.lab import Lab
from lab.surroundings import BOTH_FAMILIES
from tests.support.engine.chain import Chain, Change, Content, Deployed, committed
from tests.support.engine.intermediate_states import Run
from tests.support.engine.life import CHANGES, NAMESPACE, changed_matrix

pytestmark = pytest.mark.engine

RANDOM_DECLARATIONS = int(os.environ.get("RANDOM_DECLARATIONS", "3"))
"""The number of random declarations in a row, after the shop. Each pair of neighbours is a transition."""

_PORTS = (3000, 3100, 4000, "8000-8010", {"port": 53, "protocol": "UDP"})


def with_a_service_and_ports_more(traffic: Content, _: Content) -> None:
    traffic["services"]["mail"] = {"pods": {"app": "flash-mail"}, "ports": [2525]}
    traffic["flows"].append({"from": "pay", "to": "mail"})
    traffic["externals"]["redis"]["ports"] = ["6379-6380"]
    traffic["externals"]["database"]["ports"] = [5432]


def with_other_flows_and_addresses(traffic: Content, binding: Content) -> None:
    traffic["flows"][3]["to"].remove("redis")
    traffic["flows"].append({"from": "gateway", "to": "pay"})
    del binding["places"]["redis"]["subnets"]
    binding["places"]["redis"]["cidrs"] = ["10.10.20.0/25", "10.20.20.0/25"]
    binding["loadBalancer"]["clients"] = {"cidrs": ["198.51.100.0/24"]}


def with_another_plug_in_and_resolver(_: Content, binding: Content) -> None:
    binding["cluster"]["cni"] = {"name": "calico", "podEniMode": "standard"}
    binding["cluster"]["dns"]["mode"] = "node-local"


def with_another_matrix(traffic: Content, _: Content) -> None:
    traffic.update(yaml.safe_load(changed_matrix(*CHANGES)["traffic.yaml"]))


STEPS: Mapping[str, Change] = {
    "first deployment": committed,
    "change": with_another_matrix,
    "change back": committed,
    "services, ports and flows are added": with_a_service_and_ports_more,
    "flows and addresses change": with_other_flows_and_addresses,
    "the plug-in and the resolver change": with_another_plug_in_and_resolver,
    "all of it goes back": committed,
}
DESTROY = "destroy"


def on_both_families(change: Change) -> Change:
    """Return a change in a VPC of both families, with clients and places of both, and with pods of IPv6."""

    def changed(traffic: Content, binding: Content) -> None:
        change(traffic, binding)
        words = json.dumps(binding).replace("flash-ticket-dev", "flash-ticket-dual")
        binding |= json.loads(words.replace('"Environment": "dev"', '"Environment": "dual"'))
        binding["loadBalancer"]["clients"]["cidrs"].append("2001:db8:c::/48")
        if "cidrs" in binding["places"]["redis"]:
            binding["places"]["redis"]["cidrs"].append("2001:db8:20::/64")
        if binding["cluster"]["dns"]["mode"] == "node-local":
            binding["cluster"]["dns"]["address"] = "fd00::10:10"

    return changed


def random_shop(seed: int) -> Change:
    """Return a declaration of some of five services, with random ports and flows; names never change their meaning."""

    def change(traffic: Content, _: Content) -> None:
        random = Random(seed)  # noqa: S311 - repeatable, and no secret
        names = random.sample(["gateway", "api", "pay", "mail", "seats"], random.randint(2, 5))
        traffic["services"] = {
            name: {"pods": {"app": f"flash-{name}"}, "ports": random.sample(_PORTS, random.randint(1, 3))}
            for name in sorted(names)
        }
        pairs = [(one, other) for one in names for other in (*names, "rabbitmq", "redis", "database") if one != other]
        chosen = random.sample(pairs, min(len(pairs), random.randint(2, 8)))
        traffic["flows"] = [{"from": "alb", "to": names[0]}, *({"from": one, "to": other} for one, other in chosen)]

    return change


@pytest.fixture(scope="module")
def verified() -> list[Told]:
    """What verify says of the stack in a VPC of both families, after its addresses changed; `runs` adds it."""
    return []


@pytest.fixture(scope="module", params=["dev", "prod"])
def runs(
    request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory, verified: list[Told]
) -> Mapping[str, Deployed]:
    """A stack from its first deployment to its removal, with a record of every write.

    The one of dev is in a VPC of both families, and has random declarations, too.
    """
    stack, steps = Chain(lab, request.param, tmp_path_factory.mktemp("runs")), STEPS
    if request.param == "dev":
        make_environment(lab.aws_endpoint, BOTH_FAMILIES)
        shops = {str(seed): random_shop(seed) for seed in range(RANDOM_DECLARATIONS)}
        steps = {name: on_both_families(change) for name, change in {**STEPS, **shops}.items()}
    deployed = {}
    for name, change in steps.items():
        deployed[name] = stack.deploy(change)
        if steps is not STEPS and name == "flows and addresses change":
            verified.append(
                flash_firewall(lab, stack.stack, stack.programs[-1], "verify", "--stack", "dev", "--output", "json")
            )
    return {**deployed, DESTROY: stack.destroy()}


@pytest.mark.parametrize("name", [*STEPS, DESTROY])
def test_no_write_cuts_or_opens_anything_wrongly(runs: Mapping[str, Deployed], name: str) -> None:
    deployed = runs[name]

    assert deployed.run.writes
    assert deployed.gaps == []


@pytest.mark.parametrize("name", [name for name in STEPS if name != "first deployment"])
def test_no_change_warns_of_an_interruption(runs: Mapping[str, Deployed], name: str) -> None:
    assert runs[name].warnings == []


@pytest.mark.parametrize("runs", ["dev"], indirect=True)
@pytest.mark.usefixtures("runs")
def test_what_runs_in_both_families_is_what_is_declared(verified: list[Told]) -> None:
    """The lab has no interfaces for the pods, and verify says so; of the layers themselves nothing differs."""
    (told,) = verified
    found = json.loads(told.stdout)

    assert found["unseen"] == [], told.stderr
    assert {each["kind"] for each in found["findings"]} == {"cut off"}
    assert all("no interface of the VPC has its address" in each["what"] for each in found["findings"])


def test_a_policy_missing_for_one_write_counts_as_a_cut(runs: Mapping[str, Deployed]) -> None:
    deployed = runs["change"]
    write = deployed.run.writes[-1]
    left = tuple(policy for policy in write.standing.policies if policy["metadata"]["name"] != "04-allow-egress-api")
    broken = Run(deployed.run.before, [replace(write, standing=replace(write.standing, policies=left))])

    assert ("api", "pay") in {gap.pair for gap in deployed.transition.gaps(broken) if gap.claim.endswith("cut")}


def test_a_policy_that_opens_more_for_one_write_counts_as_an_opening(runs: Mapping[str, Deployed]) -> None:
    deployed = runs["first deployment"]
    write = deployed.run.writes[-1]
    wide = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "wide", "namespace": NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"app": "flash-gateway"}}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    standing = replace(write.standing, policies=(*write.standing.policies, wide))
    broken = Run(deployed.run.before, [replace(write, standing=standing)])

    assert ("gateway", "the internet") in {
        gap.pair for gap in deployed.transition.gaps(broken) if gap.claim.endswith("open")
    }


@pytest.mark.parametrize(("runs", "seed"), [("dev", seed) for seed in range(RANDOM_DECLARATIONS)], indirect=["runs"])
def test_a_change_between_random_declarations_cuts_and_opens_nothing_wrongly(
    runs: Mapping[str, Deployed], seed: int
) -> None:
    deployed = runs[str(seed)]

    assert deployed.run.writes
    assert deployed.gaps == []
    assert deployed.warnings == []
