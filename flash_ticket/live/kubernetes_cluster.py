"""The cluster of a stack, asked for what the program must know before it declares anything."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from flash_ticket.firewall.terms.input_error import InputError

_TIMEOUT = (4, 10)
"""Seconds to connect and to read: a missing cluster is an error within 30 seconds."""

_MISSING = {"PATCH": ("ask what a change of it would do", "patch"), "POST": ("ask it", "create")}
_WHO = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
_WARNING = re.compile(r'\b299 - "((?:[^"\\]|\\.)*)"')
"""Warnings of the API server (RFC 7234, 5.5; Kubernetes API reference): a code, no agent, and a quoted text."""

_PAGE = 500
"""Objects a page, as kubectl asks for them."""


@dataclass(frozen=True, slots=True)
class KubernetesCluster:
    """One cluster. Every question may raise InputError: unreachable, not signed in, a right that is missing."""

    api: client.ApiClient
    name: str

    @staticmethod
    def connect(kubeconfig: str | None, context: str | None) -> "KubernetesCluster":
        """Return the cluster; nothing is asked of it yet.

        Args:
            kubeconfig: A path or the file's content; None for KUBECONFIG or ``~/.kube/config``.
            context: A context of that file; None for its current one.

        Raises:
            InputError: There is no such file or context, or it is not understood.
        """
        try:
            if kubeconfig and "\n" in kubeconfig:
                api = config.new_client_from_config_dict(  # type: ignore[no-untyped-call]
                    yaml.safe_load(kubeconfig), context=context
                )
            else:
                api = config.new_client_from_config(  # type: ignore[no-untyped-call]
                    config_file=kubeconfig, context=context
                )
        except (config.ConfigException, yaml.YAMLError, TypeError, ValueError) as error:
            problem = " ".join(str(error).split()).rstrip(".")
            remedy = "Set KUBECONFIG (aws eks update-kubeconfig), kubernetes:kubeconfig or kubernetes:context"
            raise InputError("Kubernetes", "kubeconfig", problem, remedy) from None
        api.configuration.retries = 1
        return KubernetesCluster(client.ApiClient(api.configuration), context or "the current context")

    def require_namespace(self, name: str) -> Mapping[str, str]:
        """Return the labels of the namespace, which has to be there and to stay.

        Raises:
            InputError: It is absent or being deleted.
        """
        found = self._get(f"/api/v1/namespaces/{name}")
        if found is None:
            raise InputError(
                "traffic.yaml",
                "namespace",
                f"{self.api.configuration.host} has no namespace {name}, and this program never makes one",
                f"Run kubectl create namespace {name}, or correct the name",
            )
        if found["metadata"].get("deletionTimestamp"):
            raise InputError("traffic.yaml", "namespace", f"{name} is being deleted", "Wait, and create it again")
        labels: Mapping[str, str] = found["metadata"].get("labels") or {}
        return labels

    def attachments(self, namespace: str) -> Sequence[dict[str, Any]]:
        """Return the SecurityGroupPolicies of a namespace; none where the cluster does not know the resource."""
        return self.listed_if_known("vpcresources.k8s.aws/v1beta1", f"namespaces/{namespace}/securitygrouppolicies")

    def network_policies(self, namespace: str) -> Sequence[dict[str, Any]]:
        """Return the NetworkPolicies of a namespace."""
        kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        found = self._list(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies")
        return [{**kind, **policy} for policy in found]

    def cluster_network_policies(self) -> Sequence[str]:
        """Return the names of the ClusterNetworkPolicies; none where the cluster does not know the resource."""
        found = self.listed_if_known("policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies")
        return sorted(policy["metadata"]["name"] for policy in found)

    def objects(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a list of the API, such as ``/api/v1/pods``, by pages: of many no more is held at once.

        Needs the right to list them. The API server forgets after five minutes or more where a listing was (API
        reference, "continue"); it then says 410 and is to be asked anew.
        """
        token = ""
        while True:
            page = self._get(path, limit=_PAGE, **({"continue": token} if token else {}))
            if page is None:
                raise self._refused("GET", path, HTTPStatus.NOT_FOUND, "Not Found")
            yield from page.get("items", ())
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return

    def listed_if_known(self, version: str, path: str) -> Sequence[dict[str, Any]]:
        """Return the objects of a list; none where the cluster does not know the API or the kind.

        Args:
            version: Of the API with its group: ``cilium.io/v2``.
            path: Of the list below it: ``ciliumclusterwidenetworkpolicies``, ``namespaces/shop/...``.
        """
        # Every identity may ask what is known; one with few rights is refused a list that is not known.
        return self._list(f"/apis/{version}/{path}") if self._get(f"/apis/{version}") else []

    def whoami(self) -> tuple[str, tuple[str, ...]]:
        """Return the user name and the groups by which the API server knows us."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        user = json.loads(self._answered("POST", path, _WHO)[0])["status"]["userInfo"]
        return str(user["username"]), tuple(user.get("groups", ()))

    def label_warnings(self, namespace: str, labels: Mapping[str, str]) -> Sequence[str]:
        """Return what the API server would warn of if a namespace had labels; nothing is changed."""
        content = {"metadata": {"labels": dict(labels)}}
        _, warning = self._answered("PATCH", f"/api/v1/namespaces/{namespace}", content, dryRun="All")
        return [found.replace('\\"', '"') for found in _WARNING.findall(warning)]

    def _list(self, path: str) -> list[dict[str, Any]]:
        return list((self._get(path) or {}).get("items", ()))

    def _answered(self, method: str, path: str, content: dict[str, Any], **query: str) -> tuple[bytes, str]:
        """Return the answer to a question that is put as a write, and the warnings that come with it."""
        response = self._response(method, path, content, **query)
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._refused(method, path, response.status, response.reason)
        return response.data, ", ".join(response.getheaders().getlist("Warning"))

    def _get(self, path: str, **query: str | int) -> dict[str, Any] | None:
        """Return the object at a path of the API, None if there is none."""
        response = self._response("GET", path, None, **query)
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        if response.status != HTTPStatus.OK:
            raise self._refused("GET", path, response.status, response.reason)
        try:
            found: dict[str, Any] = json.loads(response.data)
        except ValueError:
            problem = f"{self.api.configuration.host} answers, but not as a Kubernetes API"
            raise InputError("Kubernetes", "API server", problem, "Correct the server in the kubeconfig") from None
        return found

    def _response(self, method: str, path: str, content: dict[str, Any] | None, **query: str | int) -> Any:  # noqa: ANN401 - the client is generated without types
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = self.api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Content-Type": kind} if content else {},
            body=content,
            auth_settings=["BearerToken"],
        )
        try:
            response: Any = self.api.call_api(*request, _request_timeout=_TIMEOUT)
            response.read()
        except ApiException as error:
            raise self._refused(method, path, error.status, error.reason) from None
        except (HTTPError, OSError) as error:
            problem = f"{self.api.configuration.host} cannot be reached ({_cause(error)})"
            raise InputError("Kubernetes", "API server", problem, "Check the network and the kubeconfig") from None
        return response

    def _refused(self, method: str, path: str, status: int | None, reason: str | None) -> InputError:
        if status == HTTPStatus.UNAUTHORIZED:
            return InputError("Kubernetes", "credentials", "the API server refuses them", "Sign in again")
        if status == HTTPStatus.FORBIDDEN:
            problem, right = _MISSING.get(method, ("read it", "get and list"))
            return InputError("Kubernetes", path, f"this identity may not {problem}", f"Grant {right} on it")
        return InputError("Kubernetes", path, f"the API server answers {status} {reason}", "Try again")


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason).rpartition(": ")[2].rstrip(".")
