"""The preview reports a change that no order of single writes makes safe, and how to avoid the interruption."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment, Group, LoadBalancer
from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.change.interruption import Interruption, interruptions
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.report.impact import impact_warnings
from tests.support.declared.accounts import environment_of
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.declared.stacks import CASES, traffic_content, two_namespaces

Content = dict[str, Any]
SERVICES = {"api", "gateway", "pay"}


def shop(content: Content | None = None, **cluster: object) -> CompiledFirewall:
    """Return the shop of dev, with another matrix or another cluster."""
    matrix = parse_matrix(content or traffic_content(), "traffic.yaml")
    return of(matrix, environment_of("dev", matrix=matrix), **cluster)


def of(matrix: Matrix, environment: Environment, **cluster: Any) -> CompiledFirewall:  # noqa: ANN401 - the fields of Cluster
    return compile_firewall(matrix, replace(environment, cluster=replace(environment.cluster, **cluster)))


def interrupted(before: CompiledFirewall, after: CompiledFirewall) -> list[Interruption]:
    return list(interruptions(deployed(before), after.layers()))


def only(before: CompiledFirewall, after: CompiledFirewall) -> Interruption:
    (found,) = interrupted(before, after)
    return found


def with_service(name: str, entry: Mapping[str, object], former: str | None = None) -> Content:
    """Return the shop's declaration with a changed or renamed service."""
    content = traffic_content()
    changed = {**content["services"].pop(former or name), **entry}
    content["services"][name] = changed
    for flow in content["flows"]:
        for end in ("from", "to"):
            named = flow[end] if isinstance(flow[end], list) else [flow[end]]
            flow[end] = [name if each == former else each for each in named]
    return content


ON_NODES: Content = {"attachment": Attachment.NODES}
ON_PODS: Content = {"attachment": Attachment.PODS}
LEAVING_NODES: Content = {**ON_PODS, "leaving": Attachment.NODES}
LEAVING_PODS: Content = {**ON_NODES, "leaving": Attachment.PODS}


@given(shops())
def test_a_first_deployment_and_the_same_again_interrupt_nothing(drawn: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*drawn)

    assert interruptions(nothing_deployed(), firewall.layers()) == ()
    assert interrupted(firewall, firewall) == []


@pytest.mark.parametrize("case", CASES)
def test_changes_of_flows_and_ports_interrupt_nothing(case: str) -> None:
    matrix, environment = CASES[case]()
    fewer = replace(matrix, flows=matrix.flows[:-1])

    assert interrupted(compile_firewall(matrix, environment), compile_firewall(fewer, environment)) == []
    assert interrupted(compile_firewall(fewer, environment), compile_firewall(matrix, environment)) == []


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [(ON_NODES, ON_PODS, "nodes"), (ON_PODS, ON_NODES, "pods")],
)
def test_another_attachment_cuts_off_running_pods(before: Content, after: Content, left: str) -> None:
    found = only(shop(**before), shop(**after))

    assert found.where == f"cluster.attachment changes from {left} to {after['attachment'].value}"
    assert "running pods have " in found.what
    assert found.remedy == (
        f"Add cluster.leaving: {left} and deploy, restart every pod (kubectl --namespace flash-ticket "
        "rollout restart deployment), and then remove it"
    )
    assert found.ends >= SERVICES


@pytest.mark.parametrize(("before", "after"), [(ON_NODES, LEAVING_NODES), (ON_PODS, LEAVING_PODS)])
def test_leaving_an_attachment_with_its_rules_cuts_off_nothing(before: Content, after: Content) -> None:
    assert interrupted(shop(**before), shop(**after)) == []


@pytest.mark.parametrize(
    ("before", "after", "left"), [(LEAVING_NODES, ON_PODS, "nodes"), (LEAVING_PODS, ON_NODES, "pods")]
)
def test_the_end_of_leaving_reminds_to_restart_the_pods(before: Content, after: Content, left: str) -> None:
    found = only(shop(**before), shop(**after))

    assert found.where == f"cluster.leaving {left} ends"
    assert found.what.startswith("pods that have not restarted still have ")


