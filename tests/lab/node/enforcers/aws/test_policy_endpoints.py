import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.enforcement import Enforcement
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import Protocol
from lab.node.enforcers.aws.policy_endpoints import MOST_ENTRIES, ClusterObjects, policy_endpoints
from tests.support.declared.at_random.clusters import INTERESTING_PORTS, RandomCluster, clusters

Manifest = dict[str, Any]
Specs = list[dict[str, Any]]
Port = tuple[str, int]

HTTP = ("TCP", 80)

HOSTS = ("10.0.0.5", "10.0.1.1", "10.200.0.1", "192.168.1.7", "198.51.100.1", "2001:db8:1::1", "fd00::5")
POD_ADDRESSES = ("10.0.0.6", "10.0.2.1", "10.128.0.1", "100.64.0.1", "fd00::6")


def described(cluster: RandomCluster) -> tuple[list[Manifest], ClusterObjects]:
    """Return a cluster's manifests with an address for each pod; ipBlocks of policies cover most of them."""
    manifests = copy.deepcopy(cluster.manifests)
    pods = [each for each in manifests if each["kind"] == "Pod"]
    for address, pod in zip(POD_ADDRESSES, pods, strict=False):
        pod["status"] = {"podIP": address, "hostIP": "100.64.1.1", "phase": "Running"}
    return manifests, ClusterObjects(tuple(pods), cluster_from(manifests).namespaces)


def analysed_with(objects: ClusterObjects, manifests: Sequence[Manifest]) -> Reachability:
    """Return the analysis of the manifests, with the addresses of the pods."""
    cluster = cluster_from(manifests)
    at = {(each["metadata"]["namespace"], each["metadata"]["name"]): each["status"]["podIP"] for each in objects.pods}
    workloads = tuple(
        replace(each, addresses=(AddressRange.of(at[each.namespace, each.pod]),)) for each in cluster.workloads
    )
    return Reachability(replace(cluster, workloads=workloads), enforcement=Enforcement.BEFORE_SERVICES)


def policies_of(manifests: Iterable[Manifest]) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == "NetworkPolicy"]


def opened(specs: Specs, direction: str, other: str, port: Port) -> bool:
    """Return whether one policy's objects, read as the agent reads them, let a connection with a peer through."""
    return any(
        matches(entry, other) and (not entry.get("ports") or any(on(each, port) for each in entry["ports"]))
        for spec in specs
        for entry in spec[direction.lower()]
    )


def matches(entry: Mapping[str, Any], address: str) -> bool:
    inside = ip_address(address)
    return inside in ip_network(entry["cidr"]) and not any(inside in ip_network(e) for e in entry.get("except", ()))


def on(entry: Mapping[str, Any], port: Port) -> bool:
    protocol, number = port
    first = entry.get("port", 0)
    return bool(entry["protocol"] == protocol and (not first or first <= number <= entry.get("endPort", first)))


def selected(specs: Specs, address: str) -> bool:
    return any(each["podIP"] == address for spec in specs for each in spec["podSelectorEndpoints"])


def passes(policies: Sequence[Specs], direction: str, pod: str, other: str, port: Port) -> bool:
    governing = [each for each in policies if direction in each[0]["podIsolation"] and selected(each, pod)]
    return not governing or any(opened(each, direction, other, port) for each in governing)


@given(clusters())
def test_the_objects_open_what_the_analyzer_says(cluster: RandomCluster) -> None:
    manifests, objects = described(cluster)
    resolved = [policy_endpoints(each, objects) for each in policies_of(manifests)]
    reachability = analysed_with(objects, manifests)
    workloads = {(each.namespace, each.pod): each for each in reachability.cluster.workloads}
    ends: list[tuple[str, Any]] = [(host, AddressRange.of(host)) for host in HOSTS]
    for pod in objects.pods:
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        ends.append((pod["status"]["podIP"], workloads[key]))
    for (one, source), (other, destination) in itertools.permutations(ends, 2):
        if one in HOSTS and other in HOSTS:
            continue
        expected = reachability.allowed(source, destination)
        for port in itertools.product(Protocol, INTERESTING_PORTS):
            out = one in HOSTS or passes(resolved, "Egress", one, other, port)
            into = other in HOSTS or passes(resolved, "Ingress", other, one, port)
            assert (out and into) == expected.holds(*port), (one, other, port)


@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_of_pods_and_namespaces_does_not_matter(cluster: RandomCluster, random: Random) -> None:
    manifests, objects = described(cluster)
    pods, namespaces = list(objects.pods), list(objects.namespaces.items())
    random.shuffle(pods)
    random.shuffle(namespaces)
    shuffled = ClusterObjects(tuple(pods), dict(namespaces))
    for each in policies_of(manifests):
        assert policy_endpoints(each, objects) == policy_endpoints(each, shuffled)


@given(clusters())
def test_a_further_policy_never_closes_what_another_opens(cluster: RandomCluster) -> None:
    manifests, objects = described(cluster)
    *before, further = (policy_endpoints(each, objects) for each in policies_of(manifests))
    addresses = [each["status"]["podIP"] for each in objects.pods]
    for one, other in itertools.permutations((*addresses, *HOSTS), 2):
        for direction in ("Ingress", "Egress") if one in addresses else ():
            governed = any(direction in each[0]["podIsolation"] and selected(each, one) for each in before)
            if governed and passes(before, direction, one, other, HTTP):
                assert passes([*before, further], direction, one, other, HTTP)


