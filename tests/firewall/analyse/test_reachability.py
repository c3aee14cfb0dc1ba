"""Which connections pass, and which policies and rules decide."""

from typing import Any

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.analyse.selection import HostNetwork
from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortRange, PortSet, Protocol, tcp, udp
from flash_ticket.firewall.terms.verdict import Direction, Layer, Outcome, RuleReference
from flash_ticket.report.connections import lines
from tests.support.declared.kubernetes.objects import (
    deployment,
    from_app,
    namespace,
    owned_pod,
    pod,
    policy,
    to_app,
)

INTERNET = AddressRange.of("198.51.100.7")
TCP_80 = {"port": 80}


def reach(*objects: dict[str, Any], host_network: HostNetwork = HostNetwork.PODS) -> Reachability:
    return Reachability(cluster_from(objects), host_network)


def listing(reachability: Reachability) -> list[str]:
    return "".join(lines(reachability.connections())).splitlines()


def allowed(reachability: Reachability, source: str, destination: str) -> str:
    parties = reachability.parties
    return str(reachability.allowed(parties[f"shop/{source}[Pod]"], parties[f"shop/{destination}[Pod]"]))


def test_a_pod_without_policies_accepts_everything_and_reaches_everything() -> None:
    assert listing(reach(pod("a"), pod("b"))) == [
        "0.0.0.0-255.255.255.255[External] => shop/a[Pod] : All Connections",
        "0.0.0.0-255.255.255.255[External] => shop/b[Pod] : All Connections",
        "shop/a[Pod] => 0.0.0.0-255.255.255.255[External] : All Connections",
        "shop/a[Pod] => shop/b[Pod] : All Connections",
        "shop/b[Pod] => 0.0.0.0-255.255.255.255[External] : All Connections",
        "shop/b[Pod] => shop/a[Pod] : All Connections",
    ]


def test_default_deny_leaves_nothing() -> None:
    deny = policy("00-default-deny", policyTypes=["Ingress", "Egress"])
    assert listing(reach(pod("a"), pod("b"), deny)) == []


def test_an_ingress_policy_does_not_restrict_egress() -> None:
    found = reach(pod("a"), pod("b"), policy("deny-a", "a", ingress=[]))
    assert allowed(found, "a", "b") == "All Connections"
    assert allowed(found, "b", "a") == "No Connections"


def test_policies_add_up() -> None:
    found = reach(
        pod("a"),
        pod("b"),
        policy("one", "b", ingress=[from_app("a", TCP_80)]),
        policy("two", "b", ingress=[from_app("a", {"port": 81, "endPort": 90}, {"port": 53, "protocol": "UDP"})]),
    )
    assert allowed(found, "a", "b") == "TCP 80-90,UDP 53"


def test_protocols_are_listed_by_name_and_ranges_that_touch_are_joined() -> None:
    ports: list[dict[str, Any]] = [
        {"protocol": "UDP"},
        {"port": 443},
        {"port": 80, "endPort": 90},
        {"port": 91},
        {"protocol": "SCTP", "port": 1},
    ]
    found = reach(pod("a"), pod("b"), policy("p", "b", ingress=[from_app("a", *ports)]))
    assert allowed(found, "a", "b") == "SCTP 1,TCP 80-91,443,UDP 1-65535"


def test_all_ports_of_all_protocols_are_all_connections() -> None:
    ports: list[dict[str, Any]] = [{"protocol": name, "port": 1, "endPort": 65535} for name in ("TCP", "UDP", "SCTP")]
    found = reach(pod("a"), pod("b"), policy("p", "b", ingress=[from_app("a", *ports)]))
    assert allowed(found, "a", "b") == "All Connections"


def test_each_destination_resolves_a_named_port() -> None:
    found = reach(
        deployment("a", [{"name": "http", "containerPort": 8080}]),
        deployment("b", [{"name": "http", "containerPort": 9090}]),
        deployment("c", [{"name": "http", "containerPort": 53, "protocol": "UDP"}]),
        pod("caller"),
        policy("egress", "caller", policyTypes=["Egress"], egress=[{"ports": [{"port": "http"}]}]),
    )
    from_caller = [line for line in listing(found) if line.startswith("shop/caller")]
    assert from_caller == [
        "shop/caller[Pod] => shop/a[Deployment] : TCP 8080",
        "shop/caller[Pod] => shop/b[Deployment] : TCP 9090",
    ]


