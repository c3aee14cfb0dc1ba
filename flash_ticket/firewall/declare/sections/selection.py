"""Addresses in a binding, and what selects resources of the AWS account there."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.sections.other_stacks import BLOCK_FORMAT
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal
from flash_ticket.firewall.terms.input_error import shown

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


Cidr = Annotated[Network, PlainValidator(_network), WithJsonSchema({"type": "string", "format": BLOCK_FORMAT})]
Tags = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_tags),
    WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}),
]
Text = Annotated[str, Field(min_length=1)]
ResolverAddress = Annotated[
    ResolverIp, PlainValidator(_resolver_address), WithJsonSchema({"type": "string", "format": "ip-address"})
]


class One(FileModel):
    """Selects exactly one resource of the AWS account, by tags, by name or by id."""

    model_config = NOT_EMPTY

    tags: Tags | None = None
    """Tags that it has, and no other resource of its kind."""
    name: Text | None = None
    """Its name: the tag Name of a VPC or subnet, the name of a security group or prefix list."""
    id: Text | None = None
    """Its id, such as vpc-0a1b2c3d."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        only_one_of(self, "tags", "name", "id")
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
    """Tags that each of them has."""
    names: Annotated[list[Text], Field(min_length=1)] | None = None
    """Their names; each selects one resource."""
    ids: Annotated[list[Text], Field(min_length=1)] | None = None
    """Their ids, such as subnet-0a1b2c3d; each selects one resource."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        only_one_of(self, "tags", "names", "ids")
        return self

    def __str__(self) -> str:
        """Return the selection in words."""
        return _tagged(self.tags or ()) if self.tags else " and ".join(str(one) for one in self.each())

    def each(self) -> tuple[One, ...]:
        """Return one selection for each name or id; empty for a selection by tags."""
        return tuple(One(name=name) for name in self.names or ()) + tuple(One(id=found) for found in self.ids or ())


def _tagged(tags: tuple[tuple[str, str], ...]) -> str:
    return f"with the tags {', '.join(f'{key}={value}' for key, value in tags)}"


def only_one_of(model: FileModel, *keys: str) -> None:
    """Refuse a value that gives none or several of these keys."""
    names = {field.alias or name: name for name, field in type(model).model_fields.items()}
    given = [key for key in keys if getattr(model, names[key]) is not None]
    if len(given) != 1:
        raise refusal(
            f"{' and '.join(given)} are given together" if given else "it names nothing",
            f"Give exactly one of {', '.join(keys)}",
        )
