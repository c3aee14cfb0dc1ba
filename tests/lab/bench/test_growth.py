"""The made-up shops of the benchmark are good declarations, and the flat list has each of their resources."""

import pytest

from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from lab.bench.compile import environment
from lab.bench.growth import flat, shop


def compiled(services: int, *, one_more: bool = False) -> CompiledFirewall:
    matrix = parse_matrix(shop(services, one_more=one_more), "traffic.yaml")
    return compile_firewall(matrix, environment(matrix))


@pytest.mark.parametrize("services", [3, 30, 100])
def test_the_proof_of_a_made_up_shop_holds(services: int) -> None:
    assert compiled(services).proof().holds
    assert len(compiled(services, one_more=True).matrix.flows) == len(compiled(services).matrix.flows) + 1


def test_the_flat_list_has_each_compiled_resource() -> None:
    firewall = compiled(30)
    listed = flat(firewall)

    assert [each["label"] for each in listed["groups"]] == [group.label for group in firewall.vpc.groups]
    assert [each["name"] for each in listed["rules"]] == [rule.name for rule in firewall.vpc.rules]
    assert [each["service"] for each in listed["attachments"]] == [each.service for each in firewall.vpc.attachments]
    assert len(listed["policies"]) == len(firewall.deployed_pods.allows) + 1
    known = {*listed["existing"], *(each["label"] for each in listed["groups"])}
    assert {each["holder"] for each in listed["rules"]} <= known
    assert {each["group"] for each in listed["rules"] if "group" in each} <= known
