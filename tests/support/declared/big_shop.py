"""A made-up shop of any size: services with ports of their own, flows among them, and places that many call."""

from random import Random
from typing import Any

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix

_PLACES: dict[str, dict[str, Any]] = {
    "alb": {},
    "rabbitmq": {"ports": [5672]},
    "redis": {"ports": [6379]},
    "database": {"ports": [5432, 3306]},
}


def big_shop_content(services: int, flows: int, *, callers: int = 0, clients: int = 0) -> dict[str, Any]:
    """Return a traffic file.

    Args:
        services: The number of services; each has a port of its own.
        flows: The number of flows, each from one end to one other.
        callers: How many services call the service ``s001``; the random flows may add some.
        clients: How many services call the database.
    """
    random = Random(services)  # noqa: S311 - repeatable, and no secret
    names = [f"s{number:03}" for number in range(services)]
    pairs = {("alb", names[0])}
    pairs |= {(name, names[1]) for name in names[2 : 2 + callers]}
    pairs |= {(name, "database") for name in names[:clients]}
    targets = [*names, "rabbitmq", "redis"]
    while len(pairs) < flows:
        source, target = random.choice(names), random.choice(targets)
        if source != target:
            pairs.add((source, target))
    return {
        "namespace": "shop",
        "services": {name: {"pods": {"app": name}, "ports": [8000 + 3 * number]} for number, name in enumerate(names)},
        "externals": _PLACES,
        "flows": [{"from": source, "to": target} for source, target in sorted(pairs)],
    }


def big_shop(services: int, flows: int, *, callers: int = 0, clients: int = 0) -> Matrix:
    """Return the matrix of such a file."""
    return parse_matrix(big_shop_content(services, flows, callers=callers, clients=clients), "traffic.yaml")