def test_two_selectors_in_one_peer_must_both_match_and_in_two_peers_either() -> None:
    both = {"namespaceSelector": {"matchLabels": {"team": "x"}}, "podSelector": {"matchLabels": {"app": "a"}}}
    apart = [{"namespaceSelector": {"matchLabels": {"team": "x"}}}, {"podSelector": {"matchLabels": {"app": "a"}}}]
    objects = [
        namespace("other", team="x"),
        pod("a"),
        pod("target"),
        pod("a", namespace="other"),
        pod("b", namespace="other"),
    ]

    def callers(peers: list[dict[str, Any]]) -> list[str]:
        found = reach(*objects, policy("p", "target", ingress=[{"from": peers}]))
        return [line.partition(" =>")[0] for line in listing(found) if "=> shop/target" in line]

    assert callers([both]) == ["other/a[Pod]"]
    assert callers(apart) == ["other/a[Pod]", "other/b[Pod]", "shop/a[Pod]"]


def test_a_pod_selector_matches_pods_of_the_policys_namespace() -> None:
    objects = [pod("a"), pod("b"), pod("a", namespace="other"), pod("b", namespace="other")]
    rules = [policy("p", "b", namespace=name, ingress=[from_app("a")]) for name in ("shop", "other")]
    inside = [line for line in listing(reach(*objects, *rules)) if "=> other/b" in line or "=> shop/b" in line]
    assert inside == [
        "other/a[Pod] => other/b[Pod] : All Connections",
        "shop/a[Pod] => shop/b[Pod] : All Connections",
    ]


def test_an_undeclared_namespace_has_its_name_label() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}
    found = reach(pod("a"), pod("b", namespace="other"), policy("p", "a", ingress=[{"from": [peer]}]))
    assert "other/b[Pod] => shop/a[Pod] : All Connections" in listing(found)


def test_an_object_without_a_namespace_is_in_default() -> None:
    lone = pod("a")
    del lone["metadata"]["namespace"]
    deny = policy("deny", ingress=[])
    del deny["metadata"]["namespace"]
    assert listing(reach(lone, deny)) == ["default/a[Pod] => 0.0.0.0-255.255.255.255[External] : All Connections"]


def test_policies_cut_the_addresses_outside_separately_for_each_direction() -> None:
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.0.0.0/16"]}}
    found = reach(pod("a"), policy("p", "a", ingress=[{"from": [block], "ports": [{"port": 80}]}]))
    assert listing(found) == [
        "10.2.0.0-10.255.255.255[External] => shop/a[Pod] : TCP 80",
        "shop/a[Pod] => 0.0.0.0-255.255.255.255[External] : All Connections",
    ]


def test_ipv6_is_listed_if_a_policy_names_an_ipv6_block() -> None:
    block = {"ipBlock": {"cidr": "2001:db8::/32"}}
    found = reach(pod("a"), policy("p", "a", policyTypes=["Egress"], egress=[{"to": [block]}]))
    assert listing(found) == [
        "0.0.0.0-255.255.255.255[External] => shop/a[Pod] : All Connections",
        "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff[External] => shop/a[Pod] : All Connections",
        "shop/a[Pod] => 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff[External] : All Connections",
    ]


