"""The requests that the node's parts of the lab make of its API server."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab.kubernetes_api.rest import KubernetesEndpoint, list_path

Object = dict[str, Any]

_SECONDS = 30.0
_AGAIN_SECONDS = 0.2
_WATCH_SECONDS = 20
_FINE = 200
_GONE = 404
_REFUSED = 400


class ApiError(Exception):
    """The API server refuses a request; says which and why.

    Attributes:
        code: The HTTP status.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Api:
    """An API server on the lab's network.

    Attributes:
        endpoint: Its address and the credentials of a client.
    """

    endpoint: KubernetesEndpoint

    @classmethod
    def of(cls, kubeconfig: Path) -> "Api":
        """Return the API server of a kubeconfig file that the lab has written."""
        content = yaml.safe_load(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        return cls(KubernetesEndpoint(cluster["server"], user["token"], Path(cluster["certificate-authority"])))

    def apply(self, manifest: Mapping[str, Any]) -> Object:
        """Create an object, or make it as the manifest says; fields that others own stay."""
        path = f"{self._path(manifest)}?fieldManager=lab&force=true"
        return self.request("PATCH", path, manifest, "application/apply-patch+yaml")

    def delete(self, manifest: Mapping[str, Any]) -> None:
        """Delete an object at once; one that is not there is deleted already."""
        try:
            self.request("DELETE", f"{self._path(manifest)}?gracePeriodSeconds=0")
        except ApiError as error:
            if error.code != _GONE:
                raise

    def items(self, path: str) -> list[Object]:
        """Return the objects of a list, such as ``/api/v1/pods``."""
        return list(self.request("GET", path).get("items", ()))

    def is_healthy(self) -> bool:
        """Return whether the server says that it is ready, after all of its own first steps."""
        connection = self._connect()
        try:
            return self._send(connection, "GET", "/readyz", None, "text/plain").status == _FINE
        finally:
            connection.close()

    def request(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Object:
        """Send one request and return what is answered.

        Raises:
            ApiError: The server refuses.
            OSError: It does not answer.
        """
        connection = self._connect()
        try:
            answer = self._send(connection, method, path, body, kind)
            return dict(json.loads(answer.read()))
        finally:
            connection.close()

    def watch(self, path: str, version: str) -> Iterator[Object]:
        """Yield the events of a list from a version on, until the server ends it."""
        query = f"watch=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        connection = self._connect()
        try:
            answer = self._send(connection, "GET", f"{path}?{query}", None, "")
            while line := answer.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.endpoint.authority))
        where = urlsplit(self.endpoint.url)
        return http.client.HTTPSConnection(where.hostname or "", where.port, timeout=_SECONDS, context=context)

    def _send(
        self, connection: http.client.HTTPSConnection, method: str, path: str, body: object, kind: str
    ) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self.endpoint.token}", "Content-Type": kind, "Accept": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status >= _REFUSED:
            said = answer.read().decode(errors="replace")[:500]
            raise ApiError(answer.status, f"{method} {path}: {answer.status} {said}")
        return answer

    @staticmethod
    def _path(manifest: Mapping[str, Any]) -> str:
        return f"{list_path(manifest)}/{manifest['metadata']['name']}"


@dataclass(slots=True)
class Watched:
    """The objects of one list, kept true by a thread of its own.

    Attributes:
        path: Such as ``/api/v1/pods``.
        changed: Called after every change.
    """

    api: Api
    path: str
    changed: Callable[[], None]
    _objects: dict[str, Object] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _filled: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin, and return when the list is there."""
        threading.Thread(target=self._run, daemon=True).start()
        self._filled.wait()

    def objects(self) -> list[Object]:
        """Return the objects as they are now."""
        with self._lock:
            return list(self._objects.values())

    def remember(self, written: Object) -> None:
        """Add an object that was just written, before the server reports it."""
        with self._lock:
            self._objects.setdefault(written["metadata"]["uid"], written)

    def _run(self) -> None:
        while True:
            try:
                self._follow()
            except (OSError, http.client.HTTPException, ApiError, ValueError):
                time.sleep(_AGAIN_SECONDS)  # the server is away, or has forgotten the version: list again

    def _follow(self) -> None:
        found = self.api.request("GET", self.path)
        with self._lock:
            self._objects = {each["metadata"]["uid"]: each for each in found.get("items", ())}
        self._filled.set()
        self.changed()
        for event in self.api.watch(self.path, found["metadata"]["resourceVersion"]):
            if event["type"] == "ERROR":
                return
            with self._lock:
                if event["type"] == "DELETED":
                    self._objects.pop(event["object"]["metadata"]["uid"], None)
                else:
                    self._objects[event["object"]["metadata"]["uid"]] = event["object"]
            self.changed()
