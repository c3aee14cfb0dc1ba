from pathlib import Path
from typing import Any

import pytest

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.terms.ports import PortRange, tcp, udp
from lab.node.network import NODE_NAMESPACE
from lab.packets.declarations import random_declarations
from lab.packets.oracle import ports_in_play
from lab.packets.verdicts import Analyzer, Question
from lab.packets.world import End
from lab.toolchain.node_kits import Enforcer

PORT = tcp(4000)
PODS_CIDR, SERVICES_CIDR = "10.0.0.0/16", "172.20.0.0/16"
CALLER = End("caller", Path("caller"), "10.0.0.5", ("shop", "caller-a"))
CALLED = End("called", Path("called"), "10.0.0.6", ("shop", "called-a"), "172.20.0.7")


def pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-a", "namespace": "shop", "labels": {"app": name}},
        "spec": {"containers": []},
    }


def policy(name: str, kind: str, peer: str, cidr: str) -> dict[str, Any]:
    rule = {peer: [{"ipBlock": {"cidr": cidr}}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "only", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": name}}, "policyTypes": [kind], kind.lower(): [rule]},
    }


def opens(manifest: dict[str, Any], enforcer: Enforcer, by_service: str) -> bool:
    cluster = cluster_from([pod("caller"), pod("called"), manifest])
    analyzer = Analyzer(cluster, [CALLER, CALLED], enforcer)
    return analyzer.verdict(Question(CALLER, CALLED, PORT, by_service)).passes


# What each enforcer was seen to do with an ipBlock that covers pods or Services, and the way of the connection.
INGRESS = policy("called", "Ingress", "from", PODS_CIDR)
EGRESS = policy("caller", "Egress", "to", PODS_CIDR)
TO_SERVICES = policy("caller", "Egress", "to", SERVICES_CIDR)
OPEN = [
    (INGRESS, Enforcer.AWS, ""),
    (INGRESS, Enforcer.KUBE_ROUTER, ""),
    (EGRESS, Enforcer.AWS, ""),
    (EGRESS, Enforcer.KUBE_ROUTER, ""),
    (EGRESS, Enforcer.KUBE_ROUTER, CALLED.cluster_ip),
    (TO_SERVICES, Enforcer.AWS, CALLED.cluster_ip),
]
CLOSED = [
    (EGRESS, Enforcer.AWS, CALLED.cluster_ip),
    (TO_SERVICES, Enforcer.KUBE_ROUTER, CALLED.cluster_ip),
    (TO_SERVICES, Enforcer.AWS, ""),
    (TO_SERVICES, Enforcer.KUBE_ROUTER, ""),
    (INGRESS, Enforcer.CILIUM, ""),
    (EGRESS, Enforcer.CILIUM, ""),
    (EGRESS, Enforcer.CILIUM, CALLED.cluster_ip),
    (TO_SERVICES, Enforcer.CILIUM, CALLED.cluster_ip),
    (TO_SERVICES, Enforcer.CILIUM, ""),
]


@pytest.mark.parametrize(("manifest", "enforcer", "by_service"), OPEN)
def test_an_ip_block_opens_a_pod(manifest: dict[str, Any], enforcer: Enforcer, by_service: str) -> None:
    assert opens(manifest, enforcer, by_service)


@pytest.mark.parametrize(("manifest", "enforcer", "by_service"), CLOSED)
def test_an_ip_block_opens_nothing_else(manifest: dict[str, Any], enforcer: Enforcer, by_service: str) -> None:
    assert not opens(manifest, enforcer, by_service)


def opens_the_node(enforcer: Enforcer) -> bool:
    resolver = End("DNS on the node", NODE_NAMESPACE, "169.254.20.10")
    manifest = policy("caller", "Egress", "to", "169.254.20.10/32")
    analyzer = Analyzer(cluster_from([pod("caller"), manifest]), [CALLER, resolver], enforcer)
    return analyzer.verdict(Question(CALLER, resolver, PORT)).passes


def test_an_ip_block_opens_what_answers_on_the_node_but_under_cilium_which_knows_the_node_by_its_identity() -> None:
    assert {each for each in Enforcer if not opens_the_node(each)} == {Enforcer.CILIUM}


def test_the_ports_in_play_are_the_ends_of_ranges_what_lies_beside_and_undeclared_ones() -> None:
    (declaration,) = random_declarations(1, 7)
    ports = ports_in_play(declaration.firewall)
    declared = [port for each in declaration.firewall.matrix.endpoints.values() for port in each.ports]
    assert {PortRange(each.protocol, each.first, each.first) for each in declared} <= set(ports)
    assert {PortRange(each.protocol, each.last, each.last) for each in declared} <= set(ports)
    assert {tcp(9), udp(9), tcp(53), udp(53)} <= set(ports)
    assert all(each.first == each.last for each in ports)


def test_every_random_declaration_can_be_deployed() -> None:
    assert len(list(random_declarations(40, 1))) == 40


def test_a_seed_always_gives_the_same_random_declarations() -> None:
    first, second = ([each.firewall.matrix for each in random_declarations(4, 3)] for _ in range(2))
    assert first == second
