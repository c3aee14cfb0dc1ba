"""``explain`` says where a connection has one lock only: between pods of one node, if no group judges them there."""

from dataclasses import replace

from flash_ticket.firewall.declare.choices import PodEniMode
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall, one_node_notices
from tests.support.declared.accounts import environment_of, shop_matrix


def noted(source: str, destination: str, port: str, mode: PodEniMode) -> list[str]:
    environment = environment_of("dev")
    cluster = replace(environment.cluster, pod_eni_mode=mode)
    layers = compile_firewall(shop_matrix(), replace(environment, cluster=cluster)).layers()
    return [each.where for each in one_node_notices(layers, [layers.verdicts(source, destination, port)])]


def test_no_group_stops_pods_of_one_node_in_standard_mode_and_strict_mode_stops_them() -> None:
    assert noted("gateway", "pay", "3100", PodEniMode.STANDARD) == ["gateway and pay on one node"]
    assert noted("gateway", "pay", "3100", PodEniMode.STRICT) == []


def test_a_place_is_never_on_the_node_of_a_pod() -> None:
    assert noted("gateway", "redis", "6379", PodEniMode.STANDARD) == []


def test_what_groups_let_pass_gets_no_notice() -> None:
    assert noted("gateway", "api", "4000", PodEniMode.STANDARD) == []
