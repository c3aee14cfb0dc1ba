"""The binding's optional key ``adopt``: NetworkPolicies and security groups that a deployment takes over."""

import re
from enum import Enum, auto
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema, model_validator

from flash_ticket.firewall.declare.fields import Name
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal
from flash_ticket.firewall.terms.input_error import shown

_OBJECT = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_GROUP = re.compile(r"sg-[0-9a-f]+")


class Every(Enum):
    """In place of names: all that exist."""

    EVERY = auto()


def _policies(value: object) -> tuple[str, ...] | Every:
    if value is True:
        return Every.EVERY
    if not isinstance(value, list) or not value:
        raise refusal(f"{shown(value)} names no policies", "Write true, or a list of names, or remove it")
    for each in value:
        if not isinstance(each, str) or not _OBJECT.fullmatch(each):
            raise refusal(f"{shown(each)} is not the name of a NetworkPolicy", "Write it as kubectl shows it")
    if double := next((each for each in value if value.count(each) > 1), None):
        raise refusal(f"{double} is there twice", "Remove one of the two")
    return tuple(value)


def _long_form(value: object) -> object:
    """Return the keys that a single id means: ``sg-1`` is ``{id: sg-1}``."""
    return {"id": value} if isinstance(value, str) and _GROUP.fullmatch(value) else value


Policies = Annotated[
    tuple[str, ...] | Every,
    PlainValidator(_policies),
    WithJsonSchema({"anyOf": [{"const": True}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
_ID = Annotated[str, StringConstraints(pattern=f"^{_GROUP.pattern}$")]
OneGroup = Annotated[One, BeforeValidator(_long_form, json_schema_input_type=One | _ID)]


class AdoptEntry(FileModel):
    """What exists already, and what a deployment takes over in place. The key may stay afterwards."""

    model_config = NOT_EMPTY

    policies: Policies | None = None
    """The NetworkPolicies to take over: their names, or `true` for all that have a name of `traffic.yaml`."""
    groups: Annotated[dict[Name, OneGroup], Field(min_length=1)] | None = None
    """The security group to take over for a service or the load balancer, by its name in `traffic.yaml`."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.policies is None and self.groups is None:
            raise refusal("it names nothing", "Add policies or groups, or remove adopt")
        return self
