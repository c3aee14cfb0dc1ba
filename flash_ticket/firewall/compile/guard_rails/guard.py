"""All guard rails of one firewall, compiled."""

from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.guard_rails.admission import AdmissionPolicy, admission_policies
from flash_ticket.firewall.compile.guard_rails.role import FirewallRole, firewall_roles
from flash_ticket.firewall.compile.guard_rails.secrets import secrets_policies
from flash_ticket.firewall.compile.names.domains_layer import domains_kind
from flash_ticket.firewall.declare.matrix import Labels, Matrix


@dataclass(frozen=True, slots=True)
class CompiledGuardRails:
    """The objects to create in the cluster besides the policies; by default none.

    Attributes:
        labels: The labels of each namespace for Pod Security.
        further: The namespaces besides the one that the firewall is named after.
    """

    admission: tuple[AdmissionPolicy, ...] = ()
    labels: Labels = ()
    roles: tuple[FirewallRole, ...] = ()
    further: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything to create."""
        return bool(self.admission or self.labels or self.roles)

    def manifests(self) -> tuple[dict[str, Any], ...]:
        """Return every object but the namespaces, in the order in which to create them."""
        roles = (each for role in self.roles for each in role.manifests())
        return (*roles, *(each for admission in self.admission for each in admission.manifests()))


def compile_guard_rails(matrix: Matrix, environment: Environment) -> CompiledGuardRails:
    """Return the guard rails that an environment requests."""
    asked = environment.guard_rails
    if asked is None:
        return CompiledGuardRails()
    labels = tuple(asked.pod_security.labels().items()) if asked.pod_security else ()
    return CompiledGuardRails(
        (
            *admission_policies(matrix, asked, domains_kind(environment.cluster)),
            *secrets_policies(matrix, asked.secrets),
        ),
        labels,
        firewall_roles(matrix, environment, asked),
        matrix.namespaces[1:],
    )
