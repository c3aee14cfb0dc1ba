"""An API server with a kubelet in a few lines: commands for a pod run in a shell on this machine.

It implements the protocol for running a command (Kubernetes API, pods/exec: WebSocket, v5.channel.k8s.io) and for
adding a container to a pod (pods/ephemeralcontainers).
"""

import base64
import hashlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from tests.support.clouds.api_server import connected, serving

_STDOUT, _STATUS = 1, 3
_TEXT, _CLOSE = 0x81, 0x88
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""


@dataclass(frozen=True, slots=True)
class Kubelet:
    """Its requests and its behaviour.

    Attributes:
        refused: The answer to an exec instead of running it: an HTTP status and a message.
        waiting: Why an added container does not start; empty if it starts.
        executed: The container and command of each exec.
        added: The containers that were added.
    """

    refused: tuple[int, str] | None = None
    waiting: str = ""
    executed: list[tuple[str, list[str]]] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def serve(self) -> Iterator[KubernetesCluster]:
        """Serve until the block ends, and yield the cluster as the program connects to it."""

        class Handler(_Handler):
            kubelet = self

        with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
            yield connected(url, token="lab")  # noqa: S106 - any token works

    def pod(self) -> dict[str, Any]:
        """Return the pod with its added containers."""
        state: dict[str, Any] = {"terminated": {"exitCode": 0}}
        if self.waiting:
            state = {"waiting": {"reason": self.waiting}}
        return {
            "metadata": {"name": "api-0"},
            "spec": {"containers": [{"name": "main"}], "ephemeralContainers": self.added},
            "status": {
                "ephemeralContainerStatuses": [
                    {
                        "name": each["name"],
                        "image": "i",
                        "imageID": "i",
                        "ready": False,
                        "restartCount": 0,
                        "state": state,
                    }
                    for each in self.added
                ]
            },
        }


class _Handler(BaseHTTPRequestHandler):
    kubelet: Kubelet
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = parse_qs(split.query)
        if split.path.endswith("/exec"):
            self._exec(query)
        elif split.path.endswith("/log"):
            (container,) = [each for each in self.kubelet.added if each["name"] == query["container"][0]]
            self._answer(200, _run(container["command"]).stdout, "text/plain")
        else:
            self._answer(200, json.dumps(self.kubelet.pod()).encode())

    def do_PATCH(self) -> None:
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/strategic-merge-patch+json"
        self.kubelet.added.extend(patch["spec"]["ephemeralContainers"])
        self._answer(200, json.dumps(self.kubelet.pod()).encode())

    def _exec(self, query: dict[str, list[str]]) -> None:
        assert self.headers["Authorization"] == "Bearer lab"
        if self.kubelet.refused:
            code, message = self.kubelet.refused
            self._answer(code, json.dumps({"kind": "Status", "code": code, "message": message}).encode())
            return
        self.kubelet.executed.append((query["container"][0], query["command"]))
        key = base64.b64encode(hashlib.sha1(f"{self.headers['Sec-WebSocket-Key']}{_MAGIC}".encode()).digest())  # noqa: S324 - RFC 6455
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", key.decode())
        self.send_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
        self.end_headers()
        ran = _run(query["command"])
        status = {"status": "Success"} if ran.returncode == 0 else {"status": "Failure", "message": "exit code"}
        for line in ran.stdout.splitlines(keepends=True):
            self._frame(_TEXT, bytes([_STDOUT]) + line)
        self._frame(_TEXT, bytes([_STATUS]) + json.dumps(status).encode())
        self._frame(_CLOSE, b"\x03\xe8")
        self.close_connection = True

    def _frame(self, head: int, payload: bytes) -> None:
        self.wfile.write(bytes([head, len(payload)]) + payload)

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - the probe's command
