"""Whether policies of other APIs, and SecurityGroupPolicies of others, can reach the pods of our services.

The form of each API is in its documentation: Cilium ("Layer 3 Policies", "Endpoint selectors"), Calico
("GlobalNetworkPolicy", selectors), AWS (ApplicationNetworkPolicy, ClusterNetworkPolicy; vpc-resource-controller for
SecurityGroupPolicy). What cannot be read may reach our pods: only what is sure not to reach them is left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP
from flash_ticket.firewall.analyse.cluster import NAME_LABEL
from flash_ticket.firewall.analyse.label_selector import Selector, read_selector
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.compile.guard_rails.rights import OverrulingApi
from flash_ticket.firewall.declare.matrix import Matrix, Service
from flash_ticket.firewall.terms.input_error import InputError

Labels = Mapping[str, str]
Object = Mapping[str, Any]

_CILIUM_NAMESPACE = "io.kubernetes.pod.namespace"
_CILIUM_OF_NAMESPACE = "io.cilium.k8s.namespace.labels."
_CILIUM_SOURCES = ("k8s:", "any:", "k8s.", "any.")
_CALICO_NAMESPACE = ("projectcalico.org/namespace", "projectcalico.org/name")
_EQUAL = re.compile(r"""\s*([\w./-]+)\s*==\s*(?:"([^"]*)"|'([^']*)')\s*""")


@dataclass(frozen=True, slots=True)
class OurPods:
    """The pods of our services, as selectors see them.

    Attributes:
        namespace: One of the firewalled namespaces.
        namespace_labels: All its labels.
        services: The labels that each service finds its pods by; the pods may have more.
    """

    namespace: str
    namespace_labels: Labels
    services: tuple[Labels, ...]

    @staticmethod
    def of(matrix: Matrix, namespaces: Mapping[str, Labels]) -> tuple["OurPods", ...]:
        """Return the pods of a declaration, by their namespaces.

        Args:
            matrix: The declaration.
            namespaces: The labels of each known namespace.
        """
        return tuple(
            OurPods(
                name,
                {**namespaces.get(name, {}), NAME_LABEL: name},
                tuple(dict(service.pods) for service in matrix.services_in(name)),
            )
            for name in matrix.namespaces
        )

    def are_reached_by(self, api: OverrulingApi, spec: Object) -> bool:
        """Return whether a policy may select some of these pods.

        Args:
            api: The API of the policy.
            spec: Its specification, or one of several.
        """
        match api.group:
            case "cilium.io":
                return self._by_cilium(spec)
            case "crd.projectcalico.org" | "projectcalico.org":
                return self._by_calico(spec)
            case _ if "subject" in spec or api.group == GROUP:
                return self._by_administrators(spec)
            case _:
                return any(may_match(spec.get("podSelector"), labels) for labels in self.services)

    def _by_administrators(self, spec: Object) -> bool:
        """Return whether the subject selects the namespace; its pod selector may match some of the pods there."""
        subject = spec.get("subject") or {}
        pods = subject.get("pods") if isinstance(subject, dict) else None
        if not isinstance(subject, dict) or ("pods" in subject and not isinstance(pods, dict)):
            return True
        chosen = pods.get("namespaceSelector") if isinstance(pods, dict) else subject.get("namespaces")
        return may_match(chosen, self.namespace_labels, complete=True)

    def _by_cilium(self, spec: Object) -> bool:
        if "nodeSelector" in spec and "endpointSelector" not in spec:
            return False  # a policy for hosts
        of_namespace = {f"{_CILIUM_OF_NAMESPACE}{key}": value for key, value in self.namespace_labels.items()}
        of_namespace[_CILIUM_NAMESPACE] = self.namespace
        chosen = _without_sources(spec.get("endpointSelector"))
        return any(may_match(chosen, {**labels, **of_namespace}) for labels in self.services)

    def _by_calico(self, spec: Object) -> bool:
        names = dict.fromkeys(_CALICO_NAMESPACE, self.namespace)
        if not _may_be_equal(spec.get("namespaceSelector"), {**self.namespace_labels, **names}):
            return False
        return any(_may_be_equal(spec.get("selector"), {**labels, **names}) for labels in self.services)


def selected_services(policy: Object, services: Iterable[Service], pods: Iterable[Labels]) -> tuple[str, ...]:
    """Return the services whose pods a SecurityGroupPolicy of others may select, by their labels or service account.

    Args:
        policy: The policy, as the API server returns it.
        services: The services of its namespace.
        pods: The labels of running pods there, which have more labels than those that a service finds them by.

    Raises:
        InputError: The selector cannot be read.
    """
    spec: Object = policy.get("spec") or {}
    if "podSelector" not in spec:
        every = "serviceAccountSelector" in spec  # the labels of service accounts are not known
        return tuple(service.name for service in services if every)
    place = FieldPath("Kubernetes", f"SecurityGroupPolicy {policy['metadata']['name']}")
    selector = read_selector(spec["podSelector"], "spec.podSelector", place)
    running = tuple(pods)
    return tuple(
        service.name
        for service in services
        if any(
            selector.matches(labels)
            for labels in (dict(service.pods), *(each for each in running if set(service.pods) <= set(each.items())))
        )
    )


def may_match(raw: object, labels: Labels, *, complete: bool = False) -> bool:
    """Return whether a selector may match something with these labels; it may have more, unless they are complete."""
    try:
        selector = read_selector(raw, "selector", FieldPath("", ""))
    except InputError:
        return True
    known = selector.requirements if complete else tuple(each for each in selector.requirements if each.key in labels)
    return Selector(known).matches(labels)


def _without_sources(raw: object) -> object:
    """Return a selector of Cilium with the keys that Kubernetes has: ``k8s:app`` is ``app``."""
    if not isinstance(raw, dict):
        return raw
    found: dict[str, object] = dict(raw)
    if isinstance(raw.get("matchLabels"), dict):
        found["matchLabels"] = {_plain(key): value for key, value in raw["matchLabels"].items()}
    if isinstance(raw.get("matchExpressions"), list):
        found["matchExpressions"] = [
            {**each, "key": _plain(each.get("key"))} if isinstance(each, dict) else each
            for each in raw["matchExpressions"]
        ]
    return found


def _plain(key: object) -> str:
    written = str(key)
    return next((written.removeprefix(each) for each in _CILIUM_SOURCES if written.startswith(each)), written)


def _may_be_equal(expression: object, labels: Labels) -> bool:
    """Return whether an expression of Calico may hold. Only ``key == 'value'``, joined by ``&&``, can rule it out."""
    return all(labels.get(key, value) == value for key, value in _equalities(expression))


def _equalities(expression: object) -> Iterator[tuple[str, str]]:
    written = expression if isinstance(expression, str) else ""
    if any(mark in written for mark in ("||", "(", "!")):
        return
    for part in written.split("&&"):
        found = _EQUAL.fullmatch(part)
        if found:
            yield found[1], found[2] if found[2] is not None else found[3]
