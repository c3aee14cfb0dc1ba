"""Short functions that build Kubernetes objects for tests."""

from typing import Any

Manifest = dict[str, Any]


def pod(name: str, labels: dict[str, str] | None = None, namespace: str = "shop", **spec: Any) -> Manifest:  # noqa: ANN401  # any field
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "image"}], **spec},
    }


def owned_pod(name: str, owner: str, kind: str, labels: dict[str, str]) -> Manifest:
    found = pod(name, labels)
    found["metadata"]["ownerReferences"] = [{"name": owner, "kind": kind, "controller": True}]
    return found


def deployment(name: str, ports: list[Manifest] | None = None, namespace: str = "shop") -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "image", "ports": ports or []}]},
            }
        },
    }


def namespace(name: str, **labels: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def policy(name: str, app: str | None = None, namespace: str = "shop", **spec: Any) -> Manifest:  # noqa: ANN401  # any field
    selector = {"matchLabels": {"app": app}} if app else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": selector, **spec},
    }


def from_app(app: str, *ports: Manifest) -> Manifest:
    return {"from": [{"podSelector": {"matchLabels": {"app": app}}}], **({"ports": list(ports)} if ports else {})}


def to_app(app: str, *ports: Manifest) -> Manifest:
    return {"to": [{"podSelector": {"matchLabels": {"app": app}}}], **({"ports": list(ports)} if ports else {})}
