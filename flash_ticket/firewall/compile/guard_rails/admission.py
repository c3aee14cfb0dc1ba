"""The admission policies (admissionregistration.k8s.io/v1): who may change policies, and that pods keep their labels.

The API server itself evaluates their expressions, so there is no webhook that could be down. It refuses what it cannot
evaluate (failurePolicy Fail). A cluster administrator may change these objects and open the namespace again: the way
out for a deployer who is locked out. The policies do not restrict the creation of pods, or no controller could create
one; RBAC decides who may create pods with a service's labels. Source: Kubernetes documentation, "Validating Admission
Policy".
"""

import json
from dataclasses import dataclass, field
from typing import Any

from flash_ticket.firewall.compile.names.domains_layer import DomainsKind
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY, PART_OF_LABEL
from flash_ticket.firewall.declare.matrix import Labels, Matrix, Service
from flash_ticket.firewall.declare.sections.guard_rails import Enforcement, GuardRailChoice, Subject, SubjectKind

_VERSION = "admissionregistration.k8s.io/v1"
CONTROLLERS = (
    # These controllers delete the objects of a deleted namespace, and objects without an owner.
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
)
"""The users that are parts of Kubernetes itself."""

_PODS = ("pods", "pods/status")
"""The resources through which a pod's labels can change."""


def same(path: str) -> str:
    """Return an expression for whether an update leaves a field as it is."""
    new, old = f"object.{path}", f"oldObject.{path}"
    return f"(has({new}) ? (has({old}) && {new} == {old}) : !has({old}))"


# Controllers of the network plug-in add finalizers to policies, so only the fields that matter must stay.
_DECIDING = ("spec", "metadata.labels", "metadata.annotations", "metadata.ownerReferences")
_UNCHANGED = " && ".join(('request.operation == "UPDATE"', *map(same, _DECIDING)))


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """One policy and its binding to the namespace; both are cluster-scoped and have the same name.

    Attributes:
        part_of: The namespace that the firewall is named after.
        spec: The spec of the ValidatingAdmissionPolicy.
        binding: The spec of its binding.
    """

    name: str
    part_of: str
    spec: dict[str, Any] = field(hash=False)
    binding: dict[str, Any] = field(hash=False)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of both objects."""
        labels = {"app.kubernetes.io/managed-by": MANAGED_BY, PART_OF_LABEL: self.part_of}
        return {"name": self.name, "labels": labels}

    def manifests(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return both objects for the API server."""
        kinds = (("ValidatingAdmissionPolicy", self.spec), ("ValidatingAdmissionPolicyBinding", self.binding))
        policy, binding = (
            {"apiVersion": _VERSION, "kind": kind, "metadata": self.metadata, "spec": spec} for kind, spec in kinds
        )
        return policy, binding


def admission_policies(
    matrix: Matrix, guard: GuardRailChoice, names: DomainsKind | None = None
) -> tuple[AdmissionPolicy, ...]:
    """Return the policies of one firewall; empty if the binding does not request admission.

    Args:
        matrix: The declaration.
        guard: The requested guard rails.
        names: The kind of policy for domain names that the cluster enforces: it opens as much as a NetworkPolicy.
    """
    if guard.admission is None:
        return ()
    home, enforcement, changers = matrix.namespace, guard.admission.enforcement, guard.changers()
    return tuple(
        policy_for(f"{namespace}-firewall-{name}", namespace, home, enforcement, spec)
        for namespace in matrix.namespaces
        for name, spec in (
            ("policies", _policies_spec(home, changers, names)),
            ("pods", _pods_spec(matrix.services_in(namespace))),
        )
        if spec["validations"]
    )


def policy_for(name: str, namespace: str, home: str, enforcement: Enforcement, spec: dict[str, Any]) -> AdmissionPolicy:
    """Return a policy that applies only in a namespace.

    Args:
        name: Its name.
        namespace: The namespace.
        home: The namespace that the firewall is named after.
        enforcement: What happens to a request that it does not admit.
        spec: What it admits.
    """
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "policyName": name,
        "validationActions": enforcement.actions,
        "matchResources": {"namespaceSelector": selector},
    }
    return AdmissionPolicy(name, home, spec, binding)


def _policies_spec(home: str, changers: tuple[Subject, ...], names: DomainsKind | None) -> dict[str, Any]:
    further = [(names.group, names.version, names.plural)] if names else []
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                matched("networking.k8s.io", "v1", "networkpolicies", ["CREATE", "UPDATE", "DELETE"]),
                matched("vpcresources.k8s.aws", "v1beta1", "securitygrouppolicies", ["CREATE", "UPDATE", "DELETE"]),
                *(matched(*each, ["CREATE", "UPDATE", "DELETE"]) for each in further),
            ]
        },
        "validations": [
            {
                "expression": f"{_is_one_of(changers)} || ({_UNCHANGED})",
                "message": f"only the deployers of the firewall of {home} may change its policies: edit "
                "traffic.yaml and deploy it",
                "reason": "Forbidden",
            }
        ],
    }


def _pods_spec(services: tuple[Service, ...]) -> dict[str, Any]:
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [matched("", "v1", resource, ["UPDATE"]) for resource in _PODS]},
        "validations": [
            {
                "expression": f"!({_bears('object', service.pods)}) || ({_bears('oldObject', service.pods)})",
                "message": f"a running pod cannot become {service.name}: the firewall identifies pods by their labels",
                "reason": "Forbidden",
            }
            for service in services
        ],
    }


def matched(group: str, version: str, resource: str, operations: list[str]) -> dict[str, Any]:
    """Return the rule that selects the requests of a policy."""
    return {"apiGroups": [group], "apiVersions": [version], "resources": [resource], "operations": operations}


def _is_one_of(subjects: tuple[Subject, ...]) -> str:
    users = [each.known_as for each in subjects if each.kind is not SubjectKind.GROUP]
    groups = [each.known_as for each in subjects if each.kind is SubjectKind.GROUP]
    terms = [f"request.userInfo.username in {json.dumps([*users, *CONTROLLERS])}"]
    if groups:
        named = f"request.userInfo.groups.exists(group, group in {json.dumps(groups)})"
        terms.append(f"(has(request.userInfo.groups) && {named})")
    return " || ".join(terms)


def _bears(name: str, labels: Labels) -> str:
    """Return an expression for whether an object has labels; the matrix allows no characters that need escaping."""
    found = f"{name}.metadata.labels"
    terms = (f'"{key}" in {found} && {found}["{key}"] == "{value}"' for key, value in labels)
    return " && ".join((f"has({found})", *terms))
