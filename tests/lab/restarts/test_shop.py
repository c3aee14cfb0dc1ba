"""Which pods restart, and in which order all of them start."""

from pathlib import Path

from flash_ticket.firewall.declare.traffic_file import parse_matrix, read_matrix
from lab.restarts.shop import callees_first, most_connected

SHOP = read_matrix(Path(__file__).parents[3] / "traffic.yaml")


def test_the_pods_that_restart_have_callers_and_callees_among_pods() -> None:
    assert most_connected(SHOP).name == "api"


def test_a_service_starts_after_those_that_it_calls() -> None:
    assert [each.name for each in callees_first(SHOP)] == ["pay", "api", "gateway"]


def test_services_that_call_each_other_in_a_circle_all_start() -> None:
    services = {name: {"pods": {"app": name}, "ports": [80]} for name in ("a", "b")}
    flows = [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
    matrix = parse_matrix({"namespace": "shop", "services": services, "flows": flows}, "traffic.yaml")

    assert {each.name for each in callees_first(matrix)} == {"a", "b"}
