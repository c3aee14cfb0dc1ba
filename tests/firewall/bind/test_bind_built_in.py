"""Where the program looks up what no stack binds, and what it compiles for it."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.account import FoundEndpoint
from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.environment import Environment, Place, PrefixList
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.address_ends import Held, Holder, KnownAddresses, Question
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import REGION, SHOP, AccountInMemory, Thing, binding_content

S3 = PrefixList("pl-78a54011", f"com.amazonaws.{REGION}.s3", 4, 1, (ip_network("52.219.60.0/23"),))
SQS = FoundEndpoint("vpce-1", "sqs", "", (ip_network("10.10.10.40"), ip_network("10.10.11.41")), ("sg-dev-endpoints",))
GATEWAY = FoundEndpoint("vpce-2", "s3", S3.id)
GROUP = replace(SHOP.known_groups[0].found, id="sg-dev-endpoints", label="dev-endpoints")
ACCOUNT = SHOP.and_also(
    Thing(SQS, vpc="vpc-dev"),
    Thing(GATEWAY, vpc="vpc-dev"),
    Thing(S3, S3.label),
    Thing(GROUP, GROUP.label, {}, "vpc-dev"),
)


def networks(*written: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, written))


def declared(*targets: str, services: tuple[str, ...] = ()) -> Matrix:
    externals = {"alb": {}, **({"aws": {"services": list(services)}} if services else {})}
    content = {
        "namespace": "jobs",
        "services": {"job": {"pods": {"app": "job"}}, "web": {"pods": {"app": "web"}, "ports": [8080]}},
        "externals": externals,
        "flows": [{"from": "alb", "to": "web"}, *({"from": "job", "to": each} for each in targets)],
    }
    return parse_matrix(content, "traffic.yaml")


def binding(**cluster: object) -> dict[str, Any]:
    content = binding_content("dev")
    content["places"] = {"alb": content["places"]["alb"]}
    content["cluster"] |= cluster
    return content


def bound(matrix: Matrix, account: AccountInMemory = ACCOUNT, **cluster: object) -> Environment:
    return bind(matrix, parse_binding(binding(**cluster), "dev"), "dev", account)


def compiled(matrix: Matrix, **cluster: object) -> CompiledFirewall:
    return compile_firewall(matrix, bound(matrix, ACCOUNT, **cluster))


def refusals(matrix: Matrix, account: AccountInMemory = ACCOUNT, **cluster: object) -> list[str]:
    with pytest.raises(InputError) as refused:
        bound(matrix, account, **cluster)
    return [str(each) for each in refused.value.each]


def rules_of(firewall: CompiledFirewall, *about: str) -> list[str]:
    return sorted(rule.name for rule in firewall.vpc.rules if any(each in rule.description for each in about))


def peers_of(firewall: CompiledFirewall, target: str) -> set[str]:
    (policy,) = (each for each in firewall.pods.allows if each.name == "allow-egress-job")
    (rule,) = (each for each in policy.rules if each.flow == f"job -> {target}")
    return {peer.manifest()["ipBlock"]["cidr"] for peer in rule.peers}


def test_pods_reach_the_api_by_its_service_and_by_the_interfaces_of_the_cluster() -> None:
    firewall = compiled(declared("kubernetes-api"))

    assert firewall.environment.place("kubernetes-api") == Place(
        networks("10.10.10.11", "10.10.11.12", "172.20.0.1"),
        None,
        (firewall.environment.cluster.group,),
        Occupants.ONLY,
    )
    assert peers_of(firewall, "kubernetes-api") == {"172.20.0.1/32", "10.10.10.11/32", "10.10.11.12/32"}
    group = firewall.environment.cluster.group.label
    assert rules_of(firewall, "kubernetes-api") == [
        f"{group}-ingress-tcp-443-from-job",
        f"job-egress-tcp-443-to-{group}",
    ]


def test_each_endpoint_is_where_the_vpc_has_it() -> None:
    firewall = compiled(declared("aws", services=("sqs", "s3")))

    place = firewall.environment.place("aws.sqs")
    assert (place.networks, [each.id for each in place.groups]) == (SQS.networks, ["sg-dev-endpoints"])
    assert firewall.environment.place("aws.s3") == Place(S3.networks, S3, ())
    assert peers_of(firewall, "aws.s3") == {"52.219.60.0/23"}
    assert rules_of(firewall, "aws") == [
        "dev-endpoints-ingress-tcp-443-from-job",
        f"job-egress-tcp-443-to-{S3.label}",
        "job-egress-tcp-443-to-dev-endpoints",
    ]


@pytest.mark.parametrize(
    ("name", "address"), [("pod-identity", "169.254.170.23"), ("instance-metadata", "169.254.169.254")]
)
def test_what_a_node_answers_needs_no_rule_of_a_group_and_no_warning(name: str, address: str) -> None:
    firewall, without = compiled(declared(name)), compiled(declared())

    assert peers_of(firewall, name) == {f"{address}/32"}
    assert firewall.vpc == without.vpc
    said = {str(each) for each in firewall.notices()} - {str(each) for each in without.notices()}
    assert said == set()


def test_the_pods_of_an_ipv6_cluster_reach_the_addresses_of_their_family() -> None:
    dev = SHOP.clusters["flash-ticket-dev"]
    sixth = replace(dev, services=networks("fd00:20::/108"))
    vpc = replace(SHOP.known_vpcs[0].found, networks=networks("10.10.0.0/16", "2001:db8::/56"))
    account = replace(
        ACCOUNT,
        clusters={"flash-ticket-dev": sixth},
        known_vpcs=(replace(SHOP.known_vpcs[0], found=vpc),),
        interfaces_of_api={"flash-ticket-dev": networks("10.10.10.11", "2001:db8::11")},
    )
    content = binding()
    content["cluster"].pop("podSubnets")
    matrix = declared("pod-identity", "instance-metadata", "kubernetes-api")
    found = bind(matrix, parse_binding(content, "dev"), "dev", account)

    assert found.place("pod-identity").networks == networks("fd00:ec2::23")
    assert found.place("instance-metadata").networks == networks("fd00:ec2::254")
    assert found.place("kubernetes-api").networks == networks("2001:db8::11", "fd00:20::1")


def test_addresses_that_only_the_api_has_belong_to_no_pod_and_no_service() -> None:
    firewall = compiled(declared("kubernetes-api"), attachment="nodes")
    open_to_job = {
        each.destination: str(each.ports) for each in firewall.layers().connections() if each.source == "job"
    }

    assert firewall.proof().holds
    assert open_to_job == {"DNS": "TCP 53,UDP 53", "kubernetes-api": "TCP 443"}
    assert not any("kubernetes-api" in str(each) for each in firewall.notices())


def test_the_address_of_a_built_in_peer_is_that_peer_whoever_else_seems_to_have_it() -> None:
    layers = compiled(declared("kubernetes-api")).layers()
    service = Held(Holder.SERVICE, "default", "kubernetes", ())
    known = KnownAddresses({"172.20.0.1": service})

    (answer,) = Question(layers, known).answers("job", "172.20.0.1", "443")
    assert [(each.destination, each.passes) for each in answer] == [("172.20.0.1 (kubernetes-api)", True)] * 2


def test_the_symbolic_account_has_every_peer_and_endpoint() -> None:
    matrix = declared("kubernetes-api", "pod-identity", "aws", services=("sqs", "s3"))
    parsed = parse_binding(binding(), "dev")
    firewall = compile_firewall(matrix, bind(matrix, parsed, "dev", SymbolicAccount.of(REGION, parsed)))

    assert firewall.proof().holds
    assert firewall.environment.place("aws.s3").prefix_list is not None
    assert rules_of(firewall, "aws.s3") == [f"job-egress-tcp-443-to-{S3.label}"]
    assert not any("pods can have" in str(each) for each in firewall.notices())


def test_a_service_without_an_endpoint_is_refused_with_the_endpoints_that_are_there() -> None:
    assert refusals(declared("aws", services=("sqss", "s3"))) == [
        (
            "traffic.yaml: externals.aws.services: vpc-dev has no VPC endpoint of the AWS service sqss: its "
            f"endpoints are for s3, sqs. Correct the name, create the endpoint com.amazonaws.{REGION}.sqss, or "
            "declare an external without services and give it a place."
        ),
    ]
    (said,) = refusals(declared("aws", services=("sts",)), SHOP)
    assert "vpc-dev has no VPC endpoint of the AWS service sts: it has no endpoints of AWS services." in said


def test_several_endpoints_of_a_service_are_refused_with_their_ids() -> None:
    both = ACCOUNT.and_also(Thing(replace(SQS, id="vpce-9", service="s3"), vpc="vpc-dev"))
    (said,) = refusals(declared("aws", services=("s3",)), both)
    assert "vpc-dev has 2 VPC endpoints of the AWS service s3: vpce-2, vpce-9. Remove all but one, or declare" in said


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        (replace(SQS, networks=()), "the VPC endpoint vpce-1 has no network interface with an address that pods can"),
        (replace(SQS, networks=networks("2001:db8::1")), "the VPC endpoint vpce-1 has no network interface with an"),
        (FoundEndpoint("vpce-1", "sqs", "pl-none"), "the prefix list pl-none of the VPC endpoint vpce-1 has no entr"),
    ],
)
def test_an_endpoint_without_addresses_is_refused(endpoint: FoundEndpoint, problem: str) -> None:
    account = ACCOUNT.without("vpce-1").and_also(Thing(endpoint, vpc="vpc-dev"))
    (said,) = refusals(declared("aws", services=("sqs",)), account)
    assert said.startswith(f"traffic.yaml: externals.aws.services: {problem}")


def test_a_cluster_without_interfaces_of_its_api_is_refused() -> None:
    assert refusals(declared("kubernetes-api"), replace(ACCOUNT, interfaces_of_api={})) == [
        (
            "traffic.yaml: flows to kubernetes-api: vpc-dev has no network interface of the API server of "
            "flash-ticket-dev (with the description Amazon EKS flash-ticket-dev). Wait until the cluster is active, or "
            "declare an external of this name and give it a place."
        ),
    ]


def test_pod_identity_is_refused_where_ip_blocks_of_cilium_match_no_nodes() -> None:
    cilium, matching = {"name": "cilium"}, {"name": "cilium", "cilium": {"ipBlocksMatch": ["nodes"]}}

    (said,) = refusals(declared("pod-identity"), attachment="nodes", cni=cilium)
    assert said.startswith("traffic.yaml: flows to pod-identity: Cilium knows the node as itself and not by an address")
    assert compiled(declared("pod-identity"), attachment="nodes", cni=matching).proof().holds
    assert compiled(declared("instance-metadata"), attachment="nodes", cni=cilium).proof().holds


@pytest.mark.parametrize("name", ["kubernetes-api", "aws"])
def test_a_place_for_what_is_looked_up_is_refused(name: str) -> None:
    content = binding()
    content["places"][name] = {"cidrs": ["10.10.20.0/24"]}
    matrix = declared("kubernetes-api", "aws", services=("sqs",))
    with pytest.raises(InputError) as refused:
        bind(matrix, parse_binding(content, "dev"), "dev", ACCOUNT)
    assert str(refused.value) == (
        f"Pulumi.dev.yaml: flash-ticket-firewall:binding.places.{name}: {name} needs no place, because the program "
        "looks it up. Remove it."
    )


def test_a_built_in_peer_that_is_declared_without_a_place_is_refused_with_both_ways_out() -> None:
    matrix = replace(declared(), externals=(External("alb", (), None, ()), External("kubernetes-api", (), None, ())))

    with pytest.raises(InputError) as error:
        bound(matrix)

    assert str(error.value).endswith(
        "the external kubernetes-api of traffic.yaml has no place in this stack. Add places.kubernetes-api, or remove "
        "it from externals: the name then means what every cluster has."
    )


def test_the_api_server_calls_webhooks_from_the_interfaces_of_the_cluster() -> None:
    content = {
        "namespace": "jobs",
        "services": {"hook": {"pods": {"app": "hook"}, "ports": [8443]}},
        "externals": {"alb": {}},
        "flows": [{"from": "kubernetes-api", "to": "hook"}],
    }
    firewall = compiled(parse_matrix(content, "traffic.yaml"))

    assert firewall.proof().holds
    assert any(
        rule.holder == OwnGroup("hook") and "kubernetes-api to hook" in rule.flows for rule in firewall.vpc.rules
    )
