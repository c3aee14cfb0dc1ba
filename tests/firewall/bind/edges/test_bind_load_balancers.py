"""Load balancers by name, bound: their places, what their targets see, and what does not fit the matrix."""

from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import Environment, LoadBalancer
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.notices import environment_notices
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.choices import ClientAddresses, LoadBalancerGroup, LoadBalancerKind
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from tests.support.declared.accounts import binding_content, environment_of
from tests.support.declared.stacks import traffic_content

Content = dict[str, Any]

OFFICE = ("198.51.100.0/24",)
ALB: Content = {"kind": "alb", "listeners": [443], "clients": {"cidrs": ["0.0.0.0/0"]}}
NLB: Content = {"kind": "nlb", "listeners": [443], "clients": {"cidrs": [*OFFICE]}}
PRESERVED = {"clientAddresses": "preserved"}
WITHOUT_GROUP: Content = {"kind": "nlb", "group": "none"}
PUBLIC = (ip_network("10.10.0.0/24"), ip_network("10.10.1.0/24"))


def matrix_with(*flows: Content) -> Matrix:
    """Return the shop's matrix with a second load balancer for the API, and more flows."""
    content = traffic_content()
    content["services"]["pay"]["ports"].append({"port": 53, "protocol": "UDP"})
    content["externals"]["internal"] = {"ports": [443]}
    content["flows"] += [{"from": "internal", "to": "api"}, *flows]
    return parse_matrix(content, "traffic.yaml")


def bound(internal: Content, *flows: Content, place: Content | None = None, **balancers: Content) -> Environment:
    """Return dev with the ALB and a second load balancer, both in the public subnets."""
    content = binding_content("dev")
    del content["loadBalancer"]
    content["loadBalancers"] = {"alb": ALB, "internal": internal, **balancers}
    content["places"]["internal"] = place or content["places"]["alb"]
    return environment_of("dev", content, matrix_with(*flows))


def refused(internal: Content, *flows: Content, place: Content | None = None, **balancers: Content) -> str:
    """Return the error of a binding, after the name of its file and key."""
    with pytest.raises(InputError) as error:
        bound(internal, *flows, place=place, **balancers)
    return str(error.value).removeprefix("Pulumi.dev.yaml: flash-ticket-firewall:binding.")


def test_several_load_balancers_have_a_group_and_clients_each() -> None:
    environment = bound(NLB)

    assert environment.load_balancers == (
        LoadBalancer("alb", (tcp(443),), (ip_network("0.0.0.0/0"),)),
        LoadBalancer("internal", (tcp(443),), (ip_network(OFFICE[0]),), kind=LoadBalancerKind.NLB),
    )
    groups = compile_groups(matrix_with(), environment)
    assert {"alb", "internal"} <= {group.label for group in groups.groups}
    into = {rule.name for rule in groups.rules if rule.holder.label == "internal" and rule.direction == "ingress"}
    assert into == {"internal-ingress-tcp-443-from-198.51.100.0/24"}


def test_targets_that_see_clients_let_them_in_at_the_pod_layer_and_the_group_alone_in_the_vpc() -> None:
    environment = bound({**NLB, **PRESERVED})
    matrix = matrix_with()

    assert environment.networks_of("internal") == (*PUBLIC, ip_network(OFFICE[0]))
    (api,) = (each for each in compile_policies(matrix, environment).allows if each.name == "02-allow-api-from-gateway")
    assert OFFICE[0] in str(api.manifest())
    rules = compile_groups(matrix, environment).rules
    from_balancer = {str(rule.peer) for rule in rules if "internal to api" in rule.flows and rule.holder.label == "api"}
    assert from_balancer == {"OwnGroup(label='internal')"}


def test_a_load_balancer_without_a_group_is_known_by_its_subnets_and_named_in_a_notice() -> None:
    environment = bound(WITHOUT_GROUP)
    matrix = matrix_with()

    assert [*environment.fronts] == ["alb"]
    rules = compile_groups(matrix, environment).rules
    assert {str(rule.peer) for rule in rules if "internal to api" in rule.flows} == {*map(str, PUBLIC)}
    notices = [each.where for each in environment_notices(environment, compile_policies(matrix, environment))]
    assert "loadBalancers.internal.group none" in notices


