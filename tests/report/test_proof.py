"""The proof as text: one line if it holds, and a table of what to change if it does not."""

import json
from copy import deepcopy
from dataclasses import replace

from flash_ticket.firewall.bind.environment import Group
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.proof import checked, proof_text
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.declared.stacks import CASES, as_eks_makes_groups
from tests.support.mutants.mutations import Compiled, compiled


def three_things_wrong() -> Compiled:
    """Cut api from redis in the pod layer; in the VPC layer, open pay to the gateway and the nodes to api for SSH."""
    right = compiled(*CASES["dev"]())
    manifests = deepcopy(right.manifests)
    egress = next(each["spec"]["egress"] for each in manifests if each["metadata"]["name"] == "04-allow-egress-api")
    egress[:] = [rule for rule in egress if rule["ports"][0]["port"] != 6379]
    added = GroupRule(OwnGroup("pay"), Direction.INGRESS, OwnGroup("gateway"), tcp(3100), ())
    rule = GroupRule(Group("sg-dev-nodes", "flash-ticket-dev-nodes"), Direction.INGRESS, OwnGroup("api"), tcp(22), ())
    firewall = replace(right.firewall, rules=(*right.firewall.rules, added, rule))
    return replace(right, manifests=manifests, firewall=firewall)


def test_violations_are_a_table_of_what_decides_and_what_to_change() -> None:
    assert proof_text(three_things_wrong().proof()) == TABLE


def test_no_line_of_the_table_is_wider_than_a_screen() -> None:
    assert max(map(len, proof_text(three_things_wrong().proof()).splitlines())) <= 120


def test_a_proof_that_holds_is_one_line() -> None:
    assert proof_text(compiled(*CASES["prod"]()).proof()) == (
        "The proof holds: 21 declared connections pass both layers, and no undeclared one does: both stop 612, one "
        "stops 88."
    )


def test_dns_that_is_open_at_nodes_too_leads_to_the_key_that_closes_it() -> None:
    hint = "If CoreDNS has no group of the nodes, say which it has: cluster.dns.groups of the binding."

    def said(dns: dict[str, object]) -> list[str]:
        binding = binding_content("dev")
        binding["cluster"]["dns"] = dns
        matrix = shop_matrix()
        return proof_text(compile_firewall(matrix, environment_of("dev", binding, matrix)).proof()).splitlines()

    assert said({"mode": "cluster"})[-4:] == [
        "  api => the kubelet : TCP 53,UDP 53, like DNS",
        "  gateway => the kubelet : TCP 53,UDP 53, like DNS",
        "  pay => the kubelet : TCP 53,UDP 53, like DNS",
        hint,
    ]
    assert hint not in said({"mode": "cluster", "groups": ["cluster"]})


def test_what_one_layer_alone_stops_is_listed_on_request() -> None:
    firewall = compile_firewall(*CASES["prod"]())
    proofs = [(firewall, firewall.proof())]
    text = checked(proofs, AnswerFormat.TXT, lists_stopped_once=True).splitlines()
    (document,) = json.loads(checked(proofs, AnswerFormat.JSON, lists_stopped_once=True))

    heading = text.index("The security groups alone stop these; the NetworkPolicies let them through, or have no say:")
    assert "  api => redis : TCP 3306,5432,5672" in text[heading:]
    entry = {"src": "api", "dst": "redis", "ports": "TCP 3306,5432,5672", "layer": "vpc"}
    assert entry in document["stopped_by_one"]
    assert "stopped_by_one" not in json.loads(checked(proofs, AnswerFormat.JSON))[0]


def test_with_a_shared_group_the_proof_lists_what_only_the_pod_layer_stops() -> None:
    text = proof_text(compiled(*CASES["dev-nodes"]()).proof())

    assert [line for line in text.splitlines()[1:] if len(line) > 120] == []
    assert text.splitlines()[3:9] == [
        "Services share a group: for these pairs only the pod layer stops what is not declared.",
        "  alb => api, pay : TCP 3000",
        "  api, gateway and 3 more => gateway, pay and 3 more : TCP 3100,4000",
        "  gateway => database : TCP 3306,5432",
        "  gateway => rabbitmq : TCP 5672",
        "  gateway => redis : TCP 6379",
    ]


def test_the_json_form_lists_what_only_the_pod_layer_stops_with_every_name() -> None:
    firewall = compile_firewall(*CASES["dev-nodes"]())
    (document,) = json.loads(checked([(firewall, firewall.proof())], AnswerFormat.JSON))

    assert {
        "src": ["gateway"],
        "dst": ["redis"],
        "ports": "TCP 6379",
        "because": "services share a group",
    } in document["stopped_by_the_pod_layer_alone"]


def test_without_the_account_nothing_is_said_to_be_stopped_by_groups_of_others() -> None:
    lines = proof_text(compiled(*CASES["dev-nodes"]()).proof()).splitlines()

    assert lines[0].endswith("and of the undeclared ones 57 are stopped by both and 40 by one.")
    assert lines[1:3] == [
        "The pod layer stops 521 more. Only the account knows if the VPC layer stops them, too: others hold rules in",
        "  eks-cluster-sg-flash-ticket-dev-1234567, flash-ticket-dev-database and 3 more",
    ]
    heading = lines.index(
        "The pod layer takes these for something declared, and only the account knows if the VPC layer stops them:"
    )
    assert lines[heading + 1] == "  another host of the VPC => gateway : TCP 3000, like alb"


def test_with_the_account_rules_of_others_are_named_with_group_and_id() -> None:
    lines = proof_text(compiled(*as_eks_makes_groups("dev-nodes")).proof()).splitlines()

    assert lines[0].endswith("and of the undeclared ones 352 are stopped by both and 283 by one.")
    assert lines[1:4] == [
        "Rules of others open the VPC layer, so that only the pod layer stops 226 of these. They are:",
        "  sgr-anywhere in flash-ticket-dev-nodes: egress to 0.0.0.0/0 : All Connections",
        "  sgr-self in flash-ticket-dev-nodes: ingress from flash-ticket-dev-nodes : All Connections",
    ]
    heading = lines.index(
        "The pod layer takes these for something declared, and rules of others open the VPC layer for them:"
    )
    to_hosts = "another host of the VPC : TCP 3306,5432,5672,6379, like database, rabbitmq, redis"
    assert lines[heading + 1 :] == [
        f"  api => {to_hosts}, by sgr-anywhere in flash-ticket-dev-nodes",
        f"  pay => {to_hosts}, by sgr-anywhere in flash-ticket-dev-nodes",
        "Narrow these rules, or give the places addresses of their own.",
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
                                                           egress-api govern api; flash-      traffic.yaml
                                                           ticket/04-allow-egress-api
                                                           egress[0], flash-ticket/04-allow-
                                                           egress-api egress[2] name redis,
                                                           but not this port

Not declared, but open:
from               to                 ports         layer  what decides                       what to change
api                the kubelet,       TCP 22        vpc    Ingress: allowed by flash-ticket-  Remove or narrow this
                   another pod of                          dev-nodes flash-ticket-dev-nodes-  rule, or declare the flow
                   flash-ticket, a                         ingress-tcp-22-from-api            in traffic.yaml
                   pod elsewhere in
                   the cluster
gateway            pay                TCP 3100      vpc    Ingress: allowed by pay pay-       Remove or narrow this
                                                           ingress-tcp-3100-from-gateway      rule, or declare the flow
                                                                                              in traffic.yaml"""
