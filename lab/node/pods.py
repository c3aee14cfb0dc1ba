"""What all pods of the lab's node have in common."""

from typing import Any

from lab.node.api import Api
from lab.node.images import SHELL
from lab.node.settings import NAME


def pod_spec(**container: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON has them
    """Return the ``spec`` of a pod with one container, whose further fields are given."""
    return {
        "nodeName": NAME,  # the lab has no scheduler
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [{"name": "main", "image": SHELL, "imagePullPolicy": "Never", **container}],
    }


def delete_pods_without_node(api: Api) -> None:
    """Delete the pods that a lab makes up for clusters without a node."""
    for pod in api.items("/api/v1/pods"):
        if "nodeName" not in pod["spec"]:
            api.delete({"apiVersion": "v1", "kind": "Pod", **pod})
