"""NetworkPolicies with one error, as manifests: in a policy, type, selector, rule, peer or port."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Any

from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.terms.ports import MAX_PORT

Manifest = dict[str, Any]
Wrong = Iterator[tuple[str, Manifest]]

_ANYBODY: tuple[Manifest, ...] = (
    {"podSelector": {}},
    {"namespaceSelector": {}},
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "strange"}}},
    {"podSelector": {"matchLabels": {"app": "strange"}}},
    {"ipBlock": {"cidr": "0.0.0.0/0"}},
    {"ipBlock": {"cidr": "::/0"}},
    {"ipBlock": {"cidr": "203.0.113.77/32"}},
)
_SECTIONS = (("Ingress", "ingress", "from"), ("Egress", "egress", "to"))


def wrong_policies(
    manifests: Sequence[Manifest], namespaces: Sequence[str]
) -> Iterator[tuple[str, str, tuple[Manifest, ...]]]:
    """Yield the error, the name of the policy, and all policies with the error."""
    for place, manifest in enumerate(manifests):
        name = manifest["metadata"]["name"]
        before, after = manifests[:place], manifests[place + 1 :]
        yield "policy dropped", name, (*before, *after)
        for what, wrong in _wrong_policy(manifest):
            yield what, name, (*before, wrong, *after)
    for added in _strange_policies(namespaces):
        yield "policy added", added["metadata"]["name"], (*manifests, added)


def _strange_policies(namespaces: Sequence[str]) -> Iterator[Manifest]:
    for where in (*namespaces, "strange", "kube-system"):
        for name, spec in (
            ("allow-in", {"policyTypes": ["Ingress"], "ingress": [{}]}),
            ("allow-out", {"policyTypes": ["Egress"], "egress": [{}]}),
            ("deny", {"policyTypes": ["Ingress", "Egress"]}),
            ("allow-strange", {"policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}),
        ):
            metadata = {"name": f"{name}-{where}", "namespace": where}
            body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata}
            yield {**body, "spec": {"podSelector": {}, **spec}}


def _wrong_policy(manifest: Manifest) -> Wrong:
    yield "policy moved", {**manifest, "metadata": {**manifest["metadata"], "namespace": "strange"}}
    for what, spec in _wrong_spec(manifest["spec"]):
        yield what, {**manifest, "spec": spec}


def _wrong_spec(spec: Manifest) -> Wrong:
    for what, selector in _wrong_selectors(spec["podSelector"]):
        yield f"selector {what}", {**spec, "podSelector": selector}
    types = spec["policyTypes"]
    for kind, section, side in _SECTIONS:
        if kind not in types:
            yield "type added", {**spec, "policyTypes": [*types, kind]}
            continue
        yield "type dropped", {**spec, "policyTypes": [each for each in types if each != kind]}
        for what, rules in _wrong_rules(spec.get(section, []), side):
            yield what, {**spec, section: rules}


def _wrong_rules(rules: list[Manifest], side: str) -> Iterator[tuple[str, list[Manifest]]]:
    yield "rule added", [*rules, {}]
    for peer in _ANYBODY:
        yield "rule added", [*rules, {side: [peer], "ports": [{"protocol": "TCP", "port": 9999}]}]
    for place, rule in enumerate(rules):
        before, after = rules[:place], rules[place + 1 :]
        yield "rule dropped", [*before, *after]
        for what, peers in _wrong_peers(rule[side]):
            yield what, [*before, {**rule, side: peers}, *after]
        for what, ports in _wrong_ports(rule["ports"]):
            yield what, [*before, {**rule, "ports": ports}, *after]


def _wrong_peers(peers: list[Manifest]) -> Iterator[tuple[str, list[Manifest]]]:
    for peer in _ANYBODY:
        yield "peer added", [*peers, peer]
    for place, peer in enumerate(peers):
        before, after = peers[:place], peers[place + 1 :]
        yield "peer dropped", [*before, *after]
        for what, wrong in _wrong_peer(peer):
            yield f"peer {what}", [*before, wrong, *after]


def _wrong_peer(peer: Manifest) -> Wrong:
    for kind in ("podSelector", "namespaceSelector"):
        for what, selector in _wrong_selectors(peer[kind]) if kind in peer else ():
            yield what, {**peer, kind: selector}
    if "podSelector" in peer and "namespaceSelector" in peer:
        yield "widened", {"namespaceSelector": peer["namespaceSelector"]}
        yield "mistaken", {"podSelector": peer["podSelector"]}
    elif "podSelector" in peer:
        yield "widened", {**peer, "namespaceSelector": {}}
    if "ipBlock" in peer:
        network = ip_network(peer["ipBlock"]["cidr"])
        for what, other in other_networks(network):
            yield what, {"ipBlock": {"cidr": str(other)}}
        if network.prefixlen < network.max_prefixlen:
            hole = str(next(iter(network.subnets())))
            yield "narrowed", {"ipBlock": {"cidr": str(network), "except": [hole]}}


def _wrong_selectors(selector: Manifest) -> Wrong:
    labels = selector.get("matchLabels", {})
    for key, value in labels.items():
        fewer = {other: labels[other] for other in labels if other != key}
        yield "widened", {"matchLabels": fewer}
        for expression in (
            {"key": key, "operator": "In", "values": [value, "strange"]},
            {"key": key, "operator": "Exists"},
            {"key": key, "operator": "NotIn", "values": ["strange"]},
        ):
            yield "widened", {"matchLabels": fewer, "matchExpressions": [expression]}
        yield "mistaken", {"matchLabels": {**labels, key: "strange"}}
    yield "narrowed", {"matchLabels": {**labels, "canary": "yes"}}


def other_networks(network: Network) -> Iterator[tuple[str, Network]]:
    """Yield the error, and a network that differs from this one by it."""
    if network.prefixlen:
        yield "widened", network.supernet()
        yield "widened", network.supernet(new_prefix=0)
    if network.prefixlen < network.max_prefixlen:
        yield "narrowed", ip_network((network.broadcast_address, network.prefixlen + 1), strict=False)
    yield "mistaken", ip_network("203.0.113.64/26")


def _wrong_ports(ports: list[Manifest]) -> Iterator[tuple[str, list[Manifest]]]:
    for added in ({"protocol": "TCP", "port": 9999}, {"protocol": "SCTP", "port": 7}, {"port": "http"}):
        yield "port added", [*ports, added]
    for place, port in enumerate(ports):
        before, after = ports[:place], ports[place + 1 :]
        yield "port dropped", [*before, *after]
        for what, wrong in _wrong_port(port):
            yield f"port {what}", [*before, wrong, *after]


def _wrong_port(port: Manifest) -> Wrong:
    protocol, first = port["protocol"], port["port"]
    last: int = port.get("endPort") or first
    yield "widened", {"protocol": protocol}
    if last < MAX_PORT:
        yield "widened", {**port, "endPort": last + 1}
        yield "mistaken", {"protocol": protocol, "port": last + 1}
    if first > 1:
        yield "widened", {"protocol": protocol, "port": first - 1, "endPort": last}
    if last > first:
        yield "narrowed", {"protocol": protocol, "port": first}
    yield "mistaken", {**port, "protocol": "UDP" if protocol == "TCP" else "TCP"}
