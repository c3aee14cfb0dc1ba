"""Rules become coarser only where a group would overflow, only as far as needed, and the same way each time."""

from dataclasses import replace
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.coarsening import room
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.quota import crowded_ways, refuse_excess, size_notices
from flash_ticket.firewall.compile.vpc_layer import GroupRule, VpcFirewall, group_of_all_pods
from flash_ticket.firewall.declare.choices import Attachment, Coarsening
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.prove.proof import Why
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.report.proof import proof_text
from tests.support.declared.accounts import binding_content, environment_of
from tests.support.declared.at_random.matrices import crowded_shops, rewritten, with_flow
from tests.support.declared.big_shop import big_shop, big_shop_content
from tests.support.naive.naive_coarseness import by_place, count, may_stand_for, stood_for

Shop = tuple[Matrix, Environment]


def place_of(matrix: Matrix, attachment: Attachment = Attachment.PODS, coarsen: str = "as-needed") -> Environment:
    content = binding_content("dev")
    content["cluster"]["attachment"] = attachment.value
    content["quotas"] = {"coarsen": coarsen}
    return environment_of("dev", content, matrix)


def exactly(matrix: Matrix, environment: Environment) -> VpcFirewall:
    return compile_groups(matrix, replace(environment, quotas=replace(environment.quotas, coarsen=Coarsening.NEVER)))


def names(firewall: VpcFirewall, group: str) -> set[str]:
    return {rule.name for rule in firewall.rules if rule.holder.label == group}


@pytest.mark.parametrize("attachment", Attachment)
def test_three_hundred_services_and_1500_flows_are_within_the_default_quotas(attachment: Attachment) -> None:
    matrix = big_shop(300, 1500, callers=80, clients=100)
    environment = place_of(matrix, attachment)

    assert len(matrix.flows) == 1500
    firewall = compile_firewall(matrix, environment)
    refuse_excess(firewall.vpc, environment)
    assert firewall.proof().holds
    with pytest.raises(InputError, match="AWS allows 60"):
        refuse_excess(exactly(matrix, environment), environment)


@pytest.mark.parametrize("attachment", Attachment)
def test_a_shop_with_coarse_rules_is_proven_and_says_what_rests_on_the_pod_layer(attachment: Attachment) -> None:
    matrix = big_shop(70, 400, callers=66, clients=64)
    firewall = compile_firewall(matrix, place_of(matrix, attachment))
    proof = firewall.proof()

    assert firewall.vpc.coarse
    assert proof.holds
    assert [str(each) for each in firewall.notices() if "exact" in str(each)]


def test_the_number_of_rules_in_groups_of_others_does_not_depend_on_the_number_of_services() -> None:
    found = set()
    for services in (1, 2, 40, 200):
        matrix = big_shop(services, 1)
        environment = place_of(matrix)
        groups = compile_groups(matrix, environment).groups
        rules = compile_groups(matrix, environment).rules
        found.add(sum(rule.holder not in groups for rule in rules))

    assert found == {3}  # the nodes' way to the pods, and DNS by TCP and by UDP


def test_eighty_callers_of_one_service_become_the_group_of_all_pods_there_and_stay_exact_elsewhere() -> None:
    matrix = big_shop(100, 90, callers=80)
    environment = place_of(matrix)
    firewall, exact = compile_groups(matrix, environment), exactly(matrix, environment)

    assert {rule.name for rule in firewall.rules} - {rule.name for rule in exact.rules} == {
        "s001-ingress-tcp-8003-from-pods.shop"
    }
    assert {each.name for each in exact.rules if each not in firewall.rules} == {
        f"s001-ingress-tcp-8003-from-s{number:03}" for number in range(100) if f"s{number:03}" in callers(matrix)
    }


def callers(matrix: Matrix) -> set[str]:
    return {flow.source for flow in matrix.flows_into["s001"]}


def test_a_hundred_clients_of_a_database_become_the_group_of_all_pods() -> None:
    matrix = big_shop(120, 101, clients=100)
    firewall = compile_groups(matrix, place_of(matrix))

    assert names(firewall, "flash-ticket-dev-database") == {
        f"flash-ticket-dev-database-ingress-tcp-{port}-from-pods.shop" for port in (3306, 5432)
    }


def test_what_one_end_keeps_exact_still_rests_on_both_layers() -> None:
    """The database admits all pods, but only its declared clients may send to it."""
    matrix = big_shop(80, 71, clients=70)
    proof = compile_firewall(matrix, place_of(matrix)).proof()

    assert proof.holds
    assert proof.rests == ()


def test_pairs_that_both_ends_open_rest_on_the_pod_layer_alone_and_the_proof_names_them() -> None:
    content = big_shop_content(70, 1)
    for number in range(2, 70):
        content["flows"] += [{"from": "s000", "to": f"s{number:03}"}, {"from": f"s{number:03}", "to": "s001"}]
        content["services"][f"s{number:03}"]["ports"] = [8003]
    content["services"]["s001"]["ports"] = [8003]
    matrix = parse_matrix(content, "traffic.yaml")
    proof = compile_firewall(matrix, place_of(matrix)).proof()

    assert proof.holds
    assert [(rest.source, rest.destination, str(rest.ports), rest.why) for rest in proof.rests] == [
        ("s000", "s001", "TCP 8003", Why.COARSE_RULES)
    ]
    assert (
        "Rules are coarse: opened by the VPC layer, stopped by the pod layer.\n  s000 => s001 : TCP 8003"
        in proof_text(proof)
    )