def test_incompatible_labels_cut_off_running_pods() -> None:
    found = only(shop(), shop(with_service("api", {"pods": {"app": "flash-api-2"}})))

    assert found.where == "the pods of api are now selected by app=flash-api-2 instead of app=flash-api"
    assert found.remedy.startswith(
        "Declare a service in addition to api with the new labels and the same flows, deploy"
    )
    assert found.ends == {"api"}


def test_compatible_labels_can_be_added_to_pods_first() -> None:
    found = only(shop(), shop(with_service("api", {"pods": {"app": "flash-api", "tier": "back"}})))

    assert found.remedy.startswith("Give the pods the new labels in addition to the former ones first")


def test_fewer_labels_cut_off_nothing() -> None:
    assert interrupted(shop(with_service("api", {"pods": {"app": "flash-api", "tier": "back"}})), shop()) == []


def swapped() -> Content:
    """Return the shop's declaration with the names of two ingress policies swapped."""
    content = traffic_content()
    api, pay = (content["services"][name]["policies"] for name in ("api", "pay"))
    api["ingress"], pay["ingress"] = pay["ingress"], api["ingress"]
    return content


def test_swapped_policy_names_interrupt_both_services() -> None:
    steps = {each.where: each for each in interrupted(shop(), shop(swapped()))}

    assert set(steps) == {
        "the policy 02-allow-api-from-gateway now belongs to pay (ingress) instead of api (ingress)",
        "the policy 03-allow-pay-from-api now belongs to api (ingress) instead of pay (ingress)",
    }
    assert all(each.remedy.startswith("Give ") for each in steps.values())


def test_policy_names_swapped_between_directions_interrupt() -> None:
    content = traffic_content()
    policies = content["services"]["api"]["policies"]
    policies["ingress"], policies["egress"] = policies["egress"], policies["ingress"]

    assert len(interrupted(shop(), shop(content))) == 2


def test_a_policy_name_that_is_free_can_be_used() -> None:
    freed = traffic_content()
    freed["services"]["api"]["policies"]["ingress"] = "02-allow-api"
    used = traffic_content()
    used["services"]["api"]["policies"]["ingress"] = "02-allow-api"
    used["services"]["pay"]["policies"]["ingress"] = "02-allow-api-from-gateway"

    assert interrupted(shop(), shop(freed)) == []
    assert interrupted(shop(freed), shop(used)) == []


def test_a_renamed_service_loses_the_group_of_its_pods() -> None:
    found = only(shop(), shop(with_service("backend", {}, former="api")))

    assert found.where == "the service api is now named backend"
    assert found.ends == {"api", "backend"}


def test_with_attachment_nodes_a_service_can_be_renamed() -> None:
    assert interrupted(shop(**ON_NODES), shop(with_service("backend", {}, former="api"), **ON_NODES)) == []


def test_a_renamed_load_balancer_loses_its_group() -> None:
    matrix, environment = CASES["dev"]()
    front = environment.load_balancers[0]
    renamed = replace(
        matrix,
        externals=tuple(replace(each, name="front") if each.name == "alb" else each for each in matrix.externals),
        flows=tuple(replace(each, source="front") if each.source == "alb" else each for each in matrix.flows),
    )
    moved = replace(
        environment,
        load_balancers=(LoadBalancer("front", front.listeners, front.clients),),
        places=tuple(("front" if name == "alb" else name, place) for name, place in environment.places),
    )

    found = only(compile_firewall(matrix, environment), compile_firewall(renamed, moved))

    assert found.where == "the load balancer alb is now named front"
    assert found.remedy == "Keep the name alb"


def test_another_group_of_nodes_or_cluster_cuts_off_the_former_one() -> None:
    nodes = only(shop(), shop(nodes=(Group("sg-new", "new-nodes"),)))
    new = Group("sg-new", "new-cluster")
    cluster = only(shop(), shop(group=new, dns_groups=(new,)))

    assert nodes.where == "cluster.nodes now means the security group sg-new instead of sg-dev-nodes"
    assert cluster.where == "cluster.name now means the security group sg-new instead of sg-dev-cluster"
    assert {"api", "redis"} <= nodes.ends


