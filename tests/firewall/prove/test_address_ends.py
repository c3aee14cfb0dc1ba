"""An address as one end of a question: everything that can have it is named and judged by this address alone."""

from typing import Any

import pytest

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.prove.address_ends import Held, Holder, KnownAddresses, Question
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.declared.stacks import CASES

API_POD = Held(Holder.POD, "flash-ticket", "api-1", (("app", "flash-api"), ("version", "2")))
SERVICE = Held(Holder.SERVICE, "flash-ticket", "api", (("app", "flash-api"),), ports=((tcp(80), 4000),))
STRANGER = Held(Holder.POD, "tools", "shell", ())
NODE = Held(Holder.NODE)
REDIS = Held(Holder.INTERFACE, groups=frozenset({"sg-dev-redis"}))
FRONT = Held(Holder.INTERFACE, groups=frozenset({"sg-0a", "alb"}))
BASTION = Held(Holder.INTERFACE, groups=frozenset({"sg-bastion"}))
ONE_OF_THE_NODES = Held(Holder.INTERFACE, groups=frozenset({"sg-dev-nodes"}))

Answers = dict[tuple[str, str], bool]


def placed(**places: object) -> CompiledFirewall:
    content = binding_content("dev")
    content["places"].update(places)
    return compile_firewall(shop_matrix(), environment_of("dev", content))


def asked(question: Question, source: str, destination: str, port: str) -> Answers:
    found = question.answers(source, destination, port)
    return {(each[0].source, each[0].destination): all(verdict.passes for verdict in each) for each in found}


def said(*ends: str, held: dict[str, Held] | None = None, **places: object) -> Answers:
    return asked(Question(placed(**places).layers(), KnownAddresses(held or {})), *ends)


def test_an_address_of_the_internet_is_judged_as_such() -> None:
    assert said("api", "8.8.8.8", "443") == {("api", "8.8.8.8 (the internet)"): False}
    assert said("2001:db8::7", "api", "4000") == {("2001:db8::7 (the internet)", "api"): False}


def test_every_place_that_holds_an_address_has_an_answer() -> None:
    found = said("api", "10.10.20.7", "6379", held={"10.10.10.1": NODE})
    assert found == {
        ("api", "10.10.20.7 (another host of the VPC)"): False,
        ("api", "10.10.20.7 (database)"): False,
        ("api", "10.10.20.7 (rabbitmq)"): False,
        ("api", "10.10.20.7 (redis)"): True,
    }


def test_places_that_differ_by_address_alone_share_an_answer_about_this_address() -> None:
    places: dict[str, Any] = {
        "redis": {"cidrs": ["203.0.113.0/25"]},
        "database": {"cidrs": ["203.0.113.0/24", "198.51.100.0/24"]},
    }
    shared, alone = said("pay", "203.0.113.7", "6379", **places), said("pay", "203.0.113.200", "6379", **places)

    assert shared == {("pay", "203.0.113.7 (database, redis, clients of alb)"): True}
    assert alone == {("pay", "203.0.113.200 (database, clients of alb)"): False}


def test_a_known_interface_is_the_place_whose_group_it_carries() -> None:
    held = {"10.10.20.7": REDIS, "10.10.0.9": FRONT, "10.10.20.8": BASTION, "10.10.10.5": ONE_OF_THE_NODES}

    assert said("api", "10.10.20.7", "6379", held=held) == {("api", "10.10.20.7 (redis)"): True}
    assert said("10.10.0.9", "gateway", "3000", held=held) == {("10.10.0.9 (alb)", "gateway"): True}
    assert said("api", "10.10.20.8", "6379", held=held) == {("api", "10.10.20.8 (another host of the VPC)"): False}
    assert said("10.10.10.5", "api", "4000", held=held) == {
        ("10.10.10.5 (the node of the pod)", "api"): True,
        ("10.10.10.5 (another node)", "api"): False,
    }


def test_a_pod_is_judged_with_its_labels_and_its_address() -> None:
    held = {"10.10.10.20": API_POD, "10.10.10.21": STRANGER}

    assert said("10.10.10.20", "pay", "3100", held=held) == {
        ("10.10.10.20 (the pod flash-ticket/api-1, api)", "pay"): True
    }
    assert said("10.10.10.21", "pay", "3100", held=held) == {("10.10.10.21 (the pod tools/shell)", "pay"): False}
    inside = said("10.10.10.21", "gateway", "3000", held=held, alb={"cidrs": ["10.10.10.21/32"]})
    beside = said("10.10.10.21", "gateway", "3000", held=held, alb={"cidrs": ["10.10.10.22/32"]})
    assert (inside, beside) == (
        {("10.10.10.21 (the pod tools/shell)", "gateway"): True},
        {("10.10.10.21 (the pod tools/shell)", "gateway"): False},
    )


