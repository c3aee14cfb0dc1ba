"""The DNS rules in the policies of Cilium, as the API server returns them.

Source: Cilium documentation, "DNS based" and "DNS Policy and IP Discovery". A rule that is not in the form of the API
selects nothing here: it can only be missing from an explanation.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flash_ticket.firewall.change.deployed import Described
from flash_ticket.traffic.attribution.inventory import Inventory, NameRule

NAMESPACED, CLUSTERWIDE = "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"
CILIUM = "cilium.io/v2"
LISTS = ((NAMESPACED, "namespaces/{}/ciliumnetworkpolicies"), (CLUSTERWIDE, "ciliumclusterwidenetworkpolicies"))
"""The kinds of policies, and the paths of their lists below `CILIUM`."""

_NAMESPACE = "io.kubernetes.pod.namespace"


def listed_name_rules(kind: str, policies: Iterable[Described]) -> Iterator[NameRule]:
    """Yield the DNS rules of policies of one kind."""
    for policy in policies:
        metadata = _mapping(policy.get("metadata"))
        namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
        title = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        yield from _in_spec(title, "spec", _mapping(policy.get("spec")), namespace)
        for index, spec in enumerate(_list(policy.get("specs"))):
            yield from _in_spec(title, f"specs[{index}]", _mapping(spec), namespace)


def rules_in(inventory: Inventory) -> Iterator[NameRule]:
    """Yield the DNS rules that an inventory holds, by themselves or in the policies of others that it holds."""
    if inventory.name_rules:
        yield from inventory.name_rules
        return
    for policy in inventory.others or ():
        if policy.api.group == CILIUM.partition("/")[0]:
            yield from listed_name_rules(policy.api.kind, [policy.object])


def _in_spec(title: str, place: str, spec: Mapping[str, Any], namespace: str) -> Iterator[NameRule]:
    selector = _mapping(_mapping(spec.get("endpointSelector")).get("matchLabels"))
    wanted = {_bare(str(key)): str(value) for key, value in selector.items()}
    within = wanted.pop(_NAMESPACE, namespace)
    labels = tuple(sorted(wanted.items()))
    for number, rule in enumerate(_list(spec.get("egress"))):
        for position, ports in enumerate(_list(_mapping(rule).get("toPorts"))):
            dns = _list(_mapping(_mapping(ports).get("rules")).get("dns"))
            written = (_mapping(each) for each in dns)
            names = tuple(str(each.get("matchName") or each.get("matchPattern") or "") for each in written)
            if names:
                where = f"{place}.egress[{number}].toPorts[{position}].rules.dns"
                yield NameRule(title, where, within, labels, tuple(filter(None, names)))


def _bare(key: str) -> str:
    """Return a label's key without the source that Cilium's selectors may name."""
    return key.removeprefix("k8s:").removeprefix("any:")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
