"""What a cluster holds that decides reachability, as the manifests that the analyzer reads."""

from collections.abc import Iterator
from typing import Any

from flash_ticket.firewall.analyse.cluster import AnalysedCluster, cluster_of
from flash_ticket.firewall.analyse.manifests.manifest import Manifest
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS
from flash_ticket.live.kubernetes_cluster import KubernetesCluster

_LISTS = (
    ("v1", "Namespace", "/api/v1/namespaces"),
    ("v1", "Pod", "/api/v1/pods"),
    ("v1", "Service", "/api/v1/services"),
    ("networking.k8s.io/v1", "NetworkPolicy", "/apis/networking.k8s.io/v1/networkpolicies"),
    ("networking.k8s.io/v1", "Ingress", "/apis/networking.k8s.io/v1/ingresses"),
)
_ENDED = {"Succeeded", "Failed"}


def read_live_cluster(cluster: KubernetesCluster) -> AnalysedCluster:
    """Return a cluster as it is now. This needs the rights to list namespaces, pods, Services, policies and Ingresses.

    Pods that have ended have no address, and are left out. Policies of administrators are judged.
    Those of network plug-ins are noted, and not judged.

    Raises:
        InputError: The cluster does not answer, a right is missing, or an object is not valid.
    """
    return cluster_of(_manifests(cluster))


def _manifests(cluster: KubernetesCluster) -> Iterator[Manifest]:
    for version, kind, path in _LISTS:
        for found in cluster.objects(path):
            if kind != "Pod" or (found.get("status") or {}).get("phase") not in _ENDED:
                yield _manifest(cluster, version, kind, found)
    seen: set[tuple[str, str, object]] = set()
    for api in OVERRULING_APIS:
        version = f"{api.group}/{api.version}"
        for found in cluster.listed_if_known(version, api.plural):
            policy = (api.group, api.kind, (found["metadata"].get("namespace"), found["metadata"]["name"]))
            if policy not in seen:  # it is there once more in another version
                seen.add(policy)
                yield _manifest(cluster, version, api.kind, found)


def _manifest(cluster: KubernetesCluster, version: str, kind: str, found: dict[str, Any]) -> Manifest:
    body = {**found, "apiVersion": version, "kind": kind}  # the items of a list have neither
    return Manifest(str(cluster.api.configuration.host), "", body)
