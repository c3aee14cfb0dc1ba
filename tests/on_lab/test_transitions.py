"""Every kind of change, deployed to dev and prod: no write on the way cuts or opens what it should not."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from lab.running.lab import Lab
from tests.support.engine.chain import Chain, Change, Content, chain, committed

pytestmark = pytest.mark.engine

RANDOM_DECLARATIONS = int(os.environ.get("RANDOM_DECLARATIONS", "3"))
"""How many random declarations follow each other; each pair of neighbours is a transition, and one goes back."""

_PORTS = (3000, 3100, 4000, "8000-8010", {"port": 53, "protocol": "UDP"})


@pytest.fixture(params=["dev", "prod"])
def stack(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Iterator[Chain]:
    """The shop, deployed as it is committed."""
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


def test_services_ports_flows_addresses_plug_in_and_resolver_come_and_go(stack: Chain) -> None:
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
    """Return a declaration of some of five services, with random ports and flows; what a name means never changes."""

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


def test_from_one_random_declaration_to_another(dev: Chain) -> None:
    dev.deploy(random_shop(0))
    held(dev, *(random_shop(seed) for seed in range(1, RANDOM_DECLARATIONS)), random_shop(0))
