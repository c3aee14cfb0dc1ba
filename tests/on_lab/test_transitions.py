"""Every kind of change, deployed to dev and prod: no write on the way cuts or opens anything wrongly."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from lab.running.lab import Lab
from tests.support.engine.chain import Chain, Change, Content, chain, committed

pytestmark = pytest.mark.engine

RANDOM_DECLARATIONS = int(os.environ.get("RANDOM_DECLARATIONS", "3"))
"""The number of random declarations in a row. Each pair of neighbours is a transition, and one transition goes back."""

_PORTS = (3000, 3100, 4000, "8000-8010", {"port": 53, "protocol": "UDP"})


@pytest.fixture(params=["dev", "prod"])
def stack(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Iterator[Chain]:
    """The committed shop, deployed."""
    with chain(lab, request.param, tmp_path) as made:
        made.deploy(committed)
        yield made


def held(stack: Chain, *changes: Change) -> None:
    for change in changes:
        deployed = stack.deploy(change)

        assert deployed.run.writes
        assert deployed.gaps == []
        assert deployed.warnings == []


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
    binding["cluster"]["dns"] = {"mode": "node-local"}


def test_adding_and_removing_each_part_of_a_declaration_cuts_and_opens_nothing_wrongly(stack: Chain) -> None:
    held(
        stack,
        with_a_service_and_ports_more,
        with_other_flows_and_addresses,
        with_another_plug_in_and_resolver,
        committed,
    )


@pytest.fixture
def dev(lab: Lab, tmp_path: Path) -> Iterator[Chain]:
    """Nothing yet, on dev."""
    with chain(lab, "dev", tmp_path) as made:
        yield made


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


def test_a_change_between_random_declarations_cuts_and_opens_nothing_wrongly(dev: Chain) -> None:
    dev.deploy(random_shop(0))
    held(dev, *(random_shop(seed) for seed in range(1, RANDOM_DECLARATIONS)), random_shop(0))
