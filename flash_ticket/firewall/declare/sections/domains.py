"""Domain names in traffic.yaml: which names a network plug-in can enforce, and what is wrong with others.

A name is exact, or begins with ``*.``: then it means every name below, at any depth, and not the name itself. Both
kinds of policies can say this: ``**.example.com`` in a CiliumNetworkPolicy (Cilium 1.19), and ``*.example.com`` in an
ApplicationNetworkPolicy (its API reference, DomainName).
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from flash_ticket.firewall.declare.matrix import Service
from flash_ticket.firewall.declare.validation import refusal
from flash_ticket.firewall.terms.domain_names import ANY_BELOW
from flash_ticket.firewall.terms.input_error import InputError, shown

_LABEL = r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"({_LABEL}\.)+[a-z]([-a-z0-9]{{0,61}}[a-z0-9])?")
"""Labels as in the pattern of an ApplicationNetworkPolicy's DomainName; the last one begins with a letter."""

_LONGEST = 253
"""The longest name in DNS, without the dot at its end (RFC 1035, 2.3.4)."""

_OF_THE_CLUSTER = re.compile(r"(.*\.)?(svc|cluster\.local)")
_FEWEST_LABELS = 2
"""The fewest labels after ``*.``: one alone is a whole registry, such as com."""


def _domain(value: object) -> str:
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not text", "Write text, in quotes if YAML would read it as something else")
    wrong = _in_another_form(value) or _wrong_wildcard(value)
    if wrong:
        raise wrong
    name = value.removeprefix(ANY_BELOW)
    if len(value) > _LONGEST or not _NAME.fullmatch(name):
        raise refusal(f"{shown(value)} is not a domain name", "Write one such as api.example.com or *.example.com")
    if _OF_THE_CLUSTER.fullmatch(name):
        raise refusal(
            f"{shown(value)} is a name within the cluster, and its addresses are pods or Services",
            "Declare these pods under services, or as an external with namespace and pods",
        )
    return value


def _in_another_form(value: str) -> PydanticCustomError | None:
    """Return what is wrong with a text that means a name or an address, but does not write a name."""
    with suppress(ValueError):
        ip_network(value, strict=False)
        return refusal(
            f"{shown(value)} is an address, not a domain name",
            "Remove domains, and write addresses as cidrs under places in Pulumi.<stack>.yaml",
        )
    if "/" in value or ":" in value:
        return refusal(f"{shown(value)} is more than a domain name", "Write the name alone, and its ports under ports")
    if value.endswith("."):
        return refusal(f"{shown(value)} ends with a dot", f"Write {value.rstrip('.') or 'a name'}")
    if value != value.lower() and value.isascii():
        return refusal(f"{shown(value)} has capital letters", f"Write {value.lower()}")
    if not value.isascii():
        with suppress(UnicodeError):
            return refusal(f"{shown(value)} is not in the form of DNS", f"Write {value.encode('idna').decode()}")
    return None


def _wrong_wildcard(value: str) -> PydanticCustomError | None:
    rest = value.removeprefix(ANY_BELOW)
    if "*" in rest:
        return refusal(
            f"{shown(value)} has a wildcard that is not the whole first label",
            "Write * only at the start, as in *.example.com; it means all names below, at any depth",
        )
    if rest != value and rest.count(".") + 1 < _FEWEST_LABELS:
        return refusal(f"{shown(value)} means every name of .{rest}", "Name a domain of it, such as *.example.com")
    return None


Domains = Annotated[
    list[
        Annotated[
            str,
            PlainValidator(_domain),
            WithJsonSchema({"type": "string", "maxLength": _LONGEST, "pattern": rf"^(\*\.)?{_NAME.pattern}$"}),
        ]
    ],
    Field(min_length=1),
]

_DOMAINS: TypeAdapter[list[str]] = TypeAdapter(Domains)


def can_be_declared(domains: Iterable[str]) -> bool:
    """Return whether traffic.yaml accepts these names under ``domains``."""
    try:
        _DOMAINS.validate_python(list(domains))
    except ValidationError:
        return False
    return True


def names_of_domains_policies(services: tuple[Service, ...], source: str) -> Iterator[InputError]:
    """Yield a mistake for each service whose policy for domain names cannot have its name."""
    taken = {name: service.name for service in services for _, name in service.policies}
    for service in services:
        key, policy = f"services.{service.name}.policies.egress", service.domains_policy
        if policy in taken:
            problem = f"{policy} would be the policy of its domain names, and {taken[policy]} has a policy of this name"
            yield InputError(source, key, problem, "Choose another name")
        elif len(policy) > _LONGEST:
            problem = f"{policy[:20]}... would be the policy of its domain names, and has {len(policy)} characters"
            yield InputError(source, key, problem, f"Choose a name of at most {_LONGEST - len('-domains')} characters")
