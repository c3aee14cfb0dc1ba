"""The guard rails of one firewall: admission policies, Pod Security labels, roles.

Not here on purpose: the namespaces themselves (a patch sets only labels), and objects of other namespaces.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding
from pulumi_kubernetes.core.v1 import NamespacePatch
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, Role, RoleBinding

from flash_ticket.firewall.compile.guard_rails.guard import CompiledGuardRails
from flash_ticket.firewall.compile.guard_rails.rights import Reach
from flash_ticket.firewall.compile.guard_rails.role import FirewallRole


@dataclass(frozen=True, slots=True)
class GuardRailsArgs:
    """What `GuardRails` declares.

    Attributes:
        namespace: The namespace that the firewall is named after.
        after: Resources that must exist before admission applies, so that it cannot block their own deployment.
    """

    namespace: str
    guard: CompiledGuardRails
    after: tuple[pulumi.Resource, ...] = ()


class GuardRails(pulumi.ComponentResource):
    """The guard rails of one firewall: created last and deleted first.

    Attributes:
        names: The names of the admission policies.
    """

    names: list[str]

    def __init__(self, name: str, args: GuardRailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:GuardRails", name, None, opts)
        for role in args.guard.roles:
            self._role(name if role.namespace == args.namespace else f"{name}-{role.namespace}", role)
        for namespace in (args.namespace, *args.guard.further) if args.guard.labels else ():
            suffix = "" if namespace == args.namespace else f"-{namespace}"
            NamespacePatch(
                f"{name}-pod-security{suffix}",
                metadata={"name": namespace, "labels": dict(args.guard.labels)},
                opts=pulumi.ResourceOptions(parent=self),
            )
        for admission in args.guard.admission:
            policy = ValidatingAdmissionPolicy(
                f"{name}-{admission.name}",
                metadata=admission.metadata,
                spec=admission.spec,
                opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
            )
            ValidatingAdmissionPolicyBinding(
                f"{name}-{admission.name}-binding",
                metadata=admission.metadata,
                spec=admission.binding,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        self.names = [admission.name for admission in args.guard.admission]
        self.register_outputs({"names": self.names})

    def _role(self, name: str, role: FirewallRole) -> None:
        inside = pulumi.ResourceOptions(parent=self)
        made = f"{name}-{role.name}"
        if role.reach is Reach.NAMESPACE:
            kept = Role(made, metadata=role.metadata, rules=role.rules, opts=inside)
            RoleBinding(
                f"{made}-binding",
                metadata=role.metadata,
                role_ref=role.role_ref,
                subjects=role.bound,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[kept]),
            )
            return
        wide = ClusterRole(f"{made}-cluster", metadata=role.metadata, rules=role.rules, opts=inside)
        ClusterRoleBinding(
            f"{made}-cluster-binding",
            metadata=role.metadata,
            role_ref=role.role_ref,
            subjects=role.bound,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[wide]),
        )
