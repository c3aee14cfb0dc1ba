"""Policies of other APIs in a cluster, and the labels by which they select namespaces.

An API that the cluster does not have holds no policy. A list that this identity may not read is named.
"""

from collections.abc import Iterator, Mapping

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP
from flash_ticket.firewall.change.overruling import OtherPolicy, Others
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi, Reach
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.kubernetes_cluster import ForbiddenError, KubernetesCluster


def read_others(cluster: KubernetesCluster, namespace: str, labels: Mapping[str, str]) -> Others:
    """Return the policies of other APIs that can concern a namespace.

    Args:
        cluster: The stack's cluster.
        namespace: The firewalled namespace.
        labels: Its labels.

    Raises:
        InputError: The cluster does not answer.
    """
    unread: list[InputError] = []
    policies = tuple(_policies(cluster, namespace, unread))
    namespaces = {namespace: labels}
    if any(policy.api.group == GROUP for policy in policies):
        try:
            for found in cluster.objects("/api/v1/namespaces"):
                namespaces[found["metadata"]["name"]] = found["metadata"].get("labels") or {}
        except ForbiddenError as error:
            unread.append(error)
    return Others(policies, namespaces, tuple(unread))


def list_of(api: OverrulingApi, namespace: str) -> tuple[str, str]:
    """Return the version of an API, and the path of the list of its policies that can concern a namespace."""
    within = f"namespaces/{namespace}/" if api.reach is Reach.NAMESPACE else ""
    return f"{api.group}/{api.version}", f"{within}{api.plural}"


def _policies(cluster: KubernetesCluster, namespace: str, unread: list[InputError]) -> Iterator[OtherPolicy]:
    seen: set[tuple[str, str]] = set()
    for api in OVERRULING_APIS:
        try:
            listed = cluster.listed_if_known(*list_of(api, namespace))
        except ForbiddenError as error:
            unread.append(error)
            continue
        for found in listed:
            # A policy is there once more in another version, and in the other API of Calico.
            key = (f"{api.group.removeprefix('crd.')} {api.kind}", found["metadata"]["name"])
            if key not in seen:
                seen.add(key)
                yield OtherPolicy(api, found)
