"""What one layer alone stops is listed completely: as many connections as the proof counts."""

from hypothesis import given, settings

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import StoppedOnce, compile_firewall, stopped_once
from flash_ticket.firewall.terms.ports import PortSet, tcp
from flash_ticket.firewall.terms.verdict import Answer, Layer
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.stacks import CASES, as_eks_makes_groups


def counted(found: tuple[StoppedOnce, ...]) -> int:
    return sum(port.last - port.first + 1 for each in found for port in each.ports)


@settings(max_examples=25)
@given(shops())
def test_the_list_has_as_many_connections_as_the_proof_counts(shop: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*shop)

    assert counted(stopped_once(firewall.layers())) == firewall.proof().stopped[1]


def test_the_list_has_what_only_rules_of_others_leave_to_the_pod_layer() -> None:
    firewall = compile_firewall(*as_eks_makes_groups("dev-nodes"))

    assert counted(stopped_once(firewall.layers())) == firewall.proof().stopped[1] == 283


def test_each_entry_is_stopped_by_its_layer_and_let_through_by_the_other() -> None:
    layers = compile_firewall(*CASES["prod"]()).layers()
    found = stopped_once(layers)

    assert StoppedOnce(Layer.VPC, "api", "redis", PortSet.of([tcp(3306), tcp(5432), tcp(5672)])) in found
    for each in found:
        for port in each.ports:
            for layer in Layer:
                verdict = layers.answer(layer, layers.named[each.source], layers.named[each.destination], port)
                assert (verdict is not None and verdict.answer is Answer.STOPPED) == (layer is each.by), (each, port)
