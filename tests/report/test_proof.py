"""The proof as text: one line if it holds, and a table of what to change if it does not."""

from copy import deepcopy
from dataclasses import replace

from flash_ticket.firewall.bind.environment import Group
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.report.proof import proof_text
from tests.support.declared.stacks import CASES
from tests.support.mutants.mutations import Compiled, compiled


def three_things_wrong() -> Compiled:
    """Cut api from redis in the pod layer; in the VPC layer, open pay to the gateway and api to the nodes for SSH."""
    right = compiled(*CASES["dev"]())
    manifests = deepcopy(right.manifests)
    egress = next(each["spec"]["egress"] for each in manifests if each["metadata"]["name"] == "04-allow-egress-api")
    egress[:] = [rule for rule in egress if rule["ports"][0]["port"] != 6379]
    added = GroupRule(OwnGroup("pay"), Direction.INGRESS, OwnGroup("gateway"), tcp(3100), ())
    rule = GroupRule(Group("sg-dev-nodes", "flash-ticket-dev-nodes"), Direction.EGRESS, OwnGroup("api"), tcp(22), ())
    firewall = replace(right.firewall, rules=(*right.firewall.rules, added, rule))
    return replace(right, manifests=manifests, firewall=firewall)


def test_violations_are_a_table_of_what_decides_and_what_to_change() -> None:
    assert proof_text(three_things_wrong().proof()) == TABLE


def test_no_line_of_the_table_is_wider_than_a_screen() -> None:
    assert max(map(len, proof_text(three_things_wrong().proof()).splitlines())) <= 120


def test_a_proof_that_holds_is_one_line() -> None:
    assert proof_text(compiled(*CASES["prod"]()).proof()) == (
        "The proof holds: 21 declared connections pass both layers, and of the undeclared ones 612 are stopped by both "
        "and 88 by one."
    )


def test_with_a_shared_group_the_proof_lists_what_only_the_pod_layer_stops() -> None:
    assert proof_text(compiled(*CASES["dev-nodes"]()).proof()).splitlines()[1:] == [
        "Services share a group: for these pairs only the pod layer stops what is not declared.",
        "  alb => api, pay : TCP 3000",
        "  api, gateway and 3 more => gateway, pay and 3 more : TCP 3100,4000",
        "  gateway => database : TCP 3306,5432",
        "  gateway => rabbitmq : TCP 5672",
        "  gateway => redis : TCP 6379",
    ]


def test_the_first_twenty_violations_are_shown_and_the_rest_counted() -> None:
    proof = three_things_wrong().proof()
    many = replace(proof, violations=tuple(replace(proof.violations[1], sources=(f"s-{n}",)) for n in range(33)))
    text = proof_text(many)

    assert text.splitlines()[0] == "The proof does not hold: 33 things are not as declared."
    assert text.count("\ns-") == 20
    assert text.endswith("\n\nand 13 more")


def test_control_characters_in_names_are_escaped() -> None:
    proof = three_things_wrong().proof()
    hostile = replace(proof, violations=(replace(proof.violations[1], sources=("red\x1b[31m\u202e",)),))

    assert "red\\x1b[31m" in proof_text(hostile)


TABLE = """\
The proof does not hold: 3 things are not as declared.

Declared, but stopped:
from               to                 ports         layer  what decides                       what to change
api                redis              TCP 6379      pod    Egress: flash-ticket/00-default-   Add a rule for it, or
                                                           deny, flash-ticket/04-allow-       remove the flow from
                                                           egress-api governs api; flash-     traffic.yaml
                                                           ticket/04-allow-egress-api
                                                           egress[0], flash-ticket/04-allow-
                                                           egress-api egress[2] names redis,
                                                           but not this port

Not declared, but open:
from               to                 ports         layer  what decides                       what to change
gateway            pay                TCP 3100      vpc    Ingress: allowed by pay pay-       Remove or narrow this
                                                           ingress-tcp-3100-from-gateway      rule, or declare the flow
                                                                                              in traffic.yaml
the kubelet,       api                TCP 22        vpc    Egress: allowed by flash-ticket-   Remove or narrow this
another pod of                                             dev-nodes flash-ticket-dev-nodes-  rule, or declare the flow
flash-ticket, a                                            egress-tcp-22-to-api               in traffic.yaml
pod elsewhere in
the cluster"""
