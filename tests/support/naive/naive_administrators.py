"""A second opinion on policies of administrators: one question at a time, as the Network Policy API says it.

It shares no code with the analyzer. The comments paraphrase the API reference (policy.networking.k8s.io).
"""

from collections.abc import Sequence

from tests.support.naive.naive_evaluator import (
    Address,
    Manifest,
    Pod,
    Question,
    in_block,
    isolates,
    matches,
    side_passes,
)


def passes(administrators: Sequence[Manifest], policies: Sequence[Manifest], asked: Question) -> bool:
    return all(_side(administrators, policies, direction, asked) for direction in ("Egress", "Ingress"))


def _side(administrators: Sequence[Manifest], policies: Sequence[Manifest], direction: str, asked: Question) -> bool:
    pod = asked.destination if direction == "Ingress" else asked.source
    if isinstance(pod, Address):
        return True
    # The tier Admin comes first. Lower values of priority are checked before higher ones, rules as they are written.
    found = _decided([each for each in administrators if _tier(each) == "Admin"], pod, direction, asked)
    if found is not None:
        return found
    # A NetworkPolicy always decides about the pods that it selects.
    if any(isolates(policy, pod, direction) for policy in policies):
        return side_passes(policies, direction, asked)
    found = _decided([each for each in administrators if _tier(each) == "Baseline"], pod, direction, asked)
    return found if found is not None else True  # by default all pods can communicate with each other


def _tier(policy: Manifest) -> str:
    of_kind = {"AdminNetworkPolicy": "Admin", "BaselineAdminNetworkPolicy": "Baseline"}
    return of_kind.get(policy["kind"]) or str(policy["spec"]["tier"])


def _decided(policies: Sequence[Manifest], pod: Pod, direction: str, asked: Question) -> bool | None:
    peer = asked.source if direction == "Ingress" else asked.destination
    section, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    for policy in sorted(policies, key=lambda each: each["spec"].get("priority", 0)):
        if not _selects(policy["spec"]["subject"], pod):
            continue
        for rule in policy["spec"].get(section) or []:
            if any(_selects(each, peer) for each in rule[peers]) and _is_port(rule, asked):
                # Pass skips the rest of the tier.
                return {"Allow": True, "Accept": True, "Deny": False, "Pass": None}[rule["action"]]
    return None


def _selects(peer: Manifest, endpoint: Pod | Address) -> bool:
    if "networks" in peer:
        if isinstance(endpoint, Pod):
            # Networks match traffic within the cluster as well. The address of a pod of manifests is not known.
            return "0.0.0.0/0" in peer["networks"]
        return any(in_block({"cidr": cidr}, endpoint.text) for cidr in peer["networks"])
    if isinstance(endpoint, Address):
        return False
    if "namespaces" in peer:
        return matches(peer["namespaces"], endpoint.namespace_labels)
    both = peer["pods"]
    return matches(both["namespaceSelector"], endpoint.namespace_labels) and matches(
        both["podSelector"], endpoint.labels
    )


def _is_port(rule: Manifest, asked: Question) -> bool:
    entries = rule.get("ports", rule.get("protocols"))
    return entries is None or any(_is_meant(entry, asked) for entry in entries)


def _is_meant(entry: Manifest, asked: Question) -> bool:
    ((form, value),) = entry.items()
    if form in {"namedPort", "destinationNamedPort"}:
        return isinstance(asked.destination, Pod) and (value, asked.protocol, asked.port) in [
            (each["name"], each["protocol"], each["containerPort"]) for each in asked.destination.container_ports
        ]
    if form in {"portNumber", "portRange"}:
        first, last = value.get("start", value.get("port")), value.get("end", value.get("port"))
        return value.get("protocol", "TCP") == asked.protocol and bool(first <= asked.port <= last)
    port = value["destinationPort"]
    block = port.get("range", {"start": port.get("number"), "end": port.get("number")})
    return form.upper() == asked.protocol and bool(block["start"] <= asked.port <= block["end"])
