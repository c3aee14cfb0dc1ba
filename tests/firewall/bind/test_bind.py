"""A binding and an account become an environment with a place for every name, or a one-line error."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.account import FoundCluster, FoundSubnet, FoundVpc
from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList
from flash_ticket.firewall.declare.choices import Attachment, DnsMode
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from tests.support.declared.accounts import (
    ACCOUNT,
    CLOUDFRONT,
    SHOP,
    AccountInMemory,
    Thing,
    binding_content,
    environment_of,
    shop_matrix,
)
from tests.support.declared.json_values import put, without
from tests.support.declared.stacks import traffic_content

# The mistake, the key of the binding, its value (... for no such key), and the error line after the file and the
# binding's own key.
# fmt: off
MISTAKES: list[tuple[str, str, Any, str]] = [
    ("pods in a subnet that is not there", "cluster.podSubnets", {"names": ["pods"]},
        (".cluster.podSubnets: there is no subnet of vpc-dev named pods in account 111122223333 in ap-northeast-2. "
        "Correct it, or create the subnet of vpc-dev first.")),
    ("a group of DNS that is not there", "cluster.dns.groups", ["nodes", {"name": "dns"}],
        (".cluster.dns.groups[1]: there is no security group of vpc-dev named dns in account 111122223333 in "
        "ap-northeast-2. Correct it, or create the security group of vpc-dev first.")),
    ("an external without a place", "places.redis", ...,
        ".places: the external redis of traffic.yaml has no place in this stack. Add places.redis."),
    ("a place of no external", "places.redsi", {"cidrs": ["10.0.0.0/8"]},
        ".places.redsi: redsi is not an external of traffic.yaml. Remove it or correct its name."),
    ("a place of a service", "places.gateway", {"cidrs": ["10.0.0.0/8"]},
        ".places.gateway: gateway is not an external of traffic.yaml. Remove it or correct its name."),
    ("a load balancer that is no external", "loadBalancer.external", "front",
        (".loadBalancer.external: front is not an external of traffic.yaml outside the cluster. Write one of: "
        "alb, database, rabbitmq, redis.")),
    ("a load balancer that is a service", "loadBalancer.external", "gateway",
        (".loadBalancer.external: gateway is not an external of traffic.yaml outside the cluster. Write one of: "
        "alb, database, rabbitmq, redis.")),
    ("a group for the load balancer", "places.alb.groups", [{"name": "x"}],
        ".places.alb.groups: this program creates the load balancer's group. Remove the groups."),
    ("a CIDR of a family that the VPC lacks", "loadBalancer.clients.cidrs", ["2001:db8::/32"],
        (".loadBalancer.clients.cidrs[0]: 2001:db8::/32 is IPv6, and vpc-dev has no IPv6 block. Write a CIDR "
        "of the VPC's family.")),
    ("a VPC that is not there", "vpc", {"tags": {"Name": "flash-ticket-qa"}},
        (".vpc: there is no VPC with the tags Name=flash-ticket-qa in account 111122223333 in ap-northeast-2. "
        "Correct it, or create the VPC first.")),
    ("a subnet that is not there", "places.alb", {"subnets": {"names": ["public-a"]}},
        (".places.alb.subnets: there is no subnet of vpc-dev named public-a in account 111122223333 in "
        "ap-northeast-2. Correct it, or create the subnet of vpc-dev first.")),
    ("tags of no subnet", "places.alb.subnets", {"tags": {"Tier": "edge"}},
        ".places.alb.subnets: there is no subnet of vpc-dev with the tags Tier=edge. Correct the tags."),
    ("except of addresses that are not there", "places.alb", {"cidrs": ["10.0.0.0/8"], "except": ["192.0.2.0/24"]},
        ".places.alb.except[0]: the place has no address of 192.0.2.0/24. Remove it or correct it."),
    ("except of everything", "places.alb", {"cidrs": ["10.0.0.0/24"], "except": ["10.0.0.0/8"]},
        ".places.alb.except: it leaves no address of the place. Leave out less."),
    ("except of another family", "places.alb", {"cidrs": ["10.0.0.0/24"], "except": ["2001:db8::/32"]},
        (".places.alb.except[0]: 2001:db8::/32 is IPv6, and vpc-dev has no IPv6 block. Write a CIDR of the VPC's "
        "family.")),
    ("a group that is not there", "places.redis.groups", [{"name": "redis"}],
        (".places.redis.groups[0]: there is no security group of vpc-dev named redis in account 111122223333 "
        "in ap-northeast-2. Correct it, or create the security group of vpc-dev first.")),
    ("a group of another VPC", "places.redis.groups", [{"id": "sg-prod-redis"}],
        (".places.redis.groups[0]: there is no security group of vpc-dev with the id sg-prod-redis in account "
        "111122223333 in ap-northeast-2. Correct it, or create the security group of vpc-dev first.")),
    ("a node group that is not there", "cluster.nodes", {"name": "nodes"},
        (".cluster.nodes: there is no security group of vpc-dev named nodes in account 111122223333 in "
        "ap-northeast-2. Correct it, or create the security group of vpc-dev first.")),
    ("a prefix list that is not there", "loadBalancer.clients", {"prefixList": {"name": "office"}},
        (".loadBalancer.clients.prefixList: there is no managed prefix list named office in account "
        "111122223333 in ap-northeast-2. Correct it, or create the managed prefix list first.")),
    ("a cluster that is not there", "cluster.name", "shop",
        (".cluster.name: there is no EKS cluster shop in account 111122223333 in ap-northeast-2. Correct the "
        "name.")),
    ("a cluster in another VPC", "cluster.name", "flash-ticket-prod",
        (".cluster.name: the cluster flash-ticket-prod is in vpc-prod, the binding's VPC is vpc-dev. Correct "
        "one.")),
]
# fmt: on


def bound(key: str, value: Any, account: AccountInMemory = SHOP) -> Environment:  # noqa: ANN401 - parsed YAML
    path = tuple(key.split("."))
    content = binding_content("dev")
    return environment_of("dev", without(content, path) if value is ... else put(content, path, value), account=account)


def refusal(key: str, value: Any, account: AccountInMemory = SHOP) -> str:  # noqa: ANN401 - parsed YAML
    with pytest.raises(InputError) as refused:
        bound(key, value, account)
    return str(refused.value).removeprefix("Pulumi.dev.yaml: flash-ticket-firewall:binding")


@pytest.mark.parametrize(("key", "value", "line"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_name_without_a_place_is_reported_with_file_key_problem_and_remedy(key: str, value: Any, line: str) -> None:  # noqa: ANN401 - parsed YAML
    assert refusal(key, value) == line


def test_two_vpcs_with_the_tags_are_reported_by_their_ids() -> None:
    twin = Thing(FoundVpc("vpc-twin", ()), "flash-ticket-dev", {"Name": "flash-ticket-dev"})

    assert refusal("vpc", {"tags": {"Name": "flash-ticket-dev"}}, SHOP.and_also(twin)) == (
        ".vpc: 2 matches in account 111122223333 in ap-northeast-2 for the VPC with the tags Name=flash-ticket-dev: "
        "vpc-dev, vpc-twin. Select exactly one, by id if necessary."
    )


def test_two_groups_with_the_tags_are_reported_by_their_ids() -> None:
    twin = Thing(Group("sg-twin", "twin"), "twin", {"Name": "flash-ticket-dev-redis"}, "vpc-dev")

    assert refusal("places.redis.groups", [{"tags": {"Name": "flash-ticket-dev-redis"}}], SHOP.and_also(twin)) == (
        ".places.redis.groups[0]: 2 matches in account 111122223333 in ap-northeast-2 for the security group of "
        "vpc-dev with the tags Name=flash-ticket-dev-redis: sg-dev-redis, sg-twin. Select exactly one, by id if "
        "necessary."
    )


def test_only_five_of_many_matches_are_shown() -> None:
    many = [Thing(FoundSubnet(f"subnet-{number}", ()), "data", {}, "vpc-dev") for number in range(7)]

    assert refusal("places.redis", {"subnets": {"names": ["data"]}}, SHOP.and_also(*many)).endswith(
        "subnet-0, subnet-1, subnet-2, subnet-3, subnet-4 and 2 more. Select exactly one, by id if necessary."
    )


def test_a_prefix_list_without_entries_is_refused_as_a_place() -> None:
    """A NetworkPolicy rule without peers allows every peer."""
    empty = Thing(PrefixList("pl-1", "office", 4, 10, ()), "office")

    assert refusal("places.redis", {"prefixList": {"name": "office"}}, SHOP.and_also(empty)) == (
        ".places.redis.prefixList: the managed prefix list office (pl-1) has no entries. Add entries to it, or give "
        "subnets or cidrs instead."
    )


def test_a_prefix_list_of_a_family_that_the_vpc_lacks_is_refused() -> None:
    other = Thing(PrefixList("pl-1", "office", 6, 10, (ip_network("2001:db8::/32"),)), "office")

    assert refusal("loadBalancer.clients", {"prefixList": {"name": "office"}}, SHOP.and_also(other)) == (
        ".loadBalancer.clients.prefixList: the managed prefix list office contains IPv6, and vpc-dev has no IPv6 "
        "block. Select a list of the VPC's family."
    )


def test_pods_of_another_namespace_must_not_have_a_place() -> None:
    content = traffic_content()
    content["externals"]["prometheus"] = {"namespace": "monitoring"}
    matrix = parse_matrix(content, "traffic.yaml")
    binding = binding_content("dev")

    assert "prometheus" not in dict(environment_of("dev", binding, matrix).places)
    with pytest.raises(InputError, match="prometheus stands for pods of another namespace, which need no place"):
        environment_of("dev", put(binding, ("places", "prometheus"), {"cidrs": ["10.0.0.0/8"]}), matrix)


def test_a_place_has_subnets_and_blocks_together_without_what_is_left_out() -> None:
    subnets = dict(environment_of("dev").places)["redis"].networks
    written = {"cidrs": ["192.0.2.0/24", "198.51.100.0/25"], "except": ["192.0.2.128/25", "198.51.100.0/24"]}
    content = binding_content("dev")
    for key, value in written.items():
        content["places"]["redis"][key] = value
    place = dict(environment_of("dev", content).places)["redis"]

    assert [str(each) for each in place.networks if each not in subnets] == ["192.0.2.0/25"]
    assert set(subnets) < set(place.networks)
    assert place.groups


def test_anywhere_but_the_vpc_is_a_place() -> None:
    content = put(binding_content("dev"), ("places", "redis"), {"cidrs": ["0.0.0.0/0"], "except": ["10.0.0.0/8"]})
    environment = environment_of("dev", content)
    networks = dict(environment.places)["redis"].networks

    assert sum(each.num_addresses for each in networks) == 2**32 - 2**24
    assert not any(each.overlaps(ip_network("10.0.0.0/8")) for each in networks)
    assert compile_firewall(shop_matrix(), environment).proof().holds


def test_dev_and_prod_bind_to_their_own_places() -> None:
    dev, prod = environment_of("dev"), environment_of("prod")

    assert (dev.vpc, dev.account, dev.cluster.nodes[0].id) == ("vpc-dev", ACCOUNT, "sg-dev-nodes")
    assert [str(network) for network in dev.place("alb").networks] == ["10.10.0.0/24", "10.10.1.0/24"]
    assert [str(network) for network in prod.place("redis").networks] == ["10.20.20.0/24", "10.20.21.0/24"]
    assert prod.place("redis").groups == (Group("sg-prod-redis", "flash-ticket-prod-redis"),)
    assert prod.load_balancers[0].listeners == (tcp(443),)
    assert isinstance(prod.load_balancers[0].clients, PrefixList)
    assert (prod.load_balancers[0].clients.label, prod.load_balancers[0].clients.weight) == (CLOUDFRONT, 55)


def test_the_clusters_own_group_comes_with_the_number_of_foreign_rules() -> None:
    group = environment_of("dev").cluster.group

    assert group.id == "sg-dev-cluster"
    assert ("ingress", 6, 1) in group.foreign_rules


def test_node_local_dns_answers_at_its_own_address_and_at_the_services() -> None:
    cluster = bound("cluster.dns", {"mode": "node-local"}).cluster

    assert cluster.dns is DnsMode.NODE_LOCAL
    assert [str(network) for network in cluster.resolvers] == ["169.254.20.10/32", "172.20.0.10/32"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(None, {"sg-dev-cluster", "sg-dev-nodes"}, id="nothing, so both that are known"),
        pytest.param(["cluster"], {"sg-dev-cluster"}, id="the cluster's"),
        pytest.param(["nodes"], {"sg-dev-nodes"}, id="the nodes'"),
        pytest.param(["nodes", {"id": "sg-dev-redis"}], {"sg-dev-nodes", "sg-dev-redis"}, id="one more"),
    ],
)
def test_dns_has_the_groups_that_the_binding_names(written: list[Any] | None, expected: set[str]) -> None:
    groups = bound("cluster.dns.groups", written).cluster.groups_of_dns

    assert {group.id for group in groups} == expected


def test_cluster_dns_has_no_address_of_its_own() -> None:
    assert environment_of("dev").cluster.resolvers == ()


def test_pods_have_the_addresses_of_the_subnets_that_the_binding_names() -> None:
    environment = environment_of("dev")

    assert [str(network) for network in environment.pod_networks] == ["10.10.10.0/24", "10.10.11.0/24"]
    assert [str(network) for network in environment.cluster.services] == ["172.20.0.0/16"]


def test_pods_have_the_addresses_of_the_subnets_with_nodes_whatever_the_binding_names() -> None:
    content = binding_content("dev")
    del content["cluster"]["podSubnets"]
    held = FoundSubnet("subnet-pods", (ip_network("10.10.96.0/20"), ip_network("100.64.0.0/20")))
    account = SHOP.and_also(Thing(held, "pods", {}, "vpc-dev", frozenset({"sg-dev-nodes"})))

    assert environment_of("dev", content, account=account).pod_networks == held.networks
    assert set(environment_of("dev", account=account).pod_networks) > set(held.networks)


def test_pods_have_any_address_of_the_vpc_if_neither_binding_nor_account_tells() -> None:
    content = binding_content("dev")
    del content["cluster"]["podSubnets"]
    environment = environment_of("dev", content)

    assert environment.cluster.pod_networks == ()
    assert environment.pod_networks == environment.vpc_networks


def test_a_group_with_the_name_of_a_service_is_labelled_by_its_id() -> None:
    """Rules are named after groups, so two groups named api would give rules the same name."""
    named = Thing(Group("sg-old", "api"), "api", {}, "vpc-dev")

    assert bound("cluster.nodes", {"name": "api"}, SHOP.and_also(named)).cluster.nodes == (Group("sg-old", "sg-old"),)


DUAL = SHOP.without("vpc-dev").and_also(
    Thing(
        FoundVpc("vpc-dev", (ip_network("10.10.0.0/16"), ip_network("2001:db8::/56"))),
        "flash-ticket-dev",
        {"Name": "flash-ticket-dev"},
    ),
    Thing(
        FoundSubnet("subnet-both", (ip_network("10.10.96.0/20"), ip_network("2001:db8:0:96::/64"))),
        *("both", {}, "vpc-dev"),
    ),
)
"""The shop's account, where dev has a VPC of both families, and one such subnet."""