def test_the_preview_names_the_group_and_the_rule() -> None:
    matrix = big_shop(100, 90, callers=80)
    environment = place_of(matrix)
    (notice,) = size_notices(environment, compile_groups(matrix, environment))
    exact = [rule for rule in exactly(matrix, environment).rules if rule.holder.label == "s001"]

    assert notice.where == "security group s001"
    assert notice.what.startswith(
        f"its {sum(rule.direction is Direction.INGRESS for rule in exact)} exact ingress rules are too many for AWS's "
        "60, so coarser ones stand for some of them: s001-ingress-tcp-8003-from-pods.shop."
    )


def test_never_refuses_with_the_sum() -> None:
    matrix = big_shop(100, 90, callers=80)
    environment = place_of(matrix, coarsen="never")

    with pytest.raises(InputError, match=r"the security group s001 would hold \d+ ingress rules for IPv4 \(\d+ groups"):
        refuse_excess(compile_groups(matrix, environment), environment)


def test_one_caller_more_than_fit_is_added_without_an_overflow_on_the_way() -> None:
    before = big_shop_content(100, 1, callers=54)
    after = with_flow(before, {"from": "s090", "to": "s001"})
    old, new = (
        parse_matrix(content, "traffic.yaml") for content in (before, with_flow(after, {"from": "s091", "to": "s001"}))
    )
    environment = place_of(new)
    standing, planned = compile_groups(old, environment), compile_groups(new, environment)

    assert (bool(standing.coarse), bool(planned.coarse)) == (False, True)
    assert standing.attachments == planned.attachments
    assert list(crowded_ways(planned, environment, standing.rules)) == []


def test_a_change_that_would_overflow_on_the_way_is_coarser_for_one_deployment() -> None:
    first, second = ((f"s{number:03}" for number in span) for span in (range(2, 42), range(42, 82)))
    content = big_shop_content(90, 1)
    old, new = (
        parse_matrix({**content, "flows": [{"from": name, "to": "s001"} for name in sources]}, "traffic.yaml")
        for sources in (first, second)
    )
    environment = place_of(new)
    standing = compile_groups(old, environment)
    refused, *_ = crowded_ways(compile_groups(new, environment), environment, standing.rules)
    on_the_way = compile_groups(new, environment, standing.rules)

    assert "while the deployment runs, the security group s001 would hold 81 ingress rules for IPv4" in str(refused)
    assert "s001-ingress-tcp-8003-from-pods.shop" in names(on_the_way, "s001")
    assert list(crowded_ways(on_the_way, environment, standing.rules)) == []
    assert compile_groups(new, environment, on_the_way.rules) == compile_groups(new, environment)


@settings(max_examples=60)
@given(crowded_shops())
def test_coarse_rules_stand_for_exact_ones_and_only_as_far_as_needed(shop: Shop) -> None:
    matrix, environment = shop
    exact, firewall = exactly(matrix, environment), compile_groups(matrix, environment)
    limit, every = environment.quotas.rules_per_group, group_of_all_pods(matrix.namespace)
    coarse = [rule for rule in firewall.rules if rule.name in {name for each in firewall.coarse for name in each.rules}]

    assert (exact.groups, exact.attachments) == (firewall.groups, firewall.attachments)
    for rule in firewall.rules:
        assert (rule in coarse) or rule in exact.rules
        assert may_stand_for(rule, exact.rules, matrix)
    for rule in exact.rules:
        assert any(rule in stood_for(each, exact.rules, matrix) for each in firewall.rules)
    for place, rules in by_place(firewall.rules).items():
        were = by_place(exact.rules)[place]
        for rule in (each for each in rules if each in coarse):
            finer = ({*rules} - {rule}) | {*stood_for(rule, were, matrix)}
            assert max(count(finer, place, family) for family in (4, 6)) > limit - room(limit)
        if max(count(rules, place, family) for family in (4, 6)) > limit:
            assert rules == were or set(rules) == set(were)  # coarser ones would not fit either
        assert every.label not in {rule.holder.label for rule in coarse}


@settings(max_examples=30)
@given(crowded_shops())
def test_a_crowded_firewall_is_proven(shop: Shop) -> None:
    proof = compile_firewall(*shop).proof()

    assert proof.holds, proof_text(proof)


def test_the_order_of_the_file_does_not_change_coarse_rules() -> None:
    content = big_shop_content(90, 600, callers=70, clients=80)
    environment = place_of(parse_matrix(content, "traffic.yaml"), Attachment.NODES)
    found = {
        compile_groups(parse_matrix(rewritten(content, Random(seed)), "traffic.yaml"), where)  # noqa: S311 - repeatable
        for seed, where in product(range(3), (environment, place_of(parse_matrix(content, "traffic.yaml"))))
    }

    assert len(found) == 2
    assert all(each.coarse for each in found)


def test_a_rule_that_is_coarser_than_its_group_says_is_a_violation() -> None:
    matrix = big_shop(100, 90, callers=80)
    right = compile_firewall(matrix, place_of(matrix))
    (coarse,) = (rule for rule in right.vpc.rules if rule.name == "s001-ingress-tcp-8003-from-pods.shop")

    def with_rule(rule: GroupRule) -> VpcFirewall:
        return replace(right.vpc, rules=(*(each for each in right.vpc.rules if each is not coarse), rule))

    wider = replace(coarse, ports=PortRange(Protocol.TCP, coarse.ports.first, coarse.ports.last + 1))
    assert right.proof().holds
    assert not replace(right, vpc=with_rule(wider)).proof().holds
    assert not replace(right, vpc=replace(right.vpc, coarse=())).proof().holds
