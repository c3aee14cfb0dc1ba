"""Pods that get AWS credentials, and the ways that they need for it: to the agent of EKS Pod Identity, or to STS.

Sources: Amazon EKS User Guide, "EKS Pod Identity" and "IAM roles for service accounts". Without a way, the SDK of a pod
waits, and then says that it finds no credentials.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flash_ticket.firewall.bind.bind_built_in import known_addresses
from flash_ticket.firewall.declare.built_in import AwsService, BuiltIn
from flash_ticket.firewall.declare.matrix import External, Service
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import PortSet, tcp

_ROLE = "eks.amazonaws.com/role-arn"
_AGENT = known_addresses(())[BuiltIn.POD_IDENTITY]

Described = Mapping[str, Any]


class Identity(Enum):
    """How the pods of a service account get AWS credentials."""

    POD_IDENTITY = "EKS Pod Identity"
    IRSA = "IRSA"


@dataclass(frozen=True, slots=True)
class Accounts:
    """The service accounts of a namespace with AWS credentials, and the pods that run.

    Attributes:
        identities: By the account's name. A pod of an account with both uses Pod Identity only if its SDK prefers it,
            so both count.
        pods: The account's name and the labels of each running pod; None if this identity may not list them.
        namespace: Their namespace, if that is not the one that the firewall is named after.
    """

    identities: Mapping[str, frozenset[Identity]]
    pods: tuple[tuple[str, Mapping[str, str]], ...] | None
    namespace: str | None = None


def accounts_of(
    accounts: Iterable[Described],
    associations: Iterable[Described],
    pods: Iterable[Described] | None,
    namespace: str | None = None,
) -> Accounts:
    """Return the service accounts with AWS credentials.

    Args:
        accounts: The ServiceAccounts of the namespace.
        associations: The Pod Identity associations of the namespace, as ListPodIdentityAssociations returns them.
        pods: The pods of the namespace; None if this identity may not list them.
        namespace: The namespace, if that is not the one that the firewall is named after.
    """
    found: dict[str, set[Identity]] = {}
    for each in accounts:
        if (each["metadata"].get("annotations") or {}).get(_ROLE):
            found.setdefault(each["metadata"]["name"], set()).add(Identity.IRSA)
    for each in associations:
        found.setdefault(each["serviceAccount"], set()).add(Identity.POD_IDENTITY)
    used = None if pods is None else tuple(_used(each) for each in pods)
    return Accounts({name: frozenset(kinds) for name, kinds in found.items()}, used, namespace)


def _used(pod: Described) -> tuple[str, Mapping[str, str]]:
    return pod["spec"].get("serviceAccountName") or "default", pod["metadata"].get("labels") or {}


def identity_notices(planned: CompiledFirewall, accounts: Accounts) -> Iterator[Notice]:
    """Yield a notice for each service whose pods get AWS credentials by a way that no flow opens.

    An account whose pods do not run now may belong to any service: then one service with a way is enough.
    """
    matrix = planned.matrix
    there = matrix.services_in(accounts.namespace or matrix.namespace)
    for name, kinds in sorted(accounts.identities.items()):
        known = {service.name: service for service in there if _is_used_by(service, name, accounts)}
        services = list(known.values())
        if not services and accounts.pods and any(used == name for used, _ in accounts.pods):
            continue  # its pods belong to no service, and default-deny closes everything to them
        for kind in sorted(kinds, key=lambda each: each.value):
            ways = {service.name for service in there if _has_way(planned, service, kind)}
            lacking = [each.name for each in services if each.name not in ways]
            if lacking or (not services and not ways):
                yield _notice(f"{accounts.namespace}/{name}" if accounts.namespace else name, kind, lacking)


def _is_used_by(service: Service, account: str, accounts: Accounts) -> bool:
    used = (labels for name, labels in accounts.pods or () if name == account)
    return any(set(service.pods) <= labels.items() for labels in used)


def _notice(account: str, kind: Identity, lacking: list[str]) -> Notice:
    who = f"pods of {', '.join(lacking)}" if lacking else "pods that use it"
    source = lacking[0] if len(lacking) == 1 else f"[{', '.join(lacking)}]" if lacking else "SERVICE"
    if kind is Identity.POD_IDENTITY:
        missing, target = "to the agent of EKS Pod Identity", BuiltIn.POD_IDENTITY.value
        remedy = f"Add {{from: {source}, to: {target}}} to flows"
    else:
        missing = "to STS"
        remedy = f"Add {{aws: {{services: [sts]}}}} to externals, and {{from: {source}, to: aws}} to flows"
    return Notice(
        f"ServiceAccount {account}",
        f"{who} get AWS credentials by {kind.value}, and traffic.yaml opens no way {missing}: they will get none",
        remedy,
    )


def _has_way(planned: CompiledFirewall, service: Service, kind: Identity) -> bool:
    flows = planned.matrix.flows_out_of[service.name]
    return any(_is_way(planned, flow.target, PortSet.of(flow.ports), kind) for flow in flows)


def _is_way(planned: CompiledFirewall, target: str, ports: PortSet, kind: Identity) -> bool:
    """Return whether a flow leads to the agent, or to STS.

    STS may be anything outside the cluster on port 443: an address block, a proxy, or an endpoint that a stack binds.
    """
    external = planned.matrix.endpoints[target]
    if not isinstance(external, External) or external.namespace is not None:
        return False
    if kind is Identity.POD_IDENTITY:
        if not external.has_place:
            return False
        networks = planned.environment.networks_of(target)
        return ports.covers(PortSet((tcp(80),))) and any(
            agent.version == network.version and agent.subnet_of(network)  # type: ignore[arg-type]  # of one family
            for agent in _AGENT
            for network in networks
        )
    is_sts = external.looked_up is None or external.looked_up == AwsService("sts")
    return is_sts and ports.covers(PortSet((tcp(443),)))
