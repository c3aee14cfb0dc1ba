"""Keeps the PolicyEndpoints of a cluster as its NetworkPolicies, pods, namespaces and Services want them.

It adopts existing objects: deleting them at its start would open everything until they are written again.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from lab.node.api import Api, ApiError, Object, Watched
from lab.node.enforcers.aws.policy_endpoints import ClusterObjects, policy_endpoints

GROUP = "/apis/networking.k8s.aws/v1alpha1"
_POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
_AGAIN_SECONDS = 0.2
_CHANGED_MEANWHILE = {404, 409}


@dataclass(slots=True)
class PolicyController:
    """Runs in threads of this process.

    Attributes:
        delay: How many seconds it collects changes before it writes; on EKS one, for changes of pods.
        problems: What the API server refused, in its words; to be looked at when something does not happen.
    """

    api: Api
    delay: float = 0.0
    problems: list[str] = field(default_factory=list)
    _wake: threading.Event = field(default_factory=threading.Event)
    _lists: dict[str, Watched] = field(default_factory=dict)

    def start(self) -> None:
        """Begin, and return when everything is listed."""
        paths = {
            "policies": _POLICIES,
            "pods": "/api/v1/pods",
            "namespaces": "/api/v1/namespaces",
            "services": "/api/v1/services",
            "endpoints": f"{GROUP}/policyendpoints",
        }
        self._lists = {name: Watched(self.api, path, self._wake.set) for name, path in paths.items()}
        for each in self._lists.values():
            each.start()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(self.delay)
            self._wake.clear()
            try:
                self._write()
            except ApiError as error:
                if error.code not in _CHANGED_MEANWHILE:
                    self.problems.append(str(error))
                self._retry()
            except OSError as error:
                self.problems.append(str(error))
                self._retry()

    def _retry(self) -> None:
        timer = threading.Timer(_AGAIN_SECONDS, self._wake.set)
        timer.daemon = True
        timer.start()

    def _write(self) -> None:
        """Bring the objects to the wanted state, one by one; those that are right already stay untouched."""
        namespaces = {
            each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in self._objects("namespaces")
        }
        cluster = ClusterObjects(tuple(self._objects("pods")), namespaces, tuple(self._objects("services")))
        standing: dict[str, list[Object]] = {}
        for each in sorted(self._objects("endpoints"), key=lambda item: str(item["metadata"]["name"])):
            standing.setdefault(_owner(each), []).append(each)
        for policy in self._objects("policies"):
            self._match(policy, policy_endpoints(policy, cluster), standing.pop(policy["metadata"]["uid"], []))
        for left in standing.values():
            for each in left:
                self.api.request("DELETE", _path(each))

    def _objects(self, name: str) -> list[Object]:
        return self._lists[name].objects()

    def _match(self, policy: Object, wanted: list[dict[str, Any]], standing: list[Object]) -> None:
        for number, spec in enumerate(wanted):
            if number >= len(standing):
                self._create(policy, spec)
            elif _written(standing[number]["spec"]) != _written(spec):
                self.api.request("PUT", _path(standing[number]), {**standing[number], "spec": spec})
        for each in standing[len(wanted) :]:
            self.api.request("DELETE", _path(each))

    def _create(self, policy: Object, spec: dict[str, Any]) -> None:
        metadata = policy["metadata"]
        owner = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        # The agent stops working at a name without a dash.
        described = {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "ownerReferences": [owner],
        }
        path = f"{GROUP}/namespaces/{metadata['namespace']}/policyendpoints"
        kind = {"apiVersion": GROUP.removeprefix("/apis/"), "kind": "PolicyEndpoint"}
        made = self.api.request("POST", path, {**kind, "metadata": described, "spec": spec})
        self._lists["endpoints"].remember(made)  # or the next round, before the watch tells, makes it again


def _owner(endpoint: Object) -> str:
    references = endpoint["metadata"].get("ownerReferences") or [{}]
    return str(references[0].get("uid", ""))


def _path(endpoint: Object) -> str:
    metadata = endpoint["metadata"]
    return f"{GROUP}/namespaces/{metadata['namespace']}/policyendpoints/{metadata['name']}"


def _written(spec: Object) -> str:
    """Return a spec in one form; the server leaves out what is empty."""
    return json.dumps({key: value for key, value in spec.items() if value}, sort_keys=True)
