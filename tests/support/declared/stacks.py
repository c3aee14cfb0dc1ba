"""The environments whose compiled firewalls are golden files."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import yaml

from flash_ticket.firewall.bind.environment import Environment, Group, RuleOfOthers
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.terms.ports import ALL_PORTS
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.accounts import ROOT, binding_content, environment_of, shop_matrix

Case = tuple[Matrix, Environment]


def _committed(stack: str) -> Case:
    return shop_matrix(), environment_of(stack)


def _on_nodes() -> Case:
    content = binding_content("dev")
    content["cluster"]["attachment"] = "nodes"
    return shop_matrix(), environment_of("dev", content)


def _node_local_dns() -> Case:
    content = binding_content("dev")
    content["cluster"]["dns"]["mode"] = "node-local"
    return shop_matrix(), environment_of("dev", content)


def traffic_content() -> dict[str, Any]:
    """Return a new copy of the committed traffic file, as parsed YAML."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "traffic.yaml").read_text(encoding="utf-8"))
    return content


def _scraped() -> Case:
    content = traffic_content()
    content["externals"]["prometheus"] = {
        "namespace": "monitoring",
        "pods": {"app.kubernetes.io/name": "prometheus"},
    }
    content["services"]["api"]["ports"].append(9090)
    content["flows"].append({"from": "prometheus", "to": "api", "ports": [9090]})
    matrix = parse_matrix(content, "traffic.yaml")
    return matrix, environment_of("dev", matrix=matrix)


def two_namespaces() -> Case:
    """Return the shop with a Prometheus that is a service in a namespace of its own."""
    content = traffic_content()
    content["services"]["prometheus"] = {"namespace": "monitoring", "pods": {"app": "prometheus"}, "ports": [9090]}
    content["services"]["api"]["ports"].append(9090)
    content["flows"].append({"from": "prometheus", "to": "api", "ports": [9090], "because": "scrapes"})
    matrix = parse_matrix(content, "traffic.yaml")
    return matrix, environment_of("dev", matrix=matrix)


def _beside(group: Group, *rules: RuleOfOthers) -> Group:
    anywhere = RuleOfOthers("sgr-anywhere", Direction.EGRESS, ALL_PORTS.ranges, network=ip_network("0.0.0.0/0"))
    return replace(group, rules_of_others=(anywhere, *rules))


def as_eks_makes_groups(case: str) -> Case:
    """Return a case whose account was read: nodes and cluster allow themselves everything, and all allow egress."""
    matrix, environment = CASES[case]()

    def itself(group: Group) -> Group:
        return _beside(group, RuleOfOthers("sgr-self", Direction.INGRESS, ALL_PORTS.ranges, group=group.id))

    cluster = environment.cluster
    dns = tuple(map(itself, cluster.dns_groups))
    cluster = replace(cluster, nodes=tuple(map(itself, cluster.nodes)), group=itself(cluster.group), dns_groups=dns)
    places = [(name, replace(place, groups=tuple(map(_beside, place.groups)))) for name, place in environment.places]
    return matrix, replace(environment, cluster=cluster, places=tuple(places))


CASES: dict[str, Callable[[], Case]] = {
    "dev": lambda: _committed("dev"),
    "prod": lambda: _committed("prod"),
    "dev-nodes": _on_nodes,
    "dev-node-local-dns": _node_local_dns,
    "dev-prometheus": _scraped,
}
