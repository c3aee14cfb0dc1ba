"""RBAC for the three duties, each with the fewest rights that its commands need (rbac.authorization.k8s.io/v1).

``deployer`` runs ``pulumi preview``, ``up`` and ``rollback`` of the firewall. It can only read the guard rails
themselves: an administrator creates and deletes them. ``verifier`` runs ``flash-firewall verify``. ``on-call`` runs
``denied``, ``inventory``, ``verify``, ``suspend`` and ``resume``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.guard_rails.rights import VERIFY_KUBERNETES, KubernetesRight, Reach, rules
from flash_ticket.firewall.compile.names.domains_layer import domains_kind
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY, PART_OF_LABEL
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.guard_rails import Duty, GuardRailChoice, Subject, SubjectKind

_RBAC = "rbac.authorization.k8s.io"
_CHANGE = ("get", "list", "watch", "create", "update", "patch", "delete")
"""Without ``list``, Pulumi waits for minutes until an object that it deleted is gone."""

_OPEN = ("get", "patch")
_ADMISSION = "admissionregistration.k8s.io"
_GUARDS = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")


@dataclass(frozen=True, slots=True)
class FirewallRole:
    """The rights of one duty in a namespace or in the cluster, and its subjects.

    Attributes:
        part_of: The namespace that the firewall is named after.
        rules: The rules of the Role or ClusterRole, as PolicyRules of RBAC.
    """

    name: str
    namespace: str
    part_of: str
    reach: Reach
    rules: list[dict[str, Any]] = field(hash=False)
    subjects: tuple[Subject, ...]

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the role and its binding."""
        labels = {"app.kubernetes.io/managed-by": MANAGED_BY, PART_OF_LABEL: self.part_of}
        within = {"namespace": self.namespace} if self.reach is Reach.NAMESPACE else {}
        return {"name": self.name, **within, "labels": labels}

    @property
    def role_ref(self) -> dict[str, str]:
        """The reference from the binding to the role."""
        kind = "Role" if self.reach is Reach.NAMESPACE else "ClusterRole"
        return {"apiGroup": _RBAC, "kind": kind, "name": self.name}

    @property
    def bound(self) -> list[dict[str, str]]:
        """The subjects of the binding."""
        return [_bound(subject) for subject in self.subjects]

    def manifests(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the role and its binding for the API server."""
        kind, version = self.role_ref["kind"], f"{_RBAC}/v1"
        named = {"apiVersion": version, "metadata": self.metadata}
        return (
            {**named, "kind": kind, "rules": self.rules},
            {**named, "kind": f"{kind}Binding", "roleRef": self.role_ref, "subjects": self.bound},
        )


def firewall_roles(matrix: Matrix, environment: Environment, guard: GuardRailChoice) -> tuple[FirewallRole, ...]:
    """Return the roles of one firewall, in each of its namespaces; empty if the binding requests none."""
    home = matrix.namespace
    return tuple(
        FirewallRole(f"{home}-firewall-{duty.value}", namespace, home, reach, granted, subjects)
        for duty, subjects in guard.duties
        for rights in [tuple(rights_of(duty, environment))]
        for reach in Reach
        if (granted := rules(rights, reach))
        for namespace in (matrix.namespaces if reach is Reach.NAMESPACE else (home,))
    )


def rights_of(duty: Duty, environment: Environment) -> Iterator[KubernetesRight]:
    """Yield the rights of a duty."""
    yield from VERIFY_KUBERNETES
    policies, alerts = ("networking.k8s.io", "networkpolicies"), ("monitoring.coreos.com", "prometheusrules")
    alerting = environment.alerting
    match duty:
        case Duty.VERIFIER:
            return
        case Duty.DEPLOYER:
            yield KubernetesRight(*policies, _CHANGE)
            yield KubernetesRight("vpcresources.k8s.aws", "securitygrouppolicies", _CHANGE)
            if names := domains_kind(environment.cluster):
                yield KubernetesRight(names.group, names.plural, _CHANGE)
            if alerting and alerting.rule_labels is not None:
                yield KubernetesRight(*alerts, _CHANGE)
            if alerting and alerting.dashboard_labels is not None:
                yield KubernetesRight("", "configmaps", _CHANGE)
            yield from (KubernetesRight(_RBAC, kind, ("get",)) for kind in ("roles", "rolebindings"))
            yield from (KubernetesRight(_ADMISSION, kind, ("get",), Reach.CLUSTER) for kind in _GUARDS)
            yield from (
                KubernetesRight(_RBAC, kind, ("get",), Reach.CLUSTER)
                for kind in ("clusterroles", "clusterrolebindings")
            )
        case Duty.ON_CALL:
            if environment.cluster.pod_layer is PodLayerOwner.PULUMI:
                yield KubernetesRight(*policies, _OPEN)
            if alerting and alerting.rule_labels is not None:
                yield KubernetesRight(*alerts, _OPEN)
            yield from (KubernetesRight("", kind, ("list",), Reach.CLUSTER) for kind in ("pods", "services"))


def _bound(subject: Subject) -> dict[str, str]:
    if subject.kind is SubjectKind.SERVICE_ACCOUNT:
        return {"kind": subject.kind.value, "name": subject.name, "namespace": subject.namespace}
    return {"kind": subject.kind.value, "apiGroup": _RBAC, "name": subject.name}