def test_a_group_of_dns_that_is_no_longer_declared_is_cut_off() -> None:
    """The binding says nothing, so DNS has the group of the cluster and of the nodes; each change is reported once."""
    both = shop(dns_groups=())
    of_nodes = shop(dns_groups=both.environment.cluster.nodes)
    nodes = only(both, shop(dns_groups=(), nodes=(Group("sg-new", "new-nodes"),)))
    cluster = only(both, shop(dns_groups=(), group=Group("sg-new", "new-cluster")))

    assert only(both, of_nodes).where == (
        "cluster.dns.groups now means the security group sg-dev-nodes instead of sg-dev-cluster"
    )
    assert nodes.where == "cluster.nodes now means the security group sg-new instead of sg-dev-nodes"
    assert cluster.where == (
        "cluster.name now means the security groups sg-dev-nodes, sg-new instead of sg-dev-cluster"
    )


def test_another_vpc_or_namespace_replaces_the_whole_firewall() -> None:
    firewall = shop()
    groups = deployed(firewall).groups
    elsewhere = tuple({**group, "VpcId": "vpc-old"} for group in groups)
    labels = deployed(firewall).group_labels
    former = tuple(
        {
            **group,
            "Tags": [
                *(tag for tag in group["Tags"] if tag["Key"] != "Name"),
                {"Key": "Name", "Value": f"old-shop-dev-{labels[group['GroupId']]}"},
            ],
        }
        for group in groups
    )

    (vpc,) = interruptions(deployed(firewall, groups=elsewhere), firewall.layers())
    (namespace,) = interruptions(deployed(firewall, groups=former), firewall.layers())

    assert vpc.where == "vpc changes from vpc-old to vpc-dev"
    assert namespace.where == "namespace changes from old-shop to flash-ticket"
    assert "a separate stack" in vpc.remedy


def test_the_preview_shows_interruptions_first() -> None:
    before, after = shop(**ON_NODES), shop(**ON_PODS)
    found = impact(deployed(before), after.layers())

    assert next(iter(impact_warnings(found))) == str(found.interruptions[0])
    assert str(found.interruptions[0]).startswith(
        "Interrupting step: cluster.attachment changes from nodes to pods: running pods have the nodes' group"
    )


@given(shops(), shops())
def test_each_interruption_is_one_line_with_step_effect_and_remedy(
    one: tuple[Matrix, Environment], other: tuple[Matrix, Environment]
) -> None:
    for each in interrupted(compile_firewall(*one), compile_firewall(*other)):
        assert str(each) == f"Interrupting step: {each.where}: {each.what}. {each.remedy}."
        assert each.remedy[0].isupper()
        assert each.ends


def test_a_namespace_that_is_no_longer_declared_opens_the_pods_that_still_run_there() -> None:
    found = only(compile_firewall(*two_namespaces()), shop())

    assert found.where == "the namespace monitoring is no longer declared"
    assert "its default-deny is deleted" in found.what
    # Its running pods keep their group, and a deployment deletes the rules of that group.
    assert "the groups of running pods lose their rules" in found.what
    assert "prometheus" in found.ends


def test_a_service_that_moves_to_another_namespace_is_declared_there_under_a_second_name_first() -> None:
    before = compile_firewall(*two_namespaces())
    moved = two_namespaces()[0]
    services = tuple(replace(each, namespace=None) if each.name == "prometheus" else each for each in moved.services)
    after = of(replace(moved, services=services), before.environment)
    left, named = interrupted(before, after)

    assert left.where == "the namespace monitoring is no longer declared"
    assert named.where == "the service prometheus is now in the namespace flash-ticket instead of monitoring"
    assert named.ends == {"prometheus"}


def test_two_namespaces_deployed_as_declared_interrupt_nothing_and_show_no_change() -> None:
    firewall = compile_firewall(*two_namespaces())
    found = impact(deployed(firewall), firewall.layers())

    assert interrupted(firewall, firewall) == []
    assert found.difference is not None
    assert not found.difference
    assert not found.foreign
