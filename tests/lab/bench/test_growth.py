"""The shops of the benchmark are good declarations for both programs, and the table has all measured pairs."""

from collections import deque
from pathlib import Path

import pytest

from flash_ticket.firewall.declare.traffic_file import parse_matrix, read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from lab.bench.compile import environment
from lab.bench.contender import DESTROY, UP, Taken
from lab.bench.growth import Pair, as_it_is, flat, noted, shop, table


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


def test_prod_as_it_is_gets_one_flow_more_in_both_programs(tmp_path: Path) -> None:
    programs = as_it_is(tmp_path)
    written = programs.by_hand / "__main__.py"
    programs.declare(one_more=False)
    flows, lines = len(read_matrix(programs.ours / MATRIX_FILE).flows), written.read_text()
    programs.declare(one_more=True)

    assert len(read_matrix(programs.ours / MATRIX_FILE).flows) == flows + 1
    compile(written.read_text(), written, "exec")
    assert (
        len(written.read_text().splitlines()) == len(lines.splitlines()) + 1
    )  # two rules; two policies have one peer more


def test_the_table_has_the_median_of_the_pairs_of_a_file_and_the_spread_of_their_ratios(tmp_path: Path) -> None:
    def pair(step: str, seconds: float) -> Pair:
        return Pair("3", step, Taken(seconds, 8.0, 2.0, 100.0, 40), Taken(10.0, 4.0, 1.0, 90.0, 39))

    path = tmp_path / "pairs"
    deque(noted((pair(UP, seconds) for seconds in (9.0, 11.0)), path), maxlen=0)
    deque(noted([pair(UP, 20.0), pair(DESTROY, 5.0)], path), maxlen=0)

    *_, up, destroyed = table(map(Pair.read, path.read_text().splitlines())).splitlines()
    assert up.startswith(
        "| 3 | up | 3 | 40; 39 | 11.0; 10.0 | 1.10 (0.90-2.00) | 8.0; 4.0 | 2.00 (2.00-2.00) | 275; 200 |"
    )
    assert destroyed.startswith("| 3 | destroy | 1 | 40; 39 | 5.0; 10.0 | 0.50 | 8.0; 4.0 | 2.00 | 125; 200 |")
