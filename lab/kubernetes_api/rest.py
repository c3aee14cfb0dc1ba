"""The few requests that the lab itself sends to the Kubernetes API."""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_PLURALS = {"NetworkPolicy": "networkpolicies", "SecurityGroupPolicy": "securitygrouppolicies"}
_ANSWER_SECONDS = 10.0


def list_path(manifest: Mapping[str, Any]) -> str:
    """Return the path of the list that an object belongs to, such as ``/api/v1/namespaces/shop/pods``."""
    version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{within}/{_PLURALS.get(kind, kind.lower() + 's')}"


@dataclass(frozen=True, slots=True)
class KubernetesEndpoint:
    """The address of an API server and the credentials of a client.

    Attributes:
        url: Such as ``https://127.0.0.1:6443``.
        token: A bearer token.
        authority: The certificate that verifies the server's; the server writes it at its start.
    """

    url: str
    token: str
    authority: Path

    def wait_for(self, path: str, seconds: float) -> None:
        """Wait until the server serves a path.

        Raises:
            TimeoutError: It does not within ``seconds``.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                self._request("GET", path)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > end:
                    raise TimeoutError(f"{self.url}{path} is not served after {seconds:.0f} s") from error
                time.sleep(0.05)
            else:
                return

    def create(self, manifest: dict[str, Any]) -> None:
        """Create an object; also set the ``status`` of a Pod, as a kubelet does."""
        path, metadata = list_path(manifest), manifest["metadata"]
        self._request("POST", path, manifest)
        if "status" in manifest:
            status = {"status": manifest["status"]}
            self._request("PATCH", f"{path}/{metadata['name']}/status", status, "application/merge-patch+json")

    def write_kubeconfig(self, path: Path, name: str) -> None:
        """Write a file that ``kubectl`` and the Kubernetes provider accept as ``KUBECONFIG``."""
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": "lab", "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "lab"}}],
            "current-context": name,
        }
        path.write_text(yaml.safe_dump(document))
        path.chmod(0o600)

    def _request(
        self, method: str, path: str, content: dict[str, Any] | None = None, kind: str = "application/json"
    ) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        body = json.dumps(content).encode() if content is not None else None
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310 - always https
        context = ssl.create_default_context(cafile=str(self.authority))
        # Use no proxy, even if the caller's environment names one: the server is on this machine.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(request, timeout=_ANSWER_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            error.msg = f"{method} {path}: {error.read().decode(errors='replace')[:500]}"
            raise