def test_the_address_of_a_service_leads_to_its_pods_and_to_their_port() -> None:
    held = {"172.20.0.5": SERVICE}
    name = "172.20.0.5 (the Service flash-ticket/api)"

    assert said("gateway", "172.20.0.5", "80", held=held) == {("gateway", name): True}
    assert said("gateway", "172.20.0.5", "81", held=held) == {("gateway", name): False}
    with pytest.raises(InputError, match="no connection comes from one"):
        said("172.20.0.5", "api", "4000", held=held)


def test_while_the_attachment_changes_a_pod_can_have_either() -> None:
    content = binding_content("dev")
    content["cluster"]["leaving"] = "nodes"
    layers = compile_firewall(shop_matrix(), environment_of("dev", content)).layers()
    found = asked(Question(layers, KnownAddresses({"10.10.10.20": API_POD})), "gateway", "10.10.10.20", "4000")

    assert found == {
        ("gateway", "10.10.10.20 (the pod flash-ticket/api-1, api)"): True,
        ("gateway", "10.10.10.20 (the pod flash-ticket/api-1, api before its restart)"): True,
    }


def test_what_only_the_account_knows_is_a_condition() -> None:
    environment = bind(
        shop_matrix(), parse_binding(binding_content("prod"), "prod"), "prod", SymbolicAccount("ap-northeast-2")
    )
    question = Question(compile_firewall(shop_matrix(), environment).layers())

    assert asked(question, "api", "10.20.20.7", "6379") == {
        ("api", "10.20.20.7 (a host of a private network)"): False,
        ("api", "10.20.20.7, if it is the node of the pod"): False,
        ("api", "10.20.20.7, if it is another node"): False,
        ("api", "10.20.20.7, if it is in alb"): False,
        ("api", "10.20.20.7, if it is in database"): False,
        ("api", "10.20.20.7, if it is in rabbitmq"): False,
        ("api", "10.20.20.7, if it is in redis"): True,
    }
    assert asked(question, "api", "8.8.8.8", "443") == {("api", "8.8.8.8 (the internet)"): False}
    (line,) = question.unknown("api", "10.20.20.7")
    assert line.startswith("10.20.20.7: it is not known here whether a pod, a node or a Service has this address.")
    assert question.unknown("api", "8.8.8.8") == []


def test_dns_on_the_node_has_its_own_addresses() -> None:
    layers = compile_firewall(*CASES["dev-node-local-dns"]()).layers()
    question = Question(layers, KnownAddresses({"10.10.10.1": NODE}))

    assert asked(question, "api", "169.254.20.10", "udp/53") == {("api", "169.254.20.10 (DNS on the node)"): True}


@pytest.mark.parametrize(("source", "destination"), [("8.8.8.8", "9.9.9.9"), ("redis", "8.8.8.8")])
def test_a_connection_that_no_layer_controls_is_an_input_error(source: str, destination: str) -> None:
    with pytest.raises(InputError, match="Name a service at one end"):
        said(source, destination, "6379", redis={"cidrs": ["203.0.113.7/32"]})


def test_a_place_that_takes_in_the_internet_lets_the_internet_pass() -> None:
    firewall = placed(redis={"cidrs": ["0.0.0.0/0"]})
    layers = firewall.layers()

    assert all(verdict.passes for verdict in layers.verdicts("pay", "the internet", "6379"))
    assert not all(verdict.passes for verdict in layers.verdicts("pay", "the internet", "443"))
    listed = {names: str(ports) for names, ports in layers.connections().as_map().items()}
    assert listed["pay", "the internet"] == listed["pay", "another host of the VPC"] == "TCP 6379"
    assert asked(Question(layers), "pay", "8.8.8.8", "6379") == {("pay", "8.8.8.8 (redis, the internet)"): True}
    proof = firewall.proof()
    assert proof.holds
    assert "pay => the internet : TCP 6379, like redis" in map(str, proof.blurs)


def test_a_place_that_takes_in_the_vpc_lets_its_hosts_pass() -> None:
    firewall = placed(redis={"cidrs": ["10.10.0.0/16"]})

    assert all(verdict.passes for verdict in firewall.layers().verdicts("pay", "another host of the VPC", "6379"))
    assert "pay => another host of the VPC : TCP 6379, like redis" in map(str, firewall.proof().blurs)
