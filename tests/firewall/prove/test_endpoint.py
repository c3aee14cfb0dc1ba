"""The endpoints of the proof: declared ones, undeclared ones, and other pods that selectors match."""

from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.bind.environment import Environment, Place
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.compile.vpc_layer import OwnGroup, PodAttachment
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import (
    KUBELET,
    NODE_DNS,
    Endpoint,
    Role,
    any_overlap,
    before_restart,
    endpoints,
)
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.stacks import CASES
from tests.support.mutants.mutations import Compiled, compiled


def endpoints_of(right: Compiled, *manifests: dict[str, object]) -> dict[str, Endpoint]:
    policies = cluster_from([*right.manifests, *manifests]).policies
    found = endpoints(right.matrix, right.environment, right.firewall, policies)
    assert len({endpoint.name for endpoint in found}) == len(found)
    return {endpoint.name: endpoint for endpoint in found}


def policy(**peer: object) -> dict[str, object]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "more", "namespace": "flash-ticket"},
        "spec": {"podSelector": {}, "ingress": [{"from": [peer]}]},
    }


def strangers(*manifests: dict[str, object]) -> set[str]:
    right = compiled(*CASES["dev"]())
    return set(endpoints_of(right, *manifests)) - set(endpoints_of(right))


def test_the_endpoints_of_the_shop() -> None:
    found = endpoints_of(compiled(*CASES["dev"]()))

    assert {name: endpoint.role for name, endpoint in found.items()} == {
        **dict.fromkeys(("api", "gateway", "pay"), Role.SERVICE),
        **dict.fromkeys(("alb", "database", "rabbitmq", "redis"), Role.EXTERNAL),
        **dict.fromkeys(("DNS", KUBELET), Role.IMPLIED),
        "clients of alb": Role.CLIENTS,
        "another pod of flash-ticket": Role.UNDECLARED,
        "a pod elsewhere in the cluster": Role.UNDECLARED,
        "another host of the VPC": Role.UNDECLARED,
        "the internet": Role.UNDECLARED,
    }


def test_dns_on_the_node_is_an_endpoint_if_pods_use_it() -> None:
    assert NODE_DNS in endpoints_of(compiled(*CASES["dev-node-local-dns"]()))


def test_the_service_that_the_cache_on_the_node_replaces_leads_to_dns_alone() -> None:
    right = compiled(*CASES["dev-node-local-dns"]())
    layers = BothLayers(right.matrix, right.environment, right.manifests, right.firewall)
    opened = layers.openings(Layer.POD)

    assert {other.name for one, other in opened if one.name == "api" and other.workload} == {"pay", "DNS"}


def test_with_attachment_nodes_all_pods_have_the_nodes_group() -> None:
    right = compiled(*CASES["dev-nodes"]())
    pods = [endpoint for name, endpoint in endpoints_of(right).items() if endpoint.workload and name != "DNS"]

    assert {endpoint.groups for endpoint in pods} == {frozenset(right.environment.cluster.nodes)}


def test_an_address_that_only_an_external_has_is_no_other_endpoints_even_if_clients_take_in_the_whole_vpc() -> None:
    right = compiled(*CASES["dev"]())
    alone = tuple(map(ip_network, ("10.10.99.7", "172.20.0.7")))
    places = tuple(
        (name, Place(alone, None, (), Occupants.ONLY) if name == "redis" else each)
        for name, each in right.environment.places
    )
    fronts = tuple(replace(each, clients=(ip_network("10.10.0.0/16"),)) for each in right.environment.load_balancers)
    found = endpoints_of(replace(right, environment=replace(right.environment, places=places, load_balancers=fronts)))
    theirs = [AddressRange.of_network(each) for each in alone]

    assert {name for name, each in found.items() if any_overlap(each.ranges, theirs)} == {
        "redis",
        "clients of alb",
        KUBELET,
    }
    pods = [each.workload for each in found.values() if each.workload]
    assert not any(any_overlap((*each.addresses, *each.cluster_ips), theirs) for each in pods)


@given(shops())
def test_compiled_selectors_add_no_endpoint(shop: tuple[Matrix, Environment]) -> None:
    right = compiled(*shop)
    named = {endpoint.name for endpoint in endpoints_of(right).values() if endpoint.role is Role.UNDECLARED}

    always = 5 if right.environment.cluster.leaves_through_nodes else 4
    assert len(named) == always + len({service.namespace for service in right.matrix.services if service.namespace})


@given(shops())
def test_pods_have_their_own_group_exactly_with_attachment_pods(shop: tuple[Matrix, Environment]) -> None:
    right = compiled(*shop)
    cluster, found = right.environment.cluster, endpoints_of(right)

    for service in right.matrix.services:
        assert found[service.name].has_own_group == (cluster.attachment is Attachment.PODS)


@given(shops())
def test_pods_before_their_restart_have_the_previous_attachment(shop: tuple[Matrix, Environment]) -> None:
    right = compiled(*shop)
    leaving, found = right.environment.cluster.leaving, endpoints_of(right)

    for service in right.matrix.services:
        former = found.get(before_restart(service.name))
        assert (former is not None) == (leaving is not None)
        if former:
            assert former.has_own_group == (leaving is Attachment.PODS)
            assert former.groups != found[service.name].groups


def test_a_pod_has_every_group_that_is_attached_to_its_labels() -> None:
    right = compiled(*CASES["dev"]())
    everywhere = PodAttachment("all", (), (OwnGroup("pay"),))
    more = replace(right.firewall, attachments=(*right.firewall.attachments, everywhere))
    found = endpoints_of(replace(right, firewall=more))

    assert found["api"].groups == {OwnGroup("api"), OwnGroup("pods.flash-ticket"), OwnGroup("pay")}
    assert found["another pod of flash-ticket"].groups == {OwnGroup("pay")}
    assert not found["a pod elsewhere in the cluster"].has_own_group


def test_a_selector_for_unknown_pods_adds_an_endpoint() -> None:
    assert strangers(policy(podSelector={"matchLabels": {"app": "debug"}})) == {"a pod of flash-ticket with app=debug"}


def test_each_value_of_an_expression_adds_an_endpoint() -> None:
    expression = {"key": "app", "operator": "In", "values": ["flash-api", "one", "two"]}

    assert strangers(policy(podSelector={"matchExpressions": [expression]})) == {
        "a pod of flash-ticket with app=one",
        "a pod of flash-ticket with app=two",
    }


def test_a_label_with_any_value_adds_an_endpoint() -> None:
    expression = {"key": "app", "operator": "Exists"}

    assert strangers(policy(podSelector={"matchExpressions": [expression]})) == {
        "a pod of flash-ticket with app=any value"
    }


def test_a_namespace_selected_by_its_labels_adds_an_endpoint() -> None:
    assert strangers(policy(namespaceSelector={"matchLabels": {"team": "data"}})) == {"a pod of team=data"}
    assert strangers(policy(namespaceSelector={})) == set()