def test_an_ip_block_does_not_match_pods() -> None:
    everywhere = {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
    found = reach(pod("a"), pod("b"), policy("p", "b", ingress=[everywhere]))
    assert allowed(found, "a", "b") == "No Connections"


def test_pods_of_one_owner_are_one_workload_of_the_owners_kind() -> None:
    found = reach(
        owned_pod("web-1", "web-7d4b", "ReplicaSet", {"app": "web"}),
        owned_pod("web-2", "web-7d4b", "ReplicaSet", {"app": "web"}),
    )
    assert list(found.parties) == ["shop/web-7d4b[ReplicaSet]"]


def test_a_pod_without_an_owner_or_owned_by_its_node_is_a_pod() -> None:
    static = owned_pod("proxy", "node-1", "Node", {"app": "proxy"})
    loose = owned_pod("job", "batch", "Job", {"app": "job"})
    loose["metadata"]["ownerReferences"][0]["controller"] = False
    assert list(reach(static, loose).parties) == ["shop/job[Pod]", "shop/proxy[Pod]"]


def test_pods_of_one_owner_that_policies_treat_differently_are_listed_one_by_one_and_noted() -> None:
    found = reach(
        owned_pod("web-1", "web", "ReplicaSet", {"app": "web", "canary": "yes"}),
        owned_pod("web-2", "web", "ReplicaSet", {"app": "web"}),
        policy("canary", ingress=[], podSelector={"matchLabels": {"canary": "yes"}}),
    )
    assert list(found.parties) == ["shop/web-1[Pod]", "shop/web-2[Pod]"]
    assert any("policies treat its pods differently" in str(note) for note in found.notes)


def test_labels_that_no_policy_uses_do_not_split_the_pods_of_one_owner() -> None:
    found = reach(
        owned_pod("web-1", "web", "StatefulSet", {"app": "web", "index": "1"}),
        owned_pod("web-2", "web", "StatefulSet", {"app": "web", "index": "2"}),
        policy("p", "web", ingress=[]),
    )
    assert list(found.parties) == ["shop/web[StatefulSet]"]


def test_pods_on_the_host_network_are_treated_as_pods_or_as_nodes() -> None:
    objects = [
        pod("agent", hostNetwork=True),
        pod("a"),
        policy("deny", policyTypes=["Ingress"], ingress=[from_app("agent")]),
    ]
    as_pods, as_nodes = reach(*objects), reach(*objects, host_network=HostNetwork.NODES)

    assert allowed(as_pods, "agent", "a") == "All Connections"
    assert allowed(as_pods, "a", "agent") == "No Connections"
    assert any("on its node's network" in str(note) for note in as_pods.notes)
    assert allowed(as_nodes, "agent", "a") == "No Connections"
    assert allowed(as_nodes, "a", "agent") == "All Connections"
    assert "shop/a[Pod] => shop/agent[Pod] : All Connections" in listing(as_nodes)


def test_a_rule_for_all_addresses_matches_a_pod_treated_as_a_node() -> None:
    everywhere = {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
    objects = [pod("agent", hostNetwork=True), pod("a"), policy("p", "a", ingress=[everywhere])]
    found = reach(*objects, host_network=HostNetwork.NODES)
    assert allowed(found, "agent", "a") == "All Connections"
    assert "shop/agent[Pod] => shop/a[Pod] : All Connections" in listing(found)


def test_a_pod_that_does_not_exist_yet_can_be_asked_about() -> None:
    found = reach(pod("api"), policy("p", "api", ingress=[from_app("gateway", TCP_80)]))
    api = found.parties["shop/api[Pod]"]
    gateway = Workload("shop", "gateway", "Pod", {"app": "gateway"})
    stranger = Workload("elsewhere", "gateway", "Pod", {"app": "gateway"})

    assert found.allowed(gateway, api) == PortSet.of([tcp(80)])
    assert found.allowed(stranger, api) == NO_PORTS


def test_a_range_may_use_the_ports_that_each_of_its_addresses_may_use() -> None:
    rules = [{"from": [{"ipBlock": {"cidr": "10.0.0.0/9"}}], "ports": [TCP_80, {"port": 81}]},
             {"from": [{"ipBlock": {"cidr": "10.128.0.0/9"}}], "ports": [TCP_80]}]  # fmt: skip
    found = reach(pod("a"), policy("p", "a", ingress=rules))
    a = found.parties["shop/a[Pod]"]
    ten = AddressRange.of("10.0.0.0/8")

    assert found.allowed(ten, a) == PortSet.of([tcp(80)])
    assert found.allowed(AddressRange.of("0.0.0.0/0"), a) == NO_PORTS
    assert found.verdict(ten, a, tcp(81)).source == "10.128.0.0-10.255.255.255[External]"


def test_a_verdict_names_the_rules_that_allow_on_both_sides() -> None:
    found = reach(
        pod("api"),
        pod("pay"),
        policy("egress-api", "api", policyTypes=["Egress"], egress=[to_app("dns"), to_app("pay", TCP_80)]),
        policy("ingress-pay", "pay", ingress=[from_app("api", TCP_80)]),
        policy("default-deny", policyTypes=["Ingress", "Egress"]),
    )
    verdict = found.verdict(found.parties["shop/api[Pod]"], found.parties["shop/pay[Pod]"], tcp(80))

    assert verdict.passes
    assert verdict.layer is Layer.POD
    assert verdict.egress.outcome is Outcome.ALLOWED
    assert verdict.egress.governors == ("shop/default-deny", "shop/egress-api")
    assert verdict.egress.rules == (RuleReference("shop/egress-api", "egress[1]", "memory"),)
    assert verdict.ingress.rules == (RuleReference("shop/ingress-pay", "ingress[0]", "memory"),)
    assert str(verdict.ingress) == "Ingress: allowed by shop/ingress-pay ingress[0]"


def test_a_verdict_distinguishes_no_rule_for_the_peer_no_rule_for_the_port_and_no_policy() -> None:
    found = reach(
        pod("a"),
        pod("b"),
        pod("free"),
        policy("egress-a", "a", policyTypes=["Egress"], egress=[to_app("b", TCP_80)]),
        policy("ingress-b", "b", ingress=[]),
    )
    a, b, free = (found.parties[f"shop/{name}[Pod]"] for name in ("a", "b", "free"))

    closed = found.verdict(a, b, tcp(443))
    assert closed.egress.outcome is Outcome.NO_RULE_FOR_PORT
    assert closed.egress.rules == (RuleReference("shop/egress-a", "egress[0]", "memory"),)
    assert closed.ingress.outcome is Outcome.NO_RULE_FOR_PEER
    assert closed.deciding == (closed.egress, closed.ingress)
    assert str(closed.ingress) == "Ingress: shop/ingress-b governs shop/b[Pod], and no rule names shop/a[Pod]"

    opened = found.verdict(b, free, udp(53))
    assert opened.passes
    assert opened.egress.outcome is Outcome.UNGOVERNED
    assert opened.ingress.direction is Direction.INGRESS


def test_a_verdict_on_a_range_of_ports_passes_if_the_rules_together_cover_it() -> None:
    rules = [from_app("a", {"port": 80}), from_app("a", {"port": 81, "endPort": 90})]
    found = reach(pod("a"), pod("b"), policy("p", "b", ingress=rules))
    a, b = found.parties["shop/a[Pod]"], found.parties["shop/b[Pod]"]

    assert len(found.verdict(a, b, PortRange(Protocol.TCP, 80, 90)).ingress.rules) == 2
    assert found.verdict(a, b, PortRange(Protocol.TCP, 80, 91)).ingress.outcome is Outcome.NO_RULE_FOR_PORT


def test_no_policy_governs_addresses_outside() -> None:
    found = reach(pod("a"))
    assert found.allowed(INTERNET, found.parties["shop/a[Pod]"]) == ALL_PORTS


def test_a_policy_in_a_namespace_without_workloads_changes_nothing() -> None:
    assert listing(reach(pod("a"), policy("p", namespace="empty"))) == listing(reach(pod("a")))


def ingress_to(service: str, port: dict[str, Any]) -> dict[str, Any]:
    backend = {"backend": {"service": {"name": service, "port": port}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"rules": [{"http": {"paths": [{"path": "/", **backend}]}}]},
    }


def service_of(app: str, *ports: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": app, "namespace": "shop"},
        "spec": {"selector": {"app": app}, "ports": list(ports)},
    }


def test_an_ingress_adds_its_controller_as_a_source_on_the_containers_port() -> None:
    found = reach(
        deployment("web", [{"name": "http", "containerPort": 8080}, {"containerPort": 9000}]),
        service_of(
            "web", {"name": "www", "port": 80, "targetPort": "http"}, {"name": "x", "port": 81, "targetPort": 9000}
        ),
        ingress_to("web", {"name": "www"}),
    )
    assert [line for line in listing(found) if "{" in line] == [
        "{ingress-controller} => shop/web[Deployment] : TCP 8080"
    ]


def test_a_route_without_a_port_opens_every_port_of_its_services() -> None:
    route = {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"to": {"kind": "Service", "name": "web"}},
    }
    found = reach(
        deployment("web", [{"containerPort": 8080}, {"containerPort": 9000}]),
        service_of("web", {"port": 80, "targetPort": 8080}, {"port": 9000}),
        route,
    )
    assert [line for line in listing(found) if "{" in line] == [
        "{ingress-controller} => shop/web[Deployment] : TCP 8080,9000"
    ]


def test_an_ingress_that_policies_block_is_noted_and_not_listed() -> None:
    found = reach(
        deployment("web", [{"containerPort": 8080}]),
        service_of("web", {"port": 8080}),
        ingress_to("web", {"number": 8080}),
        policy("deny", ingress=[]),
    )
    assert not any("{" in line for line in listing(found))
    assert any(note.source == "Ingress" for note in found.notes)
