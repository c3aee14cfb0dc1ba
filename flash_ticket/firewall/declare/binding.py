"""The binding of one stack: where the matrix's names are, as Pulumi.<stack>.yaml says."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated, Any, Self

from pydantic import (
    Field,
    GetPydanticSchema,
    PlainValidator,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core.core_schema import no_info_wrap_validator_function

from flash_ticket.firewall.declare.alerts import AlertsEntry, Asked
from flash_ticket.firewall.declare.choices import (
    DEFAULT_SCAN_LIMIT_GIBIBYTES,
    Attachment,
    ClusterGroup,
    CniName,
    DnsMode,
    EnforcingMode,
    KubeProxyMode,
    LogDestination,
    Network,
    OnDestroy,
    PodEniMode,
)
from flash_ticket.firewall.declare.fields import Name, Ports
from flash_ticket.firewall.declare.guard_rails import GuardRailsEntry
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal, validated
from flash_ticket.firewall.terms.input_error import shown
from flash_ticket.firewall.terms.ports import PortRange, Protocol, listing

PROJECT = "flash-ticket-firewall"
BINDING_KEY = f"{PROJECT}:binding"
"""The key of Pulumi's configuration that contains the binding."""


ResolverIp = IPv4Address | IPv6Address


def _network(value: object) -> Network:
    try:
        return ip_network(value) if isinstance(value, str) else _no_network(value)
    except ValueError:
        pass
    try:
        canonical = ip_network(str(value), strict=False)
    except ValueError:
        return _no_network(value)
    # Some network plug-ins silently ignore such a block (antrea issue 1764).
    raise refusal(f"{shown(value)} has host bits set", f"Write {canonical}")


def _no_network(value: object) -> Network:
    raise refusal(f"{shown(value)} is not a CIDR", "Write one such as 10.20.0.0/16")


def _resolver_address(value: object) -> ResolverIp:
    try:
        found = ip_address(value) if isinstance(value, str) else _no_address(value)
    except ValueError:
        return _no_address(value)
    return _no_address(value) if isinstance(found, IPv6Address) and found.scope_id else found


def _no_address(value: object) -> ResolverIp:
    raise refusal(f"{shown(value)} is not an address", "Write one such as 169.254.20.10 or fd00::10, without a zone")


def _tags(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not value:
        raise refusal(f"{shown(value)} is not a set of tags", "Write tags, such as {Name: flash-ticket-dev}")
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str):
            problem = f"the tag {shown(key)} has the value {shown(text)}, which YAML does not read as text"
            raise refusal(problem, "Quote it")
    return tuple(sorted(value.items()))


Cidr = Annotated[Network, PlainValidator(_network), WithJsonSchema({"type": "string"})]
Tags = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_tags),
    WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}),
]
Text = Annotated[str, Field(min_length=1)]
ResolverAddress = Annotated[ResolverIp, PlainValidator(_resolver_address), WithJsonSchema({"type": "string"})]


class One(FileModel):
    """Selects exactly one resource of the AWS account, by tags, by name or by id."""

    model_config = NOT_EMPTY

    tags: Tags | None = None
    name: Text | None = None
    id: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        _only_one_of(self, "tags", "name", "id")
        return self

    def __str__(self) -> str:
        """Return the selection in words: ``with the tags Name=x``, ``named x`` or ``with the id x``."""
        if self.tags:
            return _tagged(self.tags)
        return f"named {self.name}" if self.name else f"with the id {self.id}"


