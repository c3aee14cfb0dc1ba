"""Prefix lists that have changed since they were deployed: a NetworkPolicy holds addresses, and no list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.pod_layer import DeclaredAddresses, NetworkPolicy
from flash_ticket.firewall.declare.built_in import key_of_list
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.notice import Notice

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Drift:
    """What the deployed policies lack of a place, and what they hold of no place."""

    missing: set[Network]
    extra: set[Network]


def changed_lists(planned: CompiledFirewall, deployed: Deployed) -> Iterator[Notice]:
    """Yield a notice for each place whose prefix list has changed since the deployment.

    Args:
        planned: Compiled with the lists as they are now.
        deployed: What is deployed.
    """
    standing = {policy["metadata"]["name"]: policy for policy in deployed.policies}
    for name, place in planned.environment.places:
        if place.prefix_list is None:
            continue
        policies = [each for each in planned.pods.allows if each.name in standing and _names(each, name)]
        drifts = [_drift(each, standing[each.name], set(place.networks)) for each in policies]
        missing, extra = set().union(*(each.missing for each in drifts)), set().union(*(each.extra for each in drifts))
        if missing or extra:
            lacks = [f"lacks {_few(missing)}"] if missing else []
            holds = [f"still holds {_few(extra)}"] if extra else []
            yield Notice(
                key_of_list(name),
                f"{place.prefix_list.label} ({place.prefix_list.id}) has changed since the deployment: the deployed "
                f"pod layer {' and '.join([*lacks, *holds])}",
                why="the VPC layer follows the list, and a NetworkPolicy holds addresses",
                remedy=f"Run pulumi up --stack {planned.environment.name}",
            )


def _names(policy: NetworkPolicy, place: str) -> bool:
    return any(place in rule.flow.split(" -> ") for rule in policy.rules)


def _drift(policy: NetworkPolicy, standing: Mapping[str, Any], wanted: set[Network]) -> _Drift:
    """Compare the addresses of a deployed policy with those of a list and of all places in its rules."""
    present = set(_blocks(standing.get("spec")))
    declared = {each.network for rule in policy.rules for each in rule.peers if isinstance(each, DeclaredAddresses)}
    return _Drift(wanted - present, present - declared)


def _blocks(found: object) -> Iterator[Network]:
    """Yield the ipBlocks at any depth of a policy."""
    if isinstance(found, Mapping):
        block = found.get("ipBlock")
        if isinstance(block, Mapping) and isinstance(block.get("cidr"), str):
            yield ip_network(block["cidr"], strict=False)
        for each in found.values():
            yield from _blocks(each)
    elif isinstance(found, list | tuple):
        for each in found:
            yield from _blocks(each)


def _few(networks: set[Network]) -> str:
    ordered = sorted(networks, key=lambda each: (each.version, each))
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(map(str, ordered[:_SHOWN])) + more
