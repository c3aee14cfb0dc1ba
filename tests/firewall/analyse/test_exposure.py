"""Exposure: what workloads are open to beyond the manifests, tried as pods that somebody could create."""

from typing import Any

import pytest

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.exposure import Exposure, exposure
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.kubernetes.objects import deployment, namespace, policy

API, PAY = "shop/api[Deployment]", "shop/pay[Deployment]"
ANYTHING: dict[str, Any] = {}


def exposed(*rules: dict[str, Any], egress: list[dict[str, Any]] | None = None) -> Exposure:
    """Return the exposure of a shop where a policy governs api, with these rules for ingress."""
    given = policy("api", "api", policyTypes=["Ingress", "Egress"], ingress=list(rules), egress=egress or [])
    objects = [namespace("shop"), deployment("api", []), deployment("pay", []), given]
    return exposure(Reachability(cluster_from(objects)))


def of_api(found: Exposure) -> dict[str, str]:
    """Return the ports that are open to each stranger at api."""
    return {
        str(each.source): str(each.ports)
        for each in found.connections
        if each.destination == API and each.source in found.strangers
    }


def pods(labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a manifest
    return {**({} if labels is None else {"podSelector": {"matchLabels": labels}}), **more}


PORT = [{"port": 80}]
CASES: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "nothing": ([], {}),
    "a rule without peers": ([{"ports": PORT}], {"entire-cluster": "TCP 80"}),
    "every namespace": ([{"from": [{"namespaceSelector": {}}], "ports": PORT}], {"entire-cluster": "TCP 80"}),
    "every pod of every namespace": (
        [{"from": [{"namespaceSelector": {}, "podSelector": {}}]}],
        {"entire-cluster": "All Connections"},
    ),
    "pods of no workload": (
        [{"from": [pods({"role": "monitoring"})], "ports": PORT}],
        {"shop/[pod with {role=monitoring}]": "TCP 80"},
    ),
    "pods of a workload": ([{"from": [pods({"app": "pay"})]}], {}),
    "all pods of the namespace": ([{"from": [pods({})], "ports": PORT}], {"shop/[all pods]": "TCP 80"}),
    "a namespace by name": (
        [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "backend"}}}], "ports": PORT}],
        {"backend/[all pods]": "TCP 80"},
    ),
    "a namespace by labels and its pods": (
        [{"from": [pods({"role": "m"}, namespaceSelector={"matchLabels": {"effect": "NoSchedule"}})], "ports": PORT}],
        {"[namespace with {effect=NoSchedule}]/[pod with {role=m}]": "TCP 80"},
    ),
    "pods of any namespace": (
        [{"from": [pods({"role": "m"}, namespaceSelector={})], "ports": PORT}],
        {"[all namespaces]/[pod with {role=m}]": "TCP 80"},
    ),
    "less than the entire cluster has": (
        [
            {"from": [{"namespaceSelector": {}}], "ports": PORT},
            {"from": [pods({"role": "m"})], "ports": PORT},
            {"from": [pods({"role": "n"})], "ports": [{"port": 81}]},
        ],
        {"entire-cluster": "TCP 80", "shop/[pod with {role=n}]": "TCP 80-81"},
    ),
    "addresses alone": ([{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_workload_is_exposed_to_what_its_rules_select(case: str) -> None:
    rules, expected = CASES[case]
    assert of_api(exposed(*rules)) == expected


def test_a_workload_without_policies_is_exposed_to_the_entire_cluster_and_unprotected() -> None:
    found = exposed()
    ends = {(str(each.source), str(each.destination)) for each in found.connections}

    assert {(PAY, "entire-cluster"), ("entire-cluster", PAY)} <= ends
    assert found.unprotected == ((PAY, Direction.EGRESS), (PAY, Direction.INGRESS))
    assert found.strangers == {"entire-cluster"}


def test_egress_is_exposed_as_ingress_is() -> None:
    found = exposed(egress=[{"to": [pods({"role": "store"})], "ports": PORT}])
    ports = {str(each.destination): str(each.ports) for each in found.connections if each.source == API}

    assert ports["shop/[pod with {role=store}]"] == "TCP 80"


def test_policies_of_the_other_end_count() -> None:
    closed = {**policy("backend", "b", policyTypes=["Egress"]), "metadata": {"name": "deny", "namespace": "backend"}}
    closed["spec"] = {"podSelector": {}, "policyTypes": ["Egress"]}
    by_name = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "backend"}}}
    opened = policy("api", "api", policyTypes=["Ingress"], ingress=[{"from": [by_name]}])
    objects = [namespace("shop"), namespace("backend"), deployment("api", []), opened]

    assert of_api(exposure(Reachability(cluster_from(objects)))) == {"backend/[all pods]": "All Connections"}
    assert of_api(exposure(Reachability(cluster_from([*objects, closed])))) == {}


def test_the_connections_of_the_manifests_are_the_same_with_and_without() -> None:
    found = exposed({"from": [pods({"app": "pay"})], "ports": PORT})
    known = {
        (each.source, each.destination): each.ports
        for each in found.connections
        if not {each.source, each.destination} & found.strangers
    }

    assert str(known[PAY, API]) == "TCP 80"
    assert all("[External]" in str(end) or "-" in str(end) or end in {API, PAY} for pair in known for end in pair)
