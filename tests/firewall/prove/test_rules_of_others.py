"""Rules of others in the terms of the compiled rules: every protocol, range of ports and kind of peer."""

from ipaddress import ip_network

import pytest

from flash_ticket.firewall.bind.environment import FurtherGroups, Group, LoadBalancer, PrefixList, RuleOfOthers
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.prove.rules_of_others import openings, rules_of_others
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortRange, Protocol, tcp
from flash_ticket.firewall.terms.verdict import Direction

LISTED = PrefixList("pl-1", "com.amazonaws.region.s3", 4, 9, (ip_network("192.0.2.0/25"),))


def said(*rules: RuleOfOthers) -> list[str]:
    nodes = Group("sg-1", "nodes", rules_of_others=rules)
    found = rules_of_others([nodes, Group("sg-2", "data", rules_of_others=())])
    return [str(each) for each in openings(rule for read in found.values() for rule in read or ())]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (RuleOfOthers("sgr-1", Direction.INGRESS, ALL_PORTS.ranges, group="sg-1"), "from nodes : All Connections"),
        (RuleOfOthers("sgr-1", Direction.INGRESS, (tcp(22),), group="sg-2"), "from data : TCP 22"),
        (RuleOfOthers("sgr-1", Direction.INGRESS, (tcp(22),), group="sg-9"), "from sg-9 : TCP 22"),
        (
            RuleOfOthers("sgr-1", Direction.INGRESS, (PortRange(Protocol.UDP, 1025, 65535),), prefix_list=LISTED),
            "from com.amazonaws.region.s3 : UDP 1025-65535",
        ),
        (RuleOfOthers("sgr-1", Direction.INGRESS, (tcp(22),), network=ip_network("::/0")), "from ::/0 : TCP 22"),
    ],
)
def test_a_rule_of_others_is_shown_with_its_group_its_id_and_what_it_opens(rule: RuleOfOthers, words: str) -> None:
    assert said(rule) == [f"sgr-1 in nodes: ingress {words}"]


def test_a_protocol_without_ports_opens_no_port() -> None:
    assert said(RuleOfOthers("sgr-1", Direction.INGRESS, (), network=ip_network("10.0.0.0/8"))) == []


def test_rules_of_further_groups_count_where_interfaces_have_them_and_where_rules_name_them() -> None:
    """An ALB with the group of its controller, which a group of the nodes lets in, and nodes with that of a bastion."""
    bastion = RuleOfOthers("sgr-1", Direction.INGRESS, (tcp(22),), network=ip_network("0.0.0.0/0"), beside="bastion")
    let_in = RuleOfOthers("sgr-2", Direction.INGRESS, (tcp(3000),), group="sg-backend")
    leaving = RuleOfOthers("sgr-3", Direction.EGRESS, (tcp(443),), group="sg-bastion", beside="backend")
    nodes = Group("sg-1", "nodes", rules_of_others=(let_in,), beside=FurtherGroups(("sg-bastion",), (bastion,)))
    front = LoadBalancer("alb", (), (), FurtherGroups(("sg-backend",), (leaving,)))

    found = rules_of_others([nodes], (front,))

    assert [str(each) for each in openings(found[nodes] or ())] == [
        "sgr-1 of bastion in nodes: ingress from 0.0.0.0/0 : TCP 22",
        "sgr-2 in nodes: ingress from alb : TCP 3000",
    ]
    assert [str(each) for each in openings(found[OwnGroup("alb")] or ())] == [
        "sgr-3 of backend in alb: egress to nodes : TCP 443"
    ]


def test_only_the_account_knows_the_rules_of_a_group_that_was_not_read() -> None:
    unread = Group("sg-1", "nodes")

    assert rules_of_others([unread, OwnGroup("api")]) == {unread: None}
