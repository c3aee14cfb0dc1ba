"""A cluster as its manifests declare it: everything that decides reachability."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP, AdminPolicy, in_order
from flash_ticket.firewall.analyse.admin.reading import read_admin_policy
from flash_ticket.firewall.analyse.manifests import fields as field
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.analyse.manifests.manifest import Manifest
from flash_ticket.firewall.analyse.policy import PodPeer, Policy, read_policy
from flash_ticket.firewall.analyse.service import Backend, SelectingService, read_ingress, read_route, read_service
from flash_ticket.firewall.analyse.workload import (
    ADDED_LABELS,
    TEMPLATE_PATHS,
    Workload,
    of_job,
    read_workload,
    replica,
    replicas,
)
from flash_ticket.firewall.terms.input_error import escaped

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server sets on each namespace (Kubernetes documentation, well-known labels)."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
"""Wider than the API server's DNS names, which have no capitals, but without characters that need escaping."""

_WORKLOADS = {
    "": {"Pod", "ReplicationController"},
    "apps": {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"},
    "extensions": {"Deployment", "ReplicaSet", "DaemonSet"},
    "batch": {"Job", "CronJob"},
}
_POLICIES = {"networking.k8s.io": {"NetworkPolicy"}, "extensions": {"NetworkPolicy"}}
_INGRESSES = {"networking.k8s.io": {"Ingress"}}
_ROUTES = {"route.openshift.io": {"Route"}, "": {"Route"}}
_OVERRULING = {
    "cilium.io",
    "crd.projectcalico.org",
    "projectcalico.org",
    "crd.antrea.io",
    "k8s.cni.cncf.io",
    "networking.k8s.aws",
}


_MOST_REPLICAS = 1000


@dataclass(frozen=True, slots=True)
class Note:
    """A remark about something in the manifests that the result does not show.

    Attributes:
        source: The file.
        about: The object: ``ConfigMap shop/settings``.
        says: The remark.
    """

    source: str
    about: str
    says: str

    def __str__(self) -> str:
        """Return one line, with control and invisible characters escaped."""
        return escaped(f"{self.source}: {self.about}: {self.says}")


@dataclass(frozen=True, slots=True)
class AnalysedCluster:
    """Everything that decides reachability, in an order that does not depend on the order of the manifests.

    Attributes:
        namespaces: The labels of each declared or used namespace; each has ``kubernetes.io/metadata.name``.
        workloads: Sorted by their words, then by pod.
        policies: Sorted by namespace and name.
        services: Sorted by namespace and name.
        backends: What Ingresses and Routes point to.
        notes: What the reader ignored, for the caller to show.
        admin_policies: Policies of administrators, by their precedence.
    """

    namespaces: Mapping[str, Mapping[str, str]]
    workloads: tuple[Workload, ...]
    policies: tuple[Policy, ...]
    services: tuple[SelectingService, ...] = ()
    backends: tuple[Backend, ...] = ()
    notes: tuple[Note, ...] = ()
    admin_policies: tuple[AdminPolicy, ...] = ()


def cluster_from(objects: Iterable[Mapping[str, object]], source: str = "memory") -> AnalysedCluster:
    """Return the cluster that objects in memory declare.

    Args:
        objects: Kubernetes objects as plain dictionaries, as in a manifest.
        source: The name of their source in errors and rule references.

    Raises:
        InputError: An object is invalid or appears twice.
    """
    return cluster_of(Manifest(source, f"object {index}", dict(body)) for index, body in enumerate(objects))


def cluster_of(manifests: Iterable[Manifest]) -> AnalysedCluster:
    """Return the cluster that manifests declare.

    Raises:
        InputError: An object is invalid or appears twice.
    """
    reading = _ManifestReader()
    for manifest in manifests:
        reading.take(manifest)
    return reading.result()


class _ManifestReader:
    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], str] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._workloads: list[Workload] = []
        self._replicas: dict[Workload, range] = {}
        self._policies: list[Policy] = []
        self._admin_policies: list[AdminPolicy] = []
        self._services: list[SelectingService] = []
        self._backends: set[Backend] = set()
        self._notes: list[Note] = []

    def take(self, manifest: Manifest) -> None:
        body = manifest.body
        whole = FieldPath(manifest.source, manifest.place or "the document")
        kind = body.get("kind")
        if not isinstance(kind, str) or not kind:
            self._notes.append(Note(manifest.source, whole.object, "not a Kubernetes object (it has no kind); ignored"))
            return
        group = _group(body, kind, whole)
        metadata = field.mapping(body.get("metadata"), "metadata", whole)
        name = metadata.get("name")
        namespace = metadata.get("namespace")
        if namespace is None or namespace == "":
            namespace = "default"
        about = f"{kind} {namespace}/{name}"
        is_cluster_wide = group == GROUP and "Policy" in kind
        if is_cluster_wide:
            about = f"{kind} {name}"
        elif not self._is_known(group, kind):
            overrules = group in _OVERRULING and "Policy" in kind
            says = "it may overrule NetworkPolicies and is" if overrules else "this kind is"
            self._notes.append(Note(manifest.source, about, f"{says} ignored"))
            return
        found = _names(name, namespace, kind, whole)
        if is_cluster_wide:
            self._once(kind, "", found.name, whole)
            self._admin_policies.append(read_admin_policy(body, found.name, FieldPath(manifest.source, about)))
            return
        self._once(kind, found.namespace, found.name, whole)
        self._read(body, kind, found.namespace, found.name, FieldPath(manifest.source, about))

    @staticmethod
    def _is_known(group: str, kind: str) -> bool:
        if group == "" and kind in ("Namespace", "Service"):
            return True
        return any(kind in kinds.get(group, ()) for kinds in (_WORKLOADS, _POLICIES, _INGRESSES, _ROUTES))

    def _once(self, kind: str, namespace: str, name: str, place: FieldPath) -> None:
        at = f"{place.source} {place.object}"
        key = (kind, "" if kind == "Namespace" else namespace, name)
        first = self._seen.setdefault(key, at)
        if first is not at:
            about = f"{namespace}/{name}" if namespace else name
            place.fail("", f"{kind} {about} is already in {first}", "Keep one of the two")

    def _read(self, body: Mapping[str, object], kind: str, namespace: str, name: str, place: FieldPath) -> None:
        if kind == "NetworkPolicy":
            self._policies.append(read_policy(body, namespace, name, place))
        elif kind == "Pod" or kind in TEMPLATE_PATHS:
            workload = read_workload(body, namespace, name, place)
            if kind == "StatefulSet":
                self._replicas[workload] = replicas(body, place)
            self._workloads.append(workload)
        elif kind == "Namespace":
            metadata = field.mapping(body.get("metadata"), "metadata", place)
            self._namespaces[name] = field.strings(metadata.get("labels"), "metadata.labels", place)
        elif kind == "Service":
            self._services.append(read_service(body, namespace, name, place))
        elif kind == "Ingress":
            self._backends.update(read_ingress(body, namespace, place))
        else:
            self._backends.update(read_route(body, namespace, place))

    def _selects_added_labels(self) -> bool:
        """Return whether a policy or a Service selects pods by a label that a controller adds."""
        selectors = [each.pods for each in self._policies]
        for admin in self._admin_policies:
            selectors += [each.pods for each in admin.pod_peers()]
        selectors += [each.pods for each in self._services if each.pods is not None]
        for policy in self._policies:
            entries = (entry for rules in policy.rules.values() for entry in rules)
            selectors += [peer.pods for entry in entries for peer in entry.peers or () if isinstance(peer, PodPeer)]
        return any(each.key in ADDED_LABELS for selector in selectors for each in selector.requirements)

    def _pods_of(self, workload: Workload) -> Iterator[Workload]:
        ordinals = self._replicas.get(workload)
        if not ordinals:
            yield of_job(workload) if workload.kind == "Job" else workload
            return
        if len(ordinals) > _MOST_REPLICAS:
            says = f"policies tell its pods apart, and only the first {_MOST_REPLICAS:,} are looked at"
            self._notes.append(Note("replicas", str(workload), says))
        for ordinal in ordinals[:_MOST_REPLICAS]:
            yield replica(workload, ordinal)

    def result(self) -> AnalysedCluster:
        if self._selects_added_labels():
            self._workloads = [each for workload in self._workloads for each in self._pods_of(workload)]
        used = {workload.namespace for workload in self._workloads} | set(self._namespaces)
        return AnalysedCluster(
            {name: {**self._namespaces.get(name, {}), NAME_LABEL: name} for name in sorted(used)},
            tuple(sorted(self._workloads, key=lambda workload: (str(workload), workload.pod))),
            tuple(sorted(self._policies, key=lambda policy: (policy.namespace, policy.name))),
            tuple(sorted(self._services, key=lambda service: (service.namespace, service.name))),
            tuple(sorted(self._backends, key=repr)),
            tuple(sorted(self._notes, key=str)),
            tuple(sorted(self._admin_policies, key=in_order)),
        )


class _Named(NamedTuple):
    namespace: str
    name: str


def _names(name: object, namespace: object, kind: str, whole: FieldPath) -> _Named:
    """Return the names of an object.

    Raises:
        InputError: One of them is not a name.
    """
    for key, value in (("name", name), ("namespace", namespace)):
        if value is not None and not isinstance(value, str):
            written = field.shown(value)
            whole.fail(f"metadata.{key}", f"{written} is not text, as YAML reads it", "Put it in quotes")
    if not isinstance(name, str) or not isinstance(namespace, str) or not name:
        whole.fail("metadata.name", f"this {kind} has no name", "Give it a name")
    for key, value in (("name", name), ("namespace", namespace)):
        if not _NAME.fullmatch(value):
            whole.fail(f"metadata.{key}", f"{field.shown(value)} is not a name", "Use letters, digits, '-' and '.'")
    return _Named(namespace, name)


def _group(body: Mapping[str, object], kind: str, place: FieldPath) -> str:
    version = body.get("apiVersion")
    if version is None or version == "":
        place.fail("apiVersion", f"this {kind} has no apiVersion", "Write one, such as v1 or networking.k8s.io/v1")
    group, slash, _ = field.text(version, "apiVersion", place).rpartition("/")
    return group if slash else ""
