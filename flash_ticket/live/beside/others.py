"""Policies of other APIs in a cluster, and the labels that they select namespaces by.

An API that the cluster does not have holds no policy. A list that this identity may not read is named.
"""

from collections.abc import Iterable, Iterator, Mapping

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP
from flash_ticket.firewall.change.deployed import identity
from flash_ticket.firewall.change.overruling import OtherPolicy, Others
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi, Reach
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.kubernetes_cluster import ForbiddenError, KubernetesCluster


def read_others(cluster: KubernetesCluster, ours: Mapping[str, Mapping[str, str]]) -> Others:
    """Return the policies of other APIs that can concern our namespaces.

    Args:
        cluster: The stack's cluster.
        ours: The labels of each firewalled namespace.

    Raises:
        InputError: The cluster does not answer.
    """
    unread: list[InputError] = []
    policies = tuple(_policies(cluster, ours, unread))
    namespaces = dict(ours)
    if any(policy.api.group == GROUP for policy in policies):
        try:
            for found in cluster.objects("/api/v1/namespaces"):
                namespaces[found["metadata"]["name"]] = found["metadata"].get("labels") or {}
        except ForbiddenError as error:
            unread.append(error)
    return Others(policies, namespaces, tuple(unread))


def lists_of(api: OverrulingApi, namespaces: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the version of an API and the path of a list, for each list of its policies that can concern namespaces."""
    within = (f"namespaces/{each}/" for each in namespaces) if api.reach is Reach.NAMESPACE else ("",)
    yield from ((f"{api.group}/{api.version}", f"{each}{api.plural}") for each in within)


def _policies(cluster: KubernetesCluster, namespaces: Iterable[str], unread: list[InputError]) -> Iterator[OtherPolicy]:
    seen: set[tuple[str, str | None, str]] = set()
    every = tuple(namespaces)
    asked = ((each, *found) for each in OVERRULING_APIS for found in lists_of(each, every))
    for api, version, path in asked:
        try:
            listed = cluster.listed_if_known(version, path)
        except ForbiddenError as error:
            unread.append(error)
            continue
        for found in listed:
            # A policy is there once more in another version, and in the other API of Calico.
            key = (f"{api.group.removeprefix('crd.')} {api.kind}", *identity(found))
            if key not in seen:
                seen.add(key)
                yield OtherPolicy(api, found)