SIXTH = replace(
    DUAL, clusters={"flash-ticket-dev": FoundCluster("vpc-dev", "sg-dev-cluster", (ip_network("fd00::/108"),))}
)
"""The same, where the pods of dev have IPv6 addresses."""


@pytest.mark.parametrize(
    ("account", "expected"), [(DUAL, "10.10.96.0/20"), (SIXTH, "2001:db8:0:96::/64")], ids=["IPv4", "IPv6"]
)
def test_pods_have_addresses_of_the_family_of_their_cluster(account: AccountInMemory, expected: str) -> None:
    environment = bound("cluster.podSubnets", {"names": ["both"]}, account)

    assert [str(network) for network in environment.pod_networks] == [expected]


def test_pods_of_ipv6_may_be_anywhere_in_the_vpcs_ipv6_block_if_nothing_tells() -> None:
    content = binding_content("dev")
    del content["cluster"]["podSubnets"]

    assert [str(each) for each in environment_of("dev", content, account=SIXTH).pod_networks] == ["2001:db8::/56"]


def test_node_local_dns_of_ipv6_answers_at_its_own_address_and_at_the_services() -> None:
    content = binding_content("dev")
    content = put(content, ("cluster", "podSubnets"), {"names": ["both"]})
    content = put(content, ("cluster", "dns"), {"mode": "node-local", "address": "fd00::10:10"})

    resolvers = environment_of("dev", content, account=SIXTH).cluster.resolvers

    assert [str(network) for network in resolvers] == ["fd00::10:10/128", "fd00::a/128"]


