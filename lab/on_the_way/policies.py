"""The NetworkPolicies of a namespace, and when each write reached them."""

import http.client
import threading
import time
from dataclasses import dataclass, field

from lab.node.api import Api, ApiError, Object

_PATH = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
_AGAIN_SECONDS = 0.2
_KIND = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}

Policies = tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """One write.

    Attributes:
        at: When the API server reported it, on the monotonic clock.
        policies: All that stand after it.
    """

    at: float
    policies: Policies


@dataclass(slots=True)
class PolicyWatch:
    """Watches the policies of a namespace, in a thread of its own."""

    api: Api
    namespace: str
    _standing: dict[str, Object] = field(default_factory=dict)
    _writes: list[Written] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin."""
        path = _PATH.format(self.namespace)
        found = self.api.request("GET", path)
        self._standing = {each["metadata"]["name"]: {**_KIND, **each} for each in found["items"]}
        threading.Thread(target=self._run, args=(path, found["metadata"]["resourceVersion"]), daemon=True).start()

    def standing(self) -> Policies:
        """Return the policies of now."""
        with self._lock:
            return tuple(self._standing.values())

    def take(self) -> list[Written]:
        """Return the writes since the last call, in their order."""
        with self._lock:
            writes, self._writes = self._writes, []
        return writes

    def _run(self, path: str, version: str) -> None:
        while True:
            try:
                for event in self.api.watch(path, version):
                    version = self._see(event)
            except (OSError, http.client.HTTPException, ApiError, ValueError):
                time.sleep(_AGAIN_SECONDS)

    def _see(self, event: Object) -> str:
        now = time.monotonic()
        metadata = event["object"]["metadata"]
        with self._lock:
            if event["type"] == "DELETED":
                self._standing.pop(metadata["name"], None)
            else:
                self._standing[metadata["name"]] = event["object"]
            self._writes.append(Written(now, tuple(self._standing.values())))
        return str(metadata["resourceVersion"])
