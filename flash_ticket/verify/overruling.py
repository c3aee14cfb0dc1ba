"""Policies of other APIs than NetworkPolicy that may decide about the same pods: each cluster has some of these APIs.

Sources: Network Policy API (policy.networking.k8s.io): Admin policies come before NetworkPolicies, Baseline policies
apply only to pods that no NetworkPolicy selects. Cilium documentation, "Layer 3 Policies" and "Deny Policies": allow
rules add up, deny rules come first. Calico documentation, "NetworkPolicy" and "GlobalNetworkPolicy": in their order.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP
from flash_ticket.firewall.analyse.label_selector import read_selector
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi
from flash_ticket.verify.finding import Finding, FindingKind

_DECIDING = {"Accept", "Allow", "Deny"}


@dataclass(frozen=True, slots=True)
class OtherPolicy:
    """A policy of one of these APIs, as the API server returns it."""

    api: OverrulingApi
    object: Described

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def spec(self) -> Described:
        """Its specification; empty if it has none."""
        found: Described = self.object.get("spec") or {}
        return found


def overruling(policies: Iterable[OtherPolicy], namespace_labels: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the policies that may decide about pods of the namespace with these labels.

    Raises:
        InputError: A policy has a selector that cannot be read.
    """
    for policy in policies:
        if policy.api.group == GROUP:
            if _may_select(policy, namespace_labels) and _comes_first(policy):
                yield _finding(policy.api, policy.name, f"it can {_verbs(policy)} before any NetworkPolicy does")
        elif policy.api.group == "cilium.io":
            yield _finding(
                policy.api,
                policy.name,
                "what it allows is added to our policies, and what it denies takes precedence over them",
            )
        else:
            yield _finding(policy.api, policy.name, "Calico applies it in its order, before or after our policies")


def perhaps_overruling(names: Iterable[str]) -> Iterator[Finding]:
    """Yield the ClusterNetworkPolicies of a saved inventory, which contains only their names."""
    for name in names:
        yield _finding(OVERRULING_APIS[0], name, "it may decide before any NetworkPolicy does")


def _finding(api: OverrulingApi, name: str, what: str) -> Finding:
    read = f"kubectl get {api.plural}.{api.group} {name} --output yaml"
    return Finding(
        f"{api.kind}.{api.group} {name}",
        what,
        "neither the proof nor this verification covers what it decides",
        f"Read it: {read}; remove it if it opens or cuts anything against the declaration",
        FindingKind.OVERRULING,
    )


def _may_select(policy: OtherPolicy, namespace_labels: Mapping[str, str]) -> bool:
    """Return whether the subject selects the namespace; its pod selector may match some of the pods there."""
    subject: Described = policy.spec.get("subject") or {}
    place = FieldPath("Kubernetes", f"{policy.api.kind} {policy.name}")
    if "pods" in subject:
        chosen, path = (subject["pods"] or {}).get("namespaceSelector"), "spec.subject.pods.namespaceSelector"
    else:
        # v1alpha2 has the selector itself here; a missing one selects all namespaces.
        chosen, path = subject.get("namespaces"), "spec.subject.namespaces"
    return read_selector(chosen, path, place).matches(namespace_labels)


def _comes_first(policy: OtherPolicy) -> bool:
    """Return whether it decides before a NetworkPolicy; a Baseline policy does not: default-deny selects all pods."""
    return policy.spec.get("tier", "Admin") == "Admin" and bool(_actions(policy))


def _verbs(policy: OtherPolicy) -> str:
    return " and ".join(sorted({action.lower() for action in _actions(policy)}))


def _actions(policy: OtherPolicy) -> set[str]:
    rules = [rule for direction in ("ingress", "egress") for rule in policy.spec.get(direction) or ()]
    return {str(rule.get("action")) for rule in rules} & _DECIDING