@pytest.mark.parametrize(
    ("key", "value", "account", "expected"),
    [
        pytest.param(
            *("cluster.podSubnets", {"tags": {"Tier": "private", "Environment": "dev"}}, SIXTH),
            ".cluster.podSubnets: none of these subnets has IPv6 addresses, and pods of flash-ticket-dev have no "
            "others (its Service range is fd00::/108). Name subnets with IPv6 blocks, or correct cluster.name.",
            id="subnets of IPv4 for pods of IPv6",
        ),
        pytest.param(
            *("cluster.dns", {"mode": "node-local"}, SIXTH),
            ".cluster.dns.address: 169.254.20.10, the default, is IPv4, and the cluster flash-ticket-dev has the "
            "Service range fd00::/108, so its pods ask an IPv6 address. Write the address that NodeLocal DNSCache "
            "listens on there.",
            id="the default resolver for pods of IPv6",
        ),
        pytest.param(
            *("cluster.dns", {"mode": "node-local", "address": "fd00::10"}, DUAL),
            ".cluster.dns.address: fd00::10 is IPv6, and the cluster flash-ticket-dev has the Service range "
            "172.20.0.0/16, so its pods ask an IPv4 address. Write the address that NodeLocal DNSCache listens "
            "on there.",
            id="a resolver of IPv6 for pods of IPv4",
        ),
        pytest.param(
            *("places.redis", {"cidrs": ["2001:db8::/64"]}, SHOP),
            ".places.redis.cidrs[0]: 2001:db8::/64 is IPv6, and vpc-dev has no IPv6 block. Write a CIDR of the VPC's "
            "family.",
            id="a place of IPv6 in a VPC without it",
        ),
    ],
)
def test_what_cannot_be_in_a_family_is_one_clear_refusal(
    key: str,
    value: Any,  # noqa: ANN401 - any value of a binding
    account: AccountInMemory,
    expected: str,
) -> None:
    content = binding_content("dev")
    if account is SIXTH:
        content = put(content, ("cluster", "podSubnets"), {"names": ["both"]})
    content = put(content, tuple(key.split(".")), value)

    with pytest.raises(InputError) as refused:
        environment_of("dev", content, account=account)

    assert str(refused.value) == f"Pulumi.dev.yaml: flash-ticket-firewall:binding{expected}"


