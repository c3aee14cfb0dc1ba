"""The binding of one stack: where the matrix's names are, as Pulumi.<stack>.yaml says."""

import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from flash_ticket.firewall.declare.choices import Coarsening
from flash_ticket.firewall.declare.fields import Name, WrittenLabels
from flash_ticket.firewall.declare.project_file import settings_folder
from flash_ticket.firewall.declare.sections.adopt import AdoptEntry
from flash_ticket.firewall.declare.sections.alerts import AlertsEntry, Asked
from flash_ticket.firewall.declare.sections.cluster import ClusterEntry
from flash_ticket.firewall.declare.sections.flow_logs import FlowLogsEntry
from flash_ticket.firewall.declare.sections.guard_rails import GuardRailsEntry
from flash_ticket.firewall.declare.sections.load_balancers import LoadBalancerEntry, NamedLoadBalancerEntry
from flash_ticket.firewall.declare.sections.other_stacks import ReadOutputs, with_values
from flash_ticket.firewall.declare.sections.selection import Cidr, One, Some
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal, validated
from flash_ticket.firewall.terms.input_error import shown

PROJECT = "flash-ticket-firewall"
BINDING_KEY = f"{PROJECT}:binding"
"""The key of Pulumi's configuration that contains the binding."""


_POLICY_OF_AN_ADMINISTRATOR = r"(AdminNetworkPolicy|BaselineAdminNetworkPolicy|ClusterNetworkPolicy) [a-z0-9.-]{1,253}"


