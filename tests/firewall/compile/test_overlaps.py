"""An ipBlock that matches more than its place is named, with what it opens and what to change."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment, Place
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.compile.overlaps import Covered, overlaps
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.prove.endpoint import before_restart
from flash_ticket.firewall.terms.ports import NO_PORTS
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops

Binding = dict[str, Any]

AMONG_PODS = {"subnets": {"tags": {"Environment": "dev", "Tier": "private"}}}


def firewall(change: Callable[[Binding], object]) -> CompiledFirewall:
    content = binding_content("dev")
    change(content)
    return compile_firewall(shop_matrix(), environment_of("dev", content))


def place(name: str, where: Binding, cni: str = "vpc-cni", attachment: str = "pods") -> CompiledFirewall:
    def change(binding: Binding) -> None:
        binding["places"][name] = where
        if cni != "vpc-cni":
            binding["cluster"]["cni"] = {"name": cni}
        binding["cluster"]["attachment"] = attachment

    return firewall(change)


def said(found: CompiledFirewall) -> list[str]:
    return [str(notice) for notice in found.overlap_notices()]


def blurs(found: CompiledFirewall) -> list[str]:
    return list(map(str, found.proof().blurs))


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_stacks_keep_places_apart_from_pods_and_services(stack: str) -> None:
    found = compile_firewall(shop_matrix(), environment_of(stack))
    assert (said(found), blurs(found)) == ([], [])


@pytest.mark.parametrize("cni", ["vpc-cni", "calico"])
def test_a_load_balancer_among_pods_is_named_with_what_pods_there_may_reach(cni: str) -> None:
    found = place("alb", AMONG_PODS, cni)

    assert found.proof().holds
    assert blurs(found) == ["a pod elsewhere in the cluster => gateway : TCP 3000, like alb"]
    (notice,) = said(found)
    assert notice == (
        f"places.alb: it has addresses that pods can have (10.10.10.0/24 and 10.10.11.0/24), and with {cni} an ipBlock "
        "matches pods, so for any pod there: it may reach gateway on TCP 3000. Give alb addresses that no pod can "
        "have, or name its pods in traffic.yaml instead."
    )
    assert notice in map(str, found.notices())


def test_explain_and_list_say_that_such_a_pod_passes() -> None:
    layers = place("alb", AMONG_PODS).layers()
    verdicts = layers.verdicts("a pod elsewhere in the cluster", "gateway", "3000")

    assert all(verdict.passes for verdict in verdicts)
    assert "allowed by flash-ticket/01-allow-gateway-from-alb ingress[0]" in str(verdicts[0].ingress)
    assert ("a pod elsewhere in the cluster", "gateway") in layers.connections().as_map()


def test_with_cilium_an_ip_block_matches_no_pod() -> None:
    found = place("alb", AMONG_PODS, "cilium")
    assert (said(found), blurs(found)) == ([], [])
    assert not all(each.passes for each in found.layers().verdicts("a pod elsewhere in the cluster", "gateway", "3000"))


def test_with_attachment_nodes_a_load_balancer_anywhere_in_the_vpc_is_named() -> None:
    found = place("alb", {"cidrs": ["10.10.0.0/16"]}, attachment="nodes")
    pods, vpc = said(found)
    assert pods.startswith("places.alb: it has addresses that pods can have (10.10.10.0/24 and 10.10.11.0/24)")
    assert vpc.startswith("places.alb: it takes in the whole VPC (10.10.0.0/16), and the firewall takes every host")


def test_a_place_among_services_is_named_with_the_enforcer_that_judges_before_translation() -> None:
    services = {"cidrs": ["172.20.0.0/16"]}
    (notice,) = said(place("redis", services))
    assert notice == (
        "places.redis: it has addresses of Services (172.20.0.0/16), and vpc-cni judges egress before the address of a "
        "Service is translated, so for each Service there: api may reach it on TCP 6379; pay may reach it on TCP 6379. "
        "Narrow places.redis to addresses outside the Services' range."
    )
    assert said(place("redis", services, "calico")) == []


def clients(*cidrs: str) -> list[str]:
    found = firewall(lambda binding: binding["loadBalancer"].update(clients={"cidrs": list(cidrs)}))
    return [str(notice) for notice in found.notices()]


def test_clients_that_take_in_pods_are_named_with_what_pods_there_may_reach() -> None:
    (notice,) = clients("10.10.10.0/25", "203.0.113.0/24")
    assert notice == (
        "loadBalancer.clients: they take in addresses that pods can have (10.10.10.0/25), so any pod there may reach "
        "alb on TCP 443, and through it what alb may reach. Narrow them to addresses that no pod can have."
    )


def test_clients_anywhere_or_beside_pods_are_as_they_are_written() -> None:
    assert clients("0.0.0.0/0") == clients("10.10.20.0/24") == []


def test_where_pods_are_is_asked_for_if_nothing_tells_it() -> None:
    found = firewall(lambda binding: binding["cluster"].pop("podSubnets"))

    assert found.proof().holds
    assert blurs(found) == ["a pod elsewhere in the cluster => gateway : TCP 3000, like alb"]
    (notice,) = said(found)
    assert notice == (
        "cluster.podSubnets: it is not known which subnets pods are in, and with vpc-cni an ipBlock matches pods: the "
        "pod layer takes a pod with an address of alb, database, rabbitmq and redis for that place. Write the subnets "
        "that pods get addresses of, and keep places out of them."
    )


def test_the_cluster_s_own_resolver_among_services_is_no_overlap() -> None:
    assert said(firewall(lambda binding: binding["cluster"].update(dns={"mode": "node-local"}))) == []


@given(shops())
def test_what_an_ip_block_opens_between_pods_is_named_with_its_service(shop: tuple[Matrix, Environment]) -> None:
    assert opened_and_not_named(*shop) == []


def test_an_address_of_a_place_alone_among_services_leads_to_no_pod() -> None:
    alone = Place((ip_network("172.20.0.7"),), None, (), Occupants.ONLY)
    environment = environment_of("dev")
    places = tuple((name, alone if name == "redis" else each) for name, each in environment.places)

    assert opened_and_not_named(shop_matrix(), replace(environment, places=places)) == []


def opened_and_not_named(matrix: Matrix, environment: Environment) -> list[tuple[str, str]]:
    """Return the pods between which an ipBlock opens something, and that no overlap names."""
    layers = compile_firewall(matrix, environment).layers()
    by_label = replace(
        layers, environment=replace(environment, cluster=replace(environment.cluster, cni=CniName.CILIUM))
    )
    known = {(one.name, other.name): ports for (one, other), ports in by_label.openings(Layer.POD).items()}
    named = {each.service for each in overlaps(environment, compile_policies(matrix, environment))}
    named |= {before_restart(service) for service in named}
    return [
        (one.name, other.name)
        for (one, other), ports in layers.openings(Layer.POD).items()
        if one.workload and other.workload and ports - known.get((one.name, other.name), NO_PORTS)
        if named.isdisjoint((one.name, other.name))
    ]


def test_overlaps_are_sorted_by_place_and_what_they_cover() -> None:
    found = place("redis", {"cidrs": ["0.0.0.0/0"]})
    kinds = [(each.place, each.covered) for each in overlaps(found.environment, found.pods)]
    assert kinds == sorted(kinds)
    assert {covered for _, covered in kinds} == {Covered.PODS, Covered.SERVICES, Covered.INTERNET}


@pytest.mark.parametrize("cni", ["vpc-cni", "cilium"])
def test_a_place_that_takes_in_the_internet_or_the_vpc_is_named(cni: str) -> None:
    internet = said(place("redis", {"cidrs": ["0.0.0.0/0"]}, cni))
    vpc = said(place("redis", {"cidrs": ["10.10.0.0/17", "10.10.128.0/17"]}, cni))

    assert (
        "places.redis: it takes in the internet (0.0.0.0/0), and the firewall takes every host there for redis: api "
        "may reach it on TCP 6379; pay may reach it on TCP 6379. Narrow places.redis to the addresses of redis, unless "
        "every host there is meant."
    ) in internet
    assert any(
        each.startswith("places.redis: it takes in the whole VPC (10.10.0.0/17 and 10.10.128.0/17)") for each in vpc
    )


def test_groups_tell_the_hosts_of_a_wide_place_apart_in_the_vpc_layer_alone() -> None:
    groups = [{"tags": {"Name": "flash-ticket-dev-redis"}}]
    notices = said(place("redis", {"cidrs": ["10.0.0.0/7"], "groups": groups}))

    assert any("it takes in the internet (10.0.0.0/7), and the pod layer takes every host" in each for each in notices)


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "203.0.113.0/24", "8.0.0.0/8"])
def test_a_block_that_somebody_can_own_does_not_take_in_the_internet(cidr: str) -> None:
    assert not any("takes in the internet" in each for each in said(place("redis", {"cidrs": [cidr]})))