def test_a_place_may_be_cidrs_of_either_family_that_the_vpc_has() -> None:
    place = bound("places.redis", {"cidrs": ["2001:db8::/64", "10.10.0.0/20", "10.10.0.0/20"]}, DUAL).place("redis")

    assert [str(network) for network in place.networks] == ["10.10.0.0/20", "2001:db8::/64"]
    assert place.groups == ()


def test_a_place_by_prefix_list_has_its_networks_for_the_pods_and_the_list_for_the_groups() -> None:
    place = bound("places.redis", {"prefixList": {"name": CLOUDFRONT}}).place("redis")

    assert place.prefix_list is not None
    assert place.networks == place.prefix_list.networks


def test_the_same_group_written_twice_is_one() -> None:
    twice = [{"id": "sg-dev-redis"}, {"name": "flash-ticket-dev-redis"}]

    assert len(bound("places.redis.groups", twice).place("redis").groups) == 1


def test_the_order_of_the_binding_does_not_matter() -> None:
    content = binding_content("dev")
    turned = {key: content[key] for key in reversed(content)}
    turned["places"] = {key: content["places"][key] for key in reversed(content["places"])}

    assert environment_of("dev", turned) == environment_of("dev")


def test_an_unbound_place_is_an_error() -> None:
    with pytest.raises(KeyError):
        environment_of("dev").place("gateway")


def test_the_environment_has_the_attachment_of_the_binding() -> None:
    environment = bound("cluster.attachment", "nodes")

    assert environment.cluster.attachment is Attachment.NODES
    assert replace(environment.cluster, attachment=Attachment.PODS) == environment_of("dev").cluster