@pytest.mark.parametrize(
    "internal",
    [NLB, {**NLB, **PRESERVED}, WITHOUT_GROUP, {**WITHOUT_GROUP, **PRESERVED, "clients": {"cidrs": [*OFFICE]}}],
    ids=["hidden", "preserved", "without a group", "without a group, preserved"],
)
@pytest.mark.parametrize("attachment", ["pods", "nodes"])
def test_the_proof_holds_for_each_kind(internal: Content, attachment: str) -> None:
    content = binding_content("dev")
    del content["loadBalancer"]
    content["loadBalancers"] = {"alb": ALB, "internal": internal}
    content["places"]["internal"] = {"cidrs": ["10.10.7.0/24"]}
    content["cluster"]["attachment"] = attachment
    firewall = compile_firewall(matrix_with(), environment_of("dev", content, matrix_with()))

    assert firewall.proof().holds


def test_a_stack_without_a_load_balancer_makes_no_group_for_one_and_is_proven() -> None:
    content, traffic = binding_content("dev"), traffic_content()
    del content["loadBalancer"], content["places"]["alb"], traffic["externals"]["alb"]
    traffic["flows"] = [each for each in traffic["flows"] if each["from"] != "alb"]
    matrix = parse_matrix(traffic, "traffic.yaml")
    firewall = compile_firewall(matrix, environment_of("dev", content, matrix))

    assert {group.label for group in firewall.vpc.groups} == {"api", "gateway", "pay", "pods.flash-ticket"}
    assert firewall.proof().holds


# fmt: off
MISTAKES: list[tuple[str, tuple[Any, ...], Content, str]] = [
    ("a flow over UDP whose clients are hidden",
        (NLB, {"from": "internal", "to": "pay", "ports": [{"port": 53, "protocol": "UDP"}]}), {},
        "loadBalancers.internal: traffic.yaml lets internal reach pay on UDP 53, and with UDP the targets"),
    ("a flow to addresses of clients",
        ({**NLB, **PRESERVED}, {"from": "pay", "to": "internal"}), {},
        "loadBalancers.internal: traffic.yaml lets pay reach internal on TCP 443, and the addresses of internal are"),
    ("a name that is not in the matrix",
        (NLB,), {"web": ALB},
        "loadBalancers.web: web is not an external of traffic.yaml outside the cluster. Write one of: alb, database"),
    ("groups of a load balancer that has none",
        (WITHOUT_GROUP,), {"place": {"cidrs": ["10.10.7.0/24"], "groups": [{"name": "flash-ticket-dev-redis"}]}},
        "places.internal.groups: the load balancer has no group. Remove the groups, or remove group from loadBal"),
    ("groups of a load balancer whose group this program makes",
        (NLB,), {"place": {"cidrs": ["10.10.7.0/24"], "groups": [{"name": "flash-ticket-dev-redis"}]}},
        "places.internal.groups: this program creates the load balancer's group. Remove the groups."),
    ("a list for targets that see clients",
        ({**NLB, **PRESERVED},), {"place": {"prefixList": {"name": "com.amazonaws.global.cloudfront.origin-facing"}}},
        "places.internal.prefixList: the targets of the load balancer see its clients' addresses, too, and no list"),
    ("clients of a family that the VPC does not have",
        ({**NLB, "clients": {"cidrs": ["2001:db8::/32"]}},), {},
        "loadBalancers.internal.clients.cidrs[0]: 2001:db8::/32 is IPv6, and vpc-dev has no IPv6 block. Write"),
]
# fmt: on


@pytest.mark.parametrize(
    ("arguments", "keywords", "begins"), [row[1:] for row in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_load_balancer_that_does_not_fit_is_one_clear_error(
    arguments: tuple[Any, ...], keywords: Content, begins: str
) -> None:
    assert refused(*arguments, **keywords).startswith(begins)


def test_the_enums_of_a_bound_load_balancer_are_those_of_the_file() -> None:
    (_, found) = bound({**WITHOUT_GROUP, **PRESERVED, "clients": {"cidrs": [*OFFICE]}}).load_balancers

    assert (found.group, found.client_addresses) == (LoadBalancerGroup.NONE, ClientAddresses.PRESERVED)
