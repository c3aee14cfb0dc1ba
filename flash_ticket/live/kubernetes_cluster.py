"""The cluster of a stack. It answers what the program must know before it declares anything."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from flash_ticket.firewall.compile.names.domains_layer import DomainsKind
from flash_ticket.firewall.declare.choices import EnforcingMode
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.live.asking.answers import Answers
from flash_ticket.live.stack.kubeconfig import refuse_endless_files

_TIMEOUT = (4, 10)
"""Seconds to connect and to read. A missing cluster is an error within 30 seconds."""

_MISSING = {"PATCH": ("ask what a change of it would do", "patch"), "POST": ("ask it", "create")}
_WHO = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
_WARNING = re.compile(r'\b299 - "((?:[^"\\]|\\.)*)"')
"""A warning of the API server (RFC 7234, 5.5; Kubernetes API reference): a code, no agent, and a quoted text."""

_MODE = "NETWORK_POLICY_ENFORCING_MODE"

_NAMES_ALONE = "application/json;as=Table;v=v1;g=meta.k8s.io"
"""A list as a table (Kubernetes documentation, "Receiving resources as Tables"); with includeObject=None, no object."""

_PAGE = 500
"""Objects in a page, the same number as kubectl requests."""


class ForbiddenError(InputError):
    """A right is missing: the API server answers 403."""


_MOST_SAID = 300


@dataclass(frozen=True, slots=True)
class KubernetesCluster:
    """One cluster.

    Every method that calls the cluster may raise InputError: the cluster does not answer, the user is not signed in,
    or a right is missing.

    Attributes:
        api: The client.
        name: The context of the kubeconfig, for people.
        answers: What the cluster answered; None if it asks each question again.
    """

    api: client.ApiClient
    name: str
    answers: Answers | None = None

    @staticmethod
    def connect(kubeconfig: str | None, context: str | None) -> "KubernetesCluster":
        """Return the cluster, without a call to it.

        Args:
            kubeconfig: A path, or the content of the file. None uses KUBECONFIG or ``~/.kube/config``.
            context: A context of that file. None uses its current context.

        Raises:
            InputError: The file or the context does not exist or is not valid.
        """
        is_content = bool(kubeconfig and "\n" in kubeconfig)
        refuse_endless_files(kubeconfig, context)
        try:
            if kubeconfig and is_content:
                api = config.new_client_from_config_dict(  # type: ignore[no-untyped-call]
                    yaml.safe_load(kubeconfig), context=context
                )
            else:
                api = config.new_client_from_config(  # type: ignore[no-untyped-call]
                    config_file=kubeconfig or os.environ.get("KUBECONFIG") or None, context=context
                )
        except (
            *(config.ConfigException, yaml.YAMLError, OSError, RecursionError),
            *(AttributeError, LookupError, TypeError, ValueError),
        ) as error:
            problem = " ".join(str(error).split()).rstrip(".")[:_MOST_SAID]
            if isinstance(error, RecursionError):
                problem = "the file is nested too deep"
            remedy = "Set KUBECONFIG (aws eks update-kubeconfig), kubernetes:kubeconfig or kubernetes:context"
            raise InputError("Kubernetes", "kubeconfig", problem, remedy) from None
        api.configuration.retries = 1
        return KubernetesCluster(client.ApiClient(api.configuration), context or "the current context")

    def remembering(self) -> "KubernetesCluster":
        """Return the cluster as one that is read only once: it remembers what it has read."""
        return replace(self, answers=Answers())

    def require_namespaces(self, matrix: Matrix, stack: str) -> Mapping[str, Mapping[str, str]]:
        """Return the labels of each namespace of a stack. Each must exist and must not be in deletion.

        Raises:
            InputError: A namespace is missing, or the cluster is deleting it; the error holds all of them.
        """
        found: dict[str, Mapping[str, str]] = {}
        mistakes: list[InputError] = []
        for name in matrix.namespaces_in(stack):
            there = (service.name for service in matrix.services if matrix.namespace_of(service) == name)
            key = "namespace" if name == matrix.namespace else f"services.{next(there)}.namespace"
            try:
                found[name] = self.require_namespace(name, key)
            except ForbiddenError:
                raise
            except InputError as error:
                mistakes.append(error)
        refuse_all(mistakes)
        return found

    def require_namespace(self, name: str, key: str = "namespace") -> Mapping[str, str]:
        """Return the labels of a namespace. It must exist and must not be in deletion.

        Args:
            name: The namespace.
            key: Where traffic.yaml names it.

        Raises:
            InputError: The namespace is missing, or the cluster is deleting it.
        """
        found = self._get(f"/api/v1/namespaces/{name}")
        if found is None:
            raise InputError(
                "traffic.yaml",
                key,
                f"{self.api.configuration.host} has no namespace {name}, and this program never makes one",
                f"Run kubectl create namespace {name}, or correct the name",
            )
        if found["metadata"].get("deletionTimestamp"):
            raise InputError("traffic.yaml", key, f"{name} is being deleted", "Wait, and create it again")
        labels: Mapping[str, str] = found["metadata"].get("labels") or {}
        return labels

    def attachments(self, namespace: str) -> Sequence[dict[str, Any]]:
        """Return the SecurityGroupPolicies of a namespace, or none if the cluster does not know the resource."""
        return self.listed_if_known("vpcresources.k8s.aws/v1beta1", f"namespaces/{namespace}/securitygrouppolicies")

    def network_policies(self, namespace: str) -> Sequence[dict[str, Any]]:
        """Return the NetworkPolicies of a namespace."""
        kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        found = self._list(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies")
        return [{**kind, **policy} for policy in found]

    def domains_policies(self, namespace: str, kind: DomainsKind) -> Sequence[dict[str, Any]]:
        """Return the policies for domain names of a namespace, or none if the cluster does not know the kind."""
        found = self.listed_if_known(kind.api_version, f"namespaces/{namespace}/{kind.plural}")
        return [{"apiVersion": kind.api_version, "kind": kind.kind, **policy} for policy in found]

    def enforcing_mode(self) -> tuple[EnforcingMode, ...]:
        """Return the enforcing mode that the VPC CNI runs in, or nothing if the cluster has no DaemonSet aws-node.

        This needs the right to get that DaemonSet.
        """
        found = self._get("/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node")
        if found is None:
            return ()
        containers = found["spec"]["template"]["spec"]["containers"]
        variables = [each for container in containers for each in container.get("env") or ()]
        said = {str(each.get("value")).lower() for each in variables if each.get("name") == _MODE}
        return (EnforcingMode.STRICT if EnforcingMode.STRICT.value in said else EnforcingMode.STANDARD,)

    def cilium_config(self) -> Mapping[str, str] | None:
        """Return the settings of Cilium's agents, or None if kube-system has no ConfigMap cilium-config.

        This needs the right to get that ConfigMap.
        """
        found = self._get("/api/v1/namespaces/kube-system/configmaps/cilium-config")
        return None if found is None else found.get("data") or {}

    def cluster_network_policies(self) -> Sequence[str]:
        """Return the names of the policies that can come before every NetworkPolicy, or none if there is no such API.

        A ClusterNetworkPolicy is a name, an AdminNetworkPolicy is its kind and its name.
        """
        found = self.listed_if_known("policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies")
        others = self.listed_if_known("policy.networking.k8s.io/v1alpha1", "adminnetworkpolicies")
        names = sorted(f"AdminNetworkPolicy {policy['metadata']['name']}" for policy in others)
        return [*sorted(policy["metadata"]["name"] for policy in found), *names]

    def objects(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of an API list, such as ``/api/v1/pods``. Memory holds one page at a time.

        Args:
            path: The path of the list.
            query: Parameters of the API, such as ``labelSelector``.

        This needs the right to list the objects. After five minutes or more, the API server forgets the position of
        a listing (API reference, "continue"). It then answers 410, and the caller must start again.
        """
        token = ""
        while True:
            page = self._get(path, limit=_PAGE, **query, **({"continue": token} if token else {}))
            if page is None:
                raise self._refused("GET", path, HTTPStatus.NOT_FOUND, "Not Found")
            yield from page.get("items", ())
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return

    def names(self, path: str, **query: str) -> Sequence[str]:
        """Return the names of the objects of an API list, or none if there is no such list.

        The answer is a table without the objects, so that no content of a Secret enters this process.

        Args:
            path: The path of the list.
            query: Parameters of the API, such as ``fieldSelector``.

        Raises:
            InputError: The API server answers with objects instead.
        """
        found, token = list[str](), ""
        while True:
            more = {"continue": token} if token else {}
            page = self._get(path, _NAMES_ALONE, includeObject="None", limit=_PAGE, **query, **more)
            if page is None:
                return found
            if page.get("kind") != "Table":
                raise self._refused("GET", path, HTTPStatus.OK, "without the table that was asked for")
            found += [str(row["cells"][0]) for row in page.get("rows") or ()]
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return sorted(found)

    def exists(self, path: str) -> bool:
        """Return whether there is an object at a path of the API."""
        return self._get(path) is not None

    def listed_if_known(self, version: str, path: str) -> Sequence[dict[str, Any]]:
        """Return the objects of a list, or none if the cluster does not know the API or the kind.

        Args:
            version: The group and version of the API: ``cilium.io/v2``.
            path: The path of the list below the version: ``ciliumclusterwidenetworkpolicies``, ``namespaces/shop/...``.
        """
        # Every identity may ask which APIs exist. The cluster refuses an unknown list to an identity with few rights.
        api = self._get(f"/apis/{version}")
        kinds = {each.get("name") for each in (api or {}).get("resources", ())}
        if api is None or (kinds and path.rpartition("/")[2] not in kinds):
            return []
        return self._list(f"/apis/{version}/{path}")

    def whoami(self) -> tuple[str, tuple[str, ...]]:
        """Return the user name and the groups that the API server sees for this identity."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        user = json.loads(self._answered("POST", path, _WHO)[0])["status"]["userInfo"]
        return str(user["username"]), tuple(user.get("groups", ()))

    def label_warnings(self, namespace: str, labels: Mapping[str, str]) -> Sequence[str]:
        """Return the warnings of the API server if a namespace had these labels. This changes nothing."""
        content = {"metadata": {"labels": dict(labels)}}
        _, warning = self._answered("PATCH", f"/api/v1/namespaces/{namespace}", content, dryRun="All")
        return [found.replace('\\"', '"') for found in _WARNING.findall(warning)]

    def _list(self, path: str) -> list[dict[str, Any]]:
        return list((self._get(path) or {}).get("items", ()))

    def _answered(self, method: str, path: str, content: dict[str, Any], **query: str) -> tuple[bytes, str]:
        """Return the answer to a request that has the form of a write, and the warnings that come with it."""
        response = self._response(method, path, content, **query)
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._refused(method, path, response.status, response.reason)
        return response.data, ", ".join(response.getheaders().getlist("Warning"))

    def _get(self, path: str, accepted: str = "application/json", **query: str | int) -> dict[str, Any] | None:
        """Return the object at a path of the API, or None if there is none."""
        if self.answers is None:
            return self._read(path, accepted, query)
        return self.answers.once(f"{path} {accepted} {query}", partial(self._read, path, accepted, query))

    def _read(self, path: str, accepted: str, query: Mapping[str, str | int]) -> dict[str, Any] | None:
        response = self._response("GET", path, None, accepted, **query)
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

    def _response(
        self, method: str, path: str, content: dict[str, Any] | None, accepted: str = "", **query: str | int
    ) -> Any:  # noqa: ANN401 - the client is generated without types
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = self.api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Content-Type": kind} if content else {"Accept": accepted} if accepted else {},
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
            return ForbiddenError("Kubernetes", path, f"this identity may not {problem}", f"Grant {right} on it")
        return InputError("Kubernetes", path, f"the API server answers {status} {reason}", "Try again")


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason).rpartition(": ")[2].rstrip(".")