class Some(FileModel):
    """Selects one or more resources of the AWS account: all with the tags, or each of the names or ids."""

    model_config = NOT_EMPTY

    tags: Tags | None = None
    names: Annotated[list[Text], Field(min_length=1)] | None = None
    ids: Annotated[list[Text], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        _only_one_of(self, "tags", "names", "ids")
        return self

    def __str__(self) -> str:
        """Return the selection in words."""
        return _tagged(self.tags or ()) if self.tags else " and ".join(str(one) for one in self.each())

    def each(self) -> tuple[One, ...]:
        """Return one selection for each name or id; empty for a selection by tags."""
        return tuple(One(name=name) for name in self.names or ()) + tuple(One(id=found) for found in self.ids or ())


class Cni(FileModel):
    """The network plug-in, and the settings that decide how it applies the two layers."""

    name: CniName = Field(strict=False)
    pod_eni_mode: PodEniMode = Field(PodEniMode.STANDARD, alias="podEniMode", strict=False)
    kube_proxy: KubeProxyMode = Field(KubeProxyMode.IPTABLES, alias="kubeProxy", strict=False)
    enforcing_mode: EnforcingMode = Field(EnforcingMode.STANDARD, alias="enforcingMode", strict=False)
    """What a new pod may do before its policies are in force; only the VPC CNI has this setting."""


def _group_of_dns(value: object, select: ValidatorFunctionWrapHandler) -> ClusterGroup | One:
    if isinstance(value, str):
        if value in set(ClusterGroup):
            return ClusterGroup(value)
        problem = f"{shown(value)} is not a group of the cluster"
        raise refusal(problem, "Write cluster, nodes, or tags, a name or an id in braces, such as {name: dns}")
    selected: One = select(value)
    return selected


DnsGroup = Annotated[
    ClusterGroup | One,
    GetPydanticSchema(
        lambda _, handler: no_info_wrap_validator_function(_group_of_dns, handler.generate_schema(One)),
    ),
]


class Dns(FileModel):
    """How pods resolve names."""

    mode: DnsMode = Field(strict=False)
    groups: Annotated[list[DnsGroup], Field(min_length=1)] | None = None
    """The security groups that interfaces of CoreDNS pods have, each at least one of them. Default: it is not known
    which of the cluster's group and the nodes' group they have."""
    address: ResolverAddress = IPv4Address("169.254.20.10")
    """The address that NodeLocal DNSCache listens on (Kubernetes documentation, "NodeLocal DNSCache")."""


class ClusterEntry(FileModel):
    """The EKS cluster. The program reads its own security group and its Service addresses from EKS."""

    name: Text
    nodes: One
    """The security group of the nodes."""
    attachment: Attachment = Field(strict=False)
    leaving: Attachment | None = Field(None, strict=False)
    """The previous attachment; its rules stay until every pod has restarted."""
    pod_subnets: Some | None = Field(None, alias="podSubnets")
    """The subnets that pods get addresses of, besides those where the account has interfaces of nodes now."""
    cni: Cni
    dns: Dns

    @field_validator("leaving")
    @classmethod
    def _is_another(cls, leaving: Attachment | None, info: ValidationInfo) -> Attachment | None:
        if leaving and leaving == info.data.get("attachment"):
            remedy = "Write the previous attachment, or remove the key"
            raise refusal(f"{leaving.value} is already the attachment", remedy)
        return leaving


class Clients(FileModel):
    """Who may open connections to the load balancer."""

    model_config = NOT_EMPTY

    cidrs: Annotated[list[Cidr], Field(min_length=1)] | None = None
    prefix_list: One | None = Field(None, alias="prefixList")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        _only_one_of(self, "cidrs", "prefixList")
        return self


class LoadBalancerEntry(FileModel):
    """The application load balancer; this program creates its security group."""

    external: Name
    listeners: Ports
    clients: Clients

    @field_validator("listeners")
    @classmethod
    def _are_of_tcp(cls, listeners: list[PortRange]) -> list[PortRange]:
        if wrong := [port for port in listeners if port.protocol is not Protocol.TCP]:
            raise refusal(
                f"an application load balancer cannot listen on {listing(tuple(wrong))}", "Write its TCP ports"
            )
        return listeners


class PlaceEntry(FileModel):
    """Where an external is: its addresses for the pod layer, and its groups, if any, for the VPC layer."""

    model_config = NOT_EMPTY

    subnets: Some | None = None
    cidrs: Annotated[list[Cidr], Field(min_length=1)] | None = None
    prefix_list: One | None = Field(None, alias="prefixList")
    groups: Annotated[list[One], Field(min_length=1)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.groups and not (self.subnets or self.cidrs or self.prefix_list):
            raise refusal(
                "only groups are given, and a NetworkPolicy matches only addresses",
                "Add subnets, cidrs or prefixList: the addresses of the interfaces with these groups",
            )
        _only_one_of(self, "subnets", "cidrs", "prefixList")
        return self


class FlowLogsEntry(FileModel):
    """Where AWS records the VPC's traffic, and for how long."""

    destination: LogDestination = Field(strict=False)
    retention_days: int = Field(alias="retentionDays", ge=1, le=3653)
    on_destroy: OnDestroy = Field(alias="onDestroy", strict=False)
    scan_limit_gibibytes: int = Field(DEFAULT_SCAN_LIMIT_GIBIBYTES, alias="scanLimitGibibytes", ge=1, le=1_000_000)
    """The most that one Athena query may read; only the destination s3 has Athena."""

    @model_validator(mode="after")
    def _limit_limits(self) -> Self:
        if self.destination is not LogDestination.S3 and "scan_limit_gibibytes" in self.model_fields_set:
            raise refusal(
                "scanLimitGibibytes limits Athena's queries, and Athena reads only the destination s3", "Remove it"
            )
        return self

    @model_validator(mode="after")
    def _retention_exists(self) -> Self:
        if self.destination is LogDestination.CLOUDWATCH and self.retention_days not in CLOUDWATCH_RETENTION_DAYS:
            raise refusal(
                f"CloudWatch Logs cannot keep events for {self.retention_days} days",
                f"Write one of {', '.join(map(str, CLOUDWATCH_RETENTION_DAYS))}",
            )
        return self


CLOUDWATCH_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""CloudWatch Logs API reference, PutRetentionPolicy, retentionInDays."""


class QuotasEntry(FileModel):
    """The account's quotas; the defaults are those of AWS (Amazon VPC quotas, security groups)."""

    rules_per_group: int = Field(60, alias="rulesPerGroup", ge=1, le=1000)
    groups_per_interface: int = Field(5, alias="groupsPerInterface", ge=1, le=16)

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
    cluster: ClusterEntry
    load_balancer: LoadBalancerEntry = Field(alias="loadBalancer")
    places: dict[Name, PlaceEntry]
    flow_logs: FlowLogsEntry = Field(alias="flowLogs")
    quotas: QuotasEntry = Field(default_factory=lambda: QuotasEntry.model_validate({}))
    alerts: Asked[AlertsEntry] = None
    """The firewall's alerts; without this key the program creates none."""
    guard_rails: Asked[GuardRailsEntry] = Field(None, alias="guardRails")


def _tagged(tags: tuple[tuple[str, str], ...]) -> str:
    return f"with the tags {', '.join(f'{key}={value}' for key, value in tags)}"


def _only_one_of(model: FileModel, *keys: str) -> None:
    names = {field.alias or name: name for name, field in type(model).model_fields.items()}
    given = [key for key in keys if getattr(model, names[key]) is not None]
    if len(given) != 1:
        raise refusal(
            f"{' and '.join(given)} are given together" if given else "it names nothing",
            f"Give exactly one of {', '.join(keys)}",
        )


def stack_file(stack: str) -> str:
    """Return the name of the file that holds a stack's configuration."""
    return f"Pulumi.{stack}.yaml"


def parse_binding(content: Any, stack: str) -> Binding:  # noqa: ANN401 - parsed YAML or JSON has any shape
    """Return the binding of a stack.

    Raises:
        InputError: The content has a mistake; the error names the stack's file, the key and the remedy of the first.
    """
    return validated(Binding, content, stack_file(stack), BINDING_KEY)
