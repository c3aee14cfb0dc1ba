"""What every cluster has and AWS offers: peers that no stack binds, because the cluster and the account say where.

A flow may name a built-in peer without a declaration, such as ``{from: job, to: kubernetes-api}``. An external may name
AWS services instead of a place: ``externals: {aws: {services: [sqs, s3]}}``. Each service is then an endpoint of its
own, ``aws.sqs`` and ``aws.s3``, and a flow to ``aws`` goes to all of them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from flash_ticket.firewall.declare.validation import refusal
from flash_ticket.firewall.terms.input_error import shown
from flash_ticket.firewall.terms.ports import PortRange, tcp


class BuiltIn(StrEnum):
    """A peer that every EKS cluster has. An external of the same name takes its place."""

    KUBERNETES_API = "kubernetes-api"
    POD_IDENTITY = "pod-identity"
    INSTANCE_METADATA = "instance-metadata"

    @property
    def ports(self) -> tuple[PortRange, ...]:
        """The ports that it listens on."""
        return (tcp(443),) if self is BuiltIn.KUBERNETES_API else (tcp(80),)

    @property
    def opens_connections(self) -> bool:
        """Whether it can be the source of a flow: the API server calls webhooks in pods."""
        return self is BuiltIn.KUBERNETES_API


@dataclass(frozen=True, slots=True, order=True)
class AwsService:
    """A service of AWS that the VPC has an endpoint of.

    Attributes:
        name: The last part of the endpoint's service name, such as ``sqs`` or ``ecr.api``.
    """

    name: str


LookedUp = BuiltIn | AwsService
"""A peer whose addresses the program looks up, without a place in the binding."""

AWS_PORTS = (tcp(443),)
"""The ports of an AWS service, unless the external says others."""

_SERVICE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_LONGEST = 63
_WHOLE_NAME = re.compile(r"(?:cn\.)?com\.amazonaws\.([a-z0-9-]+)\.(.+)")


def region_and_service(whole: str) -> tuple[str, str]:
    """Return the two parts of an endpoint's service name that tell it apart; empty for a service of others."""
    found = _WHOLE_NAME.fullmatch(whole)
    return (found[1], found[2]) if found else ("", "")


def _service(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST or not _SERVICE.fullmatch(value):
        known = f"{shown(value)} is not the name of an AWS service"
        raise refusal(known, "Write the last part of the endpoint's service name, such as sqs, s3 or ecr.api")
    if service := region_and_service(value)[1]:
        raise refusal(f"{shown(value)} is a whole service name, and its region differs by stack", f"Write {service}")
    return value


Services = Annotated[
    list[
        Annotated[
            str,
            PlainValidator(_service),
            WithJsonSchema({"type": "string", "maxLength": _LONGEST, "pattern": f"^{_SERVICE.pattern}$"}),
        ]
    ],
    Field(min_length=1),
]


def endpoint_of(external: str, service: str) -> str:
    """Return the name of one service of an external. No written name has a dot."""
    return f"{external}.{service}"


def written_name(endpoint: str) -> str:
    """Return the name in traffic.yaml of an endpoint: that of the external for one of its services."""
    return endpoint.partition(".")[0]


def key_of_place(endpoint: str) -> str:
    """Return the key in the settings or in traffic.yaml that says where an external is."""
    if "." in endpoint:
        return f"externals.{written_name(endpoint)}.services"
    return f"places.{endpoint}"


def key_of_list(endpoint: str) -> str:
    """Return the key for the prefix list with an external's addresses."""
    key = key_of_place(endpoint)
    return key if "." in endpoint else f"{key}.prefixList"
