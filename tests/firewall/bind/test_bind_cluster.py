"""Several groups of nodes, and what runs the nodes."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.notices import environment_notices
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.choices import Compute
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import SHOP, binding_content, environment_of, shop_matrix
from tests.support.declared.json_values import put

NODES, SPOT = {"name": "flash-ticket-dev-nodes"}, {"name": "flash-ticket-dev-redis"}
"""Two groups that the account has; the second one stands for Karpenter's."""


def bound(version: str = "1.36", **cluster: Any) -> Environment:  # noqa: ANN401 - parsed YAML has any shape
    """Return dev with other settings of the cluster, which runs a version of Kubernetes."""
    content = binding_content("dev")
    content["cluster"] |= cluster
    found = {name: replace(each, version=version) for name, each in SHOP.clusters.items()}
    return environment_of("dev", content, account=replace(SHOP, clusters=found))


def refused(version: str = "1.36", **cluster: Any) -> str:  # noqa: ANN401 - likewise
    with pytest.raises(InputError) as error:
        bound(version, **cluster)
    return str(error.value).removeprefix("Pulumi.dev.yaml: flash-ticket-firewall:binding.")


@pytest.mark.parametrize("attachment", ["pods", "nodes"])
def test_rules_for_nodes_name_each_group_of_nodes(attachment: str) -> None:
    matrix, environment = shop_matrix(), bound(nodes=[NODES, SPOT], attachment=attachment)
    rules = compile_groups(matrix, environment).rules

    asked = "kubelet probes to api" if attachment == "pods" else "gateway to api"
    sources = {rule.peer for rule in rules if asked in rule.flows and rule.direction == "ingress"}
    assert sources == set(environment.cluster.nodes)
    assert {group.id for group in environment.cluster.nodes} == {"sg-dev-nodes", "sg-dev-redis"}
    assert compile_firewall(matrix, environment).proof().holds


def test_all_groups_of_nodes_can_be_those_of_dns() -> None:
    dns = {"mode": "cluster", "groups": ["nodes"]}
    environment = bound(nodes=[NODES, SPOT], dns=dns)

    assert environment.cluster.groups_of_dns == environment.cluster.nodes


def test_a_group_of_nodes_that_is_not_there_or_is_selected_twice_is_one_clear_error() -> None:
    absent = refused(nodes=[NODES, {"name": "spot"}])
    twice = refused(nodes=[NODES, {"id": "sg-dev-nodes"}])

    assert absent.startswith("cluster.nodes[1]: there is no security group of vpc-dev named spot in account 1111222")
    assert twice == "cluster.nodes[1]: it selects sg-dev-nodes, as cluster.nodes[0] does. Remove one of the two."


def test_pods_on_auto_mode_have_groups_from_the_version_that_attaches_them() -> None:
    cni = {"name": "vpc-cni"}

    assert bound("1.36", compute="auto-mode", cni=cni).cluster.compute is Compute.AUTO_MODE
    assert refused("1.35", compute="auto-mode", cni=cni) == (
        "cluster.attachment: the cluster flash-ticket-dev runs Kubernetes 1.35, and on Auto Mode pods have groups of "
        "their own from 1.36 on. Write nodes, or upgrade the cluster first."
    )
    leaving = {"compute": "auto-mode", "cni": cni, "attachment": "nodes", "leaving": "pods"}
    assert refused("1.35", **leaving).startswith("cluster.leaving: ")
    assert bound("1.35", compute="auto-mode", cni=cni, attachment="nodes")


def test_pods_on_auto_mode_may_ask_the_resolver_of_their_node() -> None:
    matrix, environment = shop_matrix(), bound(compute="auto-mode", cni={"name": "vpc-cni"})
    (api,) = (each for each in compile_policies(matrix, environment).allows if each.name == "04-allow-egress-api")

    assert environment.resolvers == (ip_network("172.20.0.10/32"),)
    assert "172.20.0.10/32" in str(api.manifest())
    assert compile_firewall(matrix, environment).proof().holds


def test_notices_about_settings_that_auto_mode_does_not_have_are_left_out() -> None:
    matrix = shop_matrix()
    ec2, auto = bound(cni={"name": "vpc-cni"}), bound(compute="auto-mode", cni={"name": "vpc-cni"})
    said = [
        {each.where: each.remedy for each in environment_notices(found, compile_policies(matrix, found))}
        for found in (ec2, auto)
    ]

    assert "aws-node" in said[0]["cluster.cni.enforcingMode standard"]
    assert said[1]["cluster.cni.enforcingMode standard"].startswith("Set networkPolicy: DefaultDeny in the NodeClass")
    assert not any("podEniMode" in where for where in said[1])


@pytest.mark.parametrize(
    ("alerts", "line"),
    [
        ({"prometheus": {}}, "alerts.prometheus: on Auto Mode the network policy agent is a service of each node, whi"),
        (
            {"cloudwatch": {"topic": "on-call", "agentLogGroup": "/aws/eks/x/cluster"}},
            "alerts.cloudwatch.agentLogGroup: on Auto Mode the network policy agent writes its log to a file of the n",
        ),
    ],
)
def test_alerts_about_what_auto_mode_does_not_export_are_refused(alerts: dict[str, Any], line: str) -> None:
    content = put(binding_content("dev"), ("alerts",), {"runbook": "https://wiki.example.com/runbook", **alerts})
    content["cluster"] |= {"compute": "auto-mode", "cni": {"name": "vpc-cni"}}
    with pytest.raises(InputError) as error:
        environment_of("dev", content)
    assert str(error.value).removeprefix("Pulumi.dev.yaml: flash-ticket-firewall:binding.").startswith(line)


@pytest.mark.parametrize(
    ("cluster", "line"),
    [
        ({"compute": "fargate"}, "cluster.compute: Fargate enforces no NetworkPolicy, and its pods need the cluster's"),
        (
            {"compute": "auto-mode", "cni": {"name": "cilium"}},
            "cluster.cni: nodes of EKS Auto Mode run AWS's own network plug-in, and cilium cannot replace it. Write ",
        ),
        (
            {"compute": "auto-mode", "cni": {"name": "vpc-cni", "podEniMode": "strict"}},
            "cluster.cni: podEniMode is a setting of the aws-node DaemonSet, and EKS Auto Mode has no such DaemonSet. ",
        ),
    ],
)
def test_what_a_kind_of_compute_cannot_do_is_one_clear_error(cluster: dict[str, Any], line: str) -> None:
    assert refused(**cluster).startswith(line)
