"""Manifests of made-up clusters in shapes that grow, for the benchmarks."""

from collections.abc import Callable, Iterator
from typing import Any

Manifest = dict[str, Any]
PORT = 8080


def chain(services: int) -> Iterator[Manifest]:
    """Yield services that may each call only the next one: a Deployment and two policies for each."""
    for index in range(services):
        yield _deployment(index)
        yield _policy(index, "Ingress", [index - 1] if index else [])
        yield _policy(index, "Egress", [index + 1] if index + 1 < services else [])


def mesh(services: int, degree: int = 10) -> Iterator[Manifest]:
    """Yield services in a ring that may each call the next ``degree`` services."""
    for index in range(services):
        yield _deployment(index)
        yield _policy(index, "Ingress", sorted({(index - step) % services for step in range(1, degree + 1)}))
        yield _policy(index, "Egress", sorted({(index + step) % services for step in range(1, degree + 1)}))


def tiers(services: int) -> Iterator[Manifest]:
    """Yield services in three tiers. Each tier may call all of the next. One policy for each service and direction.

    The number of connections grows with the square of the services; the number of distinct policies does not.
    """
    for index in range(services):
        tier = index % 3
        yield _deployment(index, {"tier": f"t{tier}"})
        yield _policy(index, "Ingress", [{"tier": f"t{tier - 1}"}] if tier else [])
        yield _policy(index, "Egress", [{"tier": f"t{tier + 1}"}] if tier < 2 else [])  # noqa: PLR2004  # the last tier


SHAPES: dict[str, Callable[[int], Iterator[Manifest]]] = {"chain": chain, "mesh": mesh, "tiers": tiers}


def _deployment(index: int, labels: dict[str, str] | None = None) -> Manifest:
    of_pods = {"app": f"svc-{index}", **(labels or {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"svc-{index}", "namespace": "bench", "labels": of_pods},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": f"svc-{index}"}},
            "template": {
                "metadata": {"labels": dict(of_pods)},
                "spec": {
                    "containers": [
                        {
                            "name": "main",
                            "image": "registry.example/service:1",
                            "ports": [{"name": "http", "containerPort": PORT}],
                        }
                    ]
                },
            },
        },
    }


def _policy(index: int, direction: str, peers: list[int] | list[dict[str, str]]) -> Manifest:
    named = [{"app": f"svc-{peer}"} if isinstance(peer, int) else peer for peer in peers]
    side, section = ("from", "ingress") if direction == "Ingress" else ("to", "egress")
    rule = {
        side: [{"podSelector": {"matchLabels": labels}} for labels in named],
        "ports": [{"protocol": "TCP", "port": PORT}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"svc-{index}-{section}", "namespace": "bench"},
        "spec": {
            "podSelector": {"matchLabels": {"app": f"svc-{index}"}},
            "policyTypes": [direction],
            section: [rule] if named else [],
        },
    }
