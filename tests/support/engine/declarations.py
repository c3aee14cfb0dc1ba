"""The declarations that the life of a stack goes through, as changes of the committed files."""

import json
import os
from collections.abc import Mapping
from random import Random

import yaml

from tests.support.alerts.deployed_alerts import ALERTS
from tests.support.engine.apis import CHANGES, changed_matrix
from tests.support.engine.chain import Change, Content, committed

RANDOM_DECLARATIONS = int(os.environ.get("RANDOM_DECLARATIONS", "3"))
"""The number of random declarations in a row. Each pair of neighbours is a transition."""

_PORTS = (3000, 3100, 4000, "8000-8010", {"port": 53, "protocol": "UDP"})


def with_a_service_and_ports_more(traffic: Content, _: Content) -> None:
    traffic["services"]["mail"] = {"pods": {"app": "flash-mail"}, "ports": [2525]}
    traffic["flows"].append({"from": "pay", "to": "mail"})
    traffic["externals"]["redis"]["ports"] = ["6379-6380"]
    traffic["externals"]["database"]["ports"] = [5432]


def with_other_flows_and_addresses(traffic: Content, binding: Content) -> None:
    traffic["flows"][3]["to"].remove("redis")
    traffic["flows"].append({"from": "gateway", "to": "pay"})
    traffic["flows"][0]["because"] = "players call"  # the description of a rule changes in place
    del binding["places"]["redis"]["subnets"]
    binding["places"]["redis"]["cidrs"] = ["10.10.20.0/25", "10.20.20.0/25"]
    binding["loadBalancer"]["clients"] = {"cidrs": ["198.51.100.0/24"]}


def with_another_plug_in_and_resolver(_: Content, binding: Content) -> None:
    binding["cluster"]["cni"] = {"name": "calico", "podEniMode": "standard"}
    binding["cluster"]["dns"]["mode"] = "node-local"


def with_another_matrix(traffic: Content, _: Content) -> None:
    traffic.update(yaml.safe_load(changed_matrix(*CHANGES)["traffic.yaml"]))


def with_alerts(_: Content, binding: Content) -> None:
    binding["alerts"] = ALERTS


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


FIRST, PART, CHANGED, LAST, DESTROY = (
    "first deployment",
    "one policy of the change",
    "change",
    "all of it goes back",
    "destroy",
)
STEPS: Mapping[str, Change] = {
    "change back": committed,
    "services, ports and flows are added": with_a_service_and_ports_more,
    "flows and addresses change": with_other_flows_and_addresses,
    "the plug-in and the resolver change": with_another_plug_in_and_resolver,
}
"""The changes that follow the first one."""


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