def pod(number: int, labels: Mapping[str, str], ports: Sequence[Manifest] = ()) -> Manifest:
    return {
        "metadata": {"name": f"pod-{number}", "namespace": "shop", "labels": dict(labels)},
        "spec": {"containers": [{"name": "main", "ports": list(ports)}]},
        "status": {"podIP": f"10.0.{number // 250}.{number % 250 + 1}", "hostIP": "10.1.0.1", "phase": "Running"},
    }


def policy(spec: Manifest) -> Manifest:
    return {"metadata": {"name": "some-policy", "namespace": "shop"}, "spec": spec}


def shop(*pods: Manifest, services: Sequence[Manifest] = ()) -> ClusterObjects:
    return ClusterObjects(pods, {"shop": {"kubernetes.io/metadata.name": "shop"}}, tuple(services))


def test_a_policy_without_rules_has_an_object_that_isolates() -> None:
    (found,) = policy_endpoints(policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}), shop(pod(1, {})))
    assert found["podIsolation"] == ["Ingress", "Egress"]
    assert [each["name"] for each in found["podSelectorEndpoints"]] == ["pod-1"]
    assert (found["ingress"], found["egress"]) == ([], [])


def test_a_rule_without_peers_means_every_address_of_both_families() -> None:
    (found,) = policy_endpoints(policy({"podSelector": {}, "ingress": [{}]}), shop())
    assert [entry["cidr"] for entry in found["ingress"]] == ["0.0.0.0/0", "::/0"]


def test_an_egress_rule_opens_the_services_in_front_of_its_pods_on_their_own_ports() -> None:
    service = {
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {
            "clusterIP": "172.20.0.7",
            "selector": {"app": "api"},
            "ports": [
                {"port": 80, "targetPort": "http"},
                {"port": 81, "targetPort": 9},
                {"port": 53, "protocol": "UDP"},
            ],
        },
    }
    named = pod(1, {"app": "api"}, [{"name": "http", "containerPort": 4000}])
    to_api = {"to": [{"podSelector": {"matchLabels": {"app": "api"}}}], "ports": [{"port": 4000, "protocol": "TCP"}]}
    (found,) = policy_endpoints(policy({"podSelector": {}, "egress": [to_api]}), shop(named, services=[service]))
    assert found["egress"] == [
        {"cidr": "10.0.0.2", "ports": [{"protocol": "TCP", "port": 4000}]},
        {"cidr": "172.20.0.7", "ports": [{"protocol": "TCP", "port": 80}]},
    ]


def test_a_port_with_a_name_is_open_on_each_selected_pod_by_every_number_of_that_name() -> None:
    one, other = (pod(number, {"app": "api"}, [{"name": "http", "containerPort": 4000 + number}]) for number in (1, 2))
    (found,) = policy_endpoints(
        policy({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]}), shop(one, other)
    )
    assert [port["port"] for port in found["ingress"][0]["ports"]] == [4001, 4002]


def test_a_rule_whose_ports_all_go_by_name_opens_nothing_to_an_ip_block() -> None:
    rule = {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": "http"}]}
    (found,) = policy_endpoints(policy({"podSelector": {}, "ingress": [rule]}), shop(pod(1, {})))
    assert found["ingress"] == []


def test_rules_for_one_block_add_up_and_all_ports_swallow_the_others() -> None:
    block = {"ipBlock": {"cidr": "192.0.2.0/24"}}
    two = [{"from": [block], "ports": [{"port": 80}]}, {"from": [block], "ports": [{"port": 81}]}]
    (found,) = policy_endpoints(policy({"podSelector": {}, "ingress": two}), shop())
    assert [port["port"] for port in found["ingress"][0]["ports"]] == [80, 81]
    (found,) = policy_endpoints(policy({"podSelector": {}, "ingress": [*two, {"from": [block]}]}), shop())
    assert found["ingress"] == [{"cidr": "192.0.2.0/24"}]


def test_blocks_of_equal_addresses_and_other_exceptions_stay_apart() -> None:
    blocks = [{"ipBlock": {"cidr": "192.0.2.0/24", "except": [each]}} for each in ("192.0.2.0/25", "192.0.2.128/25")]
    (found,) = policy_endpoints(policy({"podSelector": {}, "ingress": [{"from": blocks}]}), shop())
    assert [entry["except"] for entry in found["ingress"]] == [["192.0.2.0/25"], ["192.0.2.128/25"]]


def test_more_entries_than_an_object_holds_go_into_further_objects() -> None:
    pods = [pod(number, {"app": "api"}) for number in range(2 * MOST_ENTRIES + 1)]
    found = policy_endpoints(policy({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}), shop(*pods))
    assert [len(spec["ingress"]) for spec in found] == [MOST_ENTRIES, MOST_ENTRIES, 1]
    assert {entry["cidr"] for spec in found for entry in spec["ingress"]} == {each["status"]["podIP"] for each in pods}


def test_a_pod_that_has_ended_or_has_no_address_is_not_there() -> None:
    ended, waiting = pod(1, {}), pod(2, {})
    ended["status"]["phase"] = "Succeeded"
    waiting["status"] = {"phase": "Pending"}
    (found,) = policy_endpoints(policy({"podSelector": {}, "policyTypes": ["Ingress"]}), shop(ended, waiting))
    assert found["podSelectorEndpoints"] == []
