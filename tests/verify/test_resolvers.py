"""Pods of kube-dns that the rules do not reach are found, with the line to write."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.traffic.attribution.inventory import Interface, Pod
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.resolvers import Resolvers, resolver_notices
from flash_ticket.verify.verification import verify
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.declared.json_values import put
from tests.support.verify.standing import standing, with_inventory

CLUSTER, NODES, REDIS, OTHER = "sg-dev-cluster", "sg-dev-nodes", "sg-dev-redis", "sg-elsewhere"
KEY = "flash-ticket-firewall:binding.cluster.dns.groups"


def firewall(groups: list[Any] | None = None) -> CompiledFirewall:
    content = put(binding_content("dev"), ("cluster", "dns", "groups"), groups)
    return compile_firewall(shop_matrix(), environment_of("dev", content))


def resolver(number: int, address: str, **more: object) -> Pod:
    labels = (("k8s-app", "kube-dns"), ("pod-template-hash", "1"))
    pod = Pod("kube-system", f"coredns-{number}", labels, (address,), "10.10.10.9", None, None)
    return replace(pod, **more)  # type: ignore[arg-type]  # fields of the pod


def interface(number: int, address: str, *groups: str) -> Interface:
    return Interface(f"eni-dns-{number}", (address,), groups)


def said(planned: CompiledFirewall, *carried: tuple[str, ...]) -> list[str]:
    pods = [resolver(number, f"10.10.10.{number}") for number in range(len(carried))]
    interfaces = tuple(interface(number, f"10.10.10.{number}", *groups) for number, groups in enumerate(carried))
    return [str(each) for each in resolver_notices(planned.environment, pods, interfaces)]


def test_dns_in_a_group_that_is_not_declared_is_a_finding_with_the_line_to_write() -> None:
    planned = firewall(["cluster"])
    before = standing(planned)
    dns = resolver(1, "10.10.10.5")
    observed = with_inventory(
        before,
        pods=(*before.inventory.pods, dns),
        interfaces=(*before.inventory.interfaces, interface(1, "10.10.10.5", NODES)),
    )

    (found,) = verify(planned, observed).findings

    assert (found.where, found.kind, found.is_drift) == (KEY, FindingKind.CUT_OFF, True)
    assert found.what == (
        f"pods of kube-dns have none of the groups that the rules let DNS pass to ({CLUSTER}): coredns-1 at eni-dns-1 "
        f"has {NODES}"
    )
    assert found.why == "queries to them are dropped, so no name resolves"
    assert found.remedy == (
        "Add the groups of every pod of kube-dns: write groups: [nodes] under cluster.dns in Pulumi.dev.yaml, and "
        "deploy"
    )


def test_pods_with_the_nodes_group_may_ask_by_the_rules_of_others() -> None:
    content = put(binding_content("dev"), ("cluster", "attachment"), "nodes")
    planned = compile_firewall(shop_matrix(), environment_of("dev", content))

    (notice,) = said(planned, (OTHER,))

    assert ". pods have the nodes' group, so only rules of others can let queries to them pass. Add the" in notice


@pytest.mark.parametrize("groups", [(CLUSTER,), (CLUSTER, OTHER)], ids=["alone", "with others"])
def test_dns_in_a_declared_group_is_no_finding(groups: tuple[str, ...]) -> None:
    assert said(firewall(["cluster"]), groups) == []


@pytest.mark.parametrize(
    ("declared", "carried", "line"),
    [
        pytest.param(None, [(OTHER,)], f"[{{id: {OTHER}}}]", id="a group that the binding does not know"),
        pytest.param(["nodes"], [(CLUSTER,), (NODES,)], "[cluster, nodes]", id="some pods in each"),
        pytest.param(["cluster"], [(NODES, OTHER)], "[nodes]", id="one group is enough"),
        pytest.param([{"id": REDIS}], [(REDIS,), (OTHER,)], f"[{{id: {REDIS}}}, {{id: {OTHER}}}]", id="ids"),
    ],
)
def test_the_line_to_write_names_a_group_of_every_pod(
    declared: list[Any] | None, carried: list[tuple[str, ...]], line: str
) -> None:
    (notice,) = said(firewall(declared), *carried)

    assert notice.startswith(f"{KEY}: pods of kube-dns have none of the groups")
    assert f"write groups: {line} under cluster.dns in Pulumi.dev.yaml" in notice


def test_a_preview_names_a_group_whose_rules_nothing_needs_unless_the_binding_asks_for_it() -> None:
    (notice,) = said(firewall(), (CLUSTER,), (CLUSTER,))

    assert notice == (
        f"{KEY}: no pod of kube-dns has {NODES}, so the rules that let DNS pass to it are not needed. Write groups: "
        "[cluster] under cluster.dns in Pulumi.dev.yaml."
    )
    assert said(firewall(["cluster", "nodes"]), (CLUSTER,)) == []
    assert said(firewall(), (CLUSTER,), (NODES,)) == []


@pytest.mark.parametrize(
    "pod",
    [
        resolver(1, "10.10.10.5", until=1.0),
        resolver(1, "10.10.10.5", namespace="shop"),
        resolver(1, "10.10.10.5", labels=(("k8s-app", "metrics-server"),)),
        resolver(1, "192.168.7.7"),
    ],
    ids=["ended", "of another namespace", "of another application", "without an interface of the VPC"],
)
def test_other_pods_do_not_count(pod: Pod) -> None:
    planned = firewall(["cluster"])
    observed = with_inventory(standing(planned), pods=(pod,), interfaces=(interface(1, "10.10.10.5", OTHER),))

    assert list(Resolvers(planned, observed).findings()) == []


def test_dns_of_ipv6_is_found_in_the_delegated_block_of_its_nodes_interface() -> None:
    planned = firewall(["cluster"])
    node = Interface("eni-node", ("10.10.10.9", "2001:db8::9"), (NODES,), (ip_network("2001:db8:0:0:a::/80"),))
    pods = (resolver(1, "2001:db8:0:0:a::5"), resolver(2, "2001:db8:0:0:b::5"))

    (notice,) = resolver_notices(planned.environment, pods, (node,))

    assert "coredns-1 at eni-node has sg-dev-nodes" in str(notice)
    assert "coredns-2" not in str(notice)