def _accepted(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(_POLICY_OF_AN_ADMINISTRATOR, value):
        return value
    problem = f"{shown(value)} is not the kind and name of a policy of an administrator"
    raise refusal(problem, "Write both as in 'AdminNetworkPolicy quarantine'")


AcceptedPolicy = Annotated[
    str,
    PlainValidator(_accepted),
    WithJsonSchema({"type": "string", "pattern": f"^{_POLICY_OF_AN_ADMINISTRATOR}$"}),
]


class PlaceEntry(FileModel):
    """Where an external is: its addresses for the pod layer, and its groups, if any, for the VPC layer.

    In a stack where it runs in the cluster, these are its pods and their namespace instead.
    """

    model_config = NOT_EMPTY

    subnets: Some | None = None
    """The subnets that contain it."""
    cidrs: Annotated[list[Cidr], Field(min_length=1)] | None = None
    """The address blocks that contain it."""
    prefix_list: One | None = Field(None, alias="prefixList")
    """The managed prefix list that contains its addresses; both layers follow the list."""
    left_out: Annotated[list[Cidr], Field(min_length=1)] = Field(default_factory=list, alias="except")
    """Blocks that subnets and cidrs contain and the place does not."""
    groups: Annotated[list[One], Field(min_length=1)] = Field(default_factory=list)
    """The security groups of its interfaces; rules for the place name them."""
    namespace: Name | None = None
    """The namespace of its pods, in a stack where it runs in the cluster; then it has no addresses and groups."""
    pods: WrittenLabels | None = None
    """The labels of its pods there. Default: all pods of the namespace."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.pods and not self.namespace:
            raise refusal("pods are given without the namespace they run in", "Add namespace, or remove pods")
        names = {field.alias or name: name for name, field in type(self).model_fields.items()}
        beside = [key for key, name in names.items() if key not in {"namespace", "pods"} and getattr(self, name)]
        if self.namespace and beside:
            raise refusal(
                f"namespace and {beside[0]} are given together, and an external is either pods or addresses",
                f"Give namespace and pods, or {' and '.join(beside)}",
            )
        return self

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.namespace:
            return self
        if self.groups and not (self.subnets or self.cidrs or self.prefix_list):
            raise refusal(
                "only groups are given, and a NetworkPolicy matches only addresses",
                "Add subnets, cidrs or prefixList: the addresses of the interfaces with these groups",
            )
        by_block = self.subnets or self.cidrs
        if self.prefix_list and (by_block or self.left_out):
            raise refusal(
                f"prefixList and {'subnets or cidrs' if by_block else 'except'} are given together, and the VPC layer "
                "follows the list as a whole",
                "Give prefixList without subnets, cidrs and except",
            )
        if not (self.prefix_list or by_block):
            what = "except takes addresses from nothing" if self.left_out else "it names nothing"
            raise refusal(what, "Give subnets, cidrs, both, or prefixList")
        return self


class QuotasEntry(FileModel):
    """The account's quotas; the defaults are those of AWS (Amazon VPC quotas, security groups)."""

    rules_per_group: int = Field(60, alias="rulesPerGroup", ge=1, le=1000)
    """How many rules a security group may have in each direction."""
    groups_per_interface: int = Field(5, alias="groupsPerInterface", ge=1, le=16)
    """How many security groups a network interface may have."""
    coarsen: Coarsening = Field(Coarsening.AS_NEEDED, strict=False)
    """What happens to a security group that its exact rules would overflow."""

    @model_validator(mode="after")
    def _product_fits(self) -> Self:
        if self.rules_per_group * self.groups_per_interface > MAX_RULES_PER_INTERFACE:
            raise refusal(
                f"{self.rules_per_group} rules a group times {self.groups_per_interface} groups an interface is more "
                f"than the {MAX_RULES_PER_INTERFACE} that AWS allows",
                "Write what AWS has granted",
            )
        return self


MAX_RULES_PER_INTERFACE = 1000
"""The limit on the product of the two quotas (Amazon VPC quotas, security groups)."""


class Binding(FileModel):
    """All settings of one stack."""

    vpc: One
    """The VPC."""
    cluster: ClusterEntry
    """The EKS cluster."""
    load_balancer: Asked[LoadBalancerEntry] = Field(None, alias="loadBalancer")
    """The only load balancer, and who may reach it."""
    load_balancers: dict[Name, NamedLoadBalancerEntry] = Field(default_factory=dict, alias="loadBalancers")
    """Several load balancers, each by the name of its external. Without both keys there is none."""
    places: dict[Name, PlaceEntry] = Field(default_factory=dict)
    """Where each external outside the cluster is, by its name in `traffic.yaml`."""
    flow_logs: Asked[FlowLogsEntry] = Field(None, alias="flowLogs")
    """Where AWS records the traffic of the VPC. Without this key the program makes no flow log, and reads none."""
    quotas: QuotasEntry = Field(default_factory=lambda: QuotasEntry.model_validate({}))
    """The quotas of the account, where they are not the defaults of AWS."""
    alerts: Asked[AlertsEntry] = None
    """The firewall's alerts; without this key the program creates none."""
    guard_rails: Asked[GuardRailsEntry] = Field(None, alias="guardRails")
    """What protects the firewall in the cluster; without this key the program creates nothing."""
    accepted_policies: list[AcceptedPolicy] = Field(default_factory=list, alias="acceptedPolicies")
    """Policies of administrators that the proof does not count, because they cannot be changed now."""
    adopt: Asked[AdoptEntry] = None
    """What exists already, and what a deployment takes over in place."""
    protect: bool = False
    """Whether Pulumi refuses to delete policies, groups, their attachments and the flow log. Rules may still go."""

    @model_validator(mode="after")
    def _names_load_balancers_once(self) -> Self:
        if self.load_balancer and "load_balancers" in self.model_fields_set:
            raise refusal(
                "loadBalancer and loadBalancers are given together",
                f"Write the first one under loadBalancers, too: {self.load_balancer.external}: {{kind: alb, ...}}",
            )
        return self


def stack_file(stack: str) -> str:
    """Return the name of the file that holds a stack's configuration."""
    return f"Pulumi.{stack}.yaml"


def settings_path(folder: Path, stack: str) -> Path:
    """Return the path of the file that holds a stack's configuration: Pulumi.yaml may name another folder for it.

    Raises:
        InputError: Pulumi.yaml cannot be read.
    """
    return settings_folder(folder) / stack_file(stack)


def stacks_of(folder: Path) -> tuple[str, ...]:
    """Return the stacks that have a settings file in a project's folder, sorted.

    Raises:
        InputError: Pulumi.yaml cannot be read.
    """
    prefix, suffix = stack_file("*").split("*")
    found = settings_folder(folder).glob(stack_file("*"))
    return tuple(sorted(path.name.removeprefix(prefix).removesuffix(suffix) for path in found))


def parse_binding(content: Any, stack: str, read: ReadOutputs | None = None) -> Binding:  # noqa: ANN401 - parsed YAML or JSON has any shape
    """Return the binding of a stack.

    Args:
        content: Parsed YAML or JSON.
        stack: The stack.
        read: Reads the outputs of other stacks. Without it, made-up values stand in their place.

    Raises:
        InputError: The content has a mistake; the error names the stack's file, the key and the remedy of the first.
    """
    source = stack_file(stack)
    return validated(Binding, with_values(content, Binding, source, BINDING_KEY, read), source, BINDING_KEY)
