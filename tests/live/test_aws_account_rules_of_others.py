"""The rules of others in a group: counted for the quota, and read with their ports and their peer."""

from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import RuleOfOthers
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortRange, Protocol
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.clouds.stubbed_session import Session
from tests.support.declared.owners import DEV, tags

IN = Direction.INGRESS


def test_a_prefix_list_in_a_rule_of_others_counts_with_its_weight() -> None:
    session = Session("ec2")
    answers = session.answers["ec2"]
    answers.add_response("describe_security_groups", {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "redis"}]})
    rules = [
        rule_of_others("sgr-1", PrefixListId="pl-1"),
        rule_of_others("sgr-2", CidrIpv4="10.0.0.0/8"),
        rule_of_others("sgr-3", IsEgress=True, PrefixListId="pl-gone"),
    ]
    answers.add_response("describe_security_group_rules", {"SecurityGroupRules": rules})
    listed = {"PrefixListId": "pl-1", "PrefixListName": "offices", "MaxEntries": 20, "AddressFamily": "IPv4"}
    answers.add_response("describe_managed_prefix_lists", {"PrefixLists": [listed]})
    answers.add_response("get_managed_prefix_list_entries", {"Entries": [{"Cidr": "192.0.2.0/24"}]})
    answers.add_response("describe_managed_prefix_lists", {"PrefixLists": []})

    (found,) = session.account().groups("vpc-1", One(id="sg-1"))

    assert found.foreign_rules == (("ingress", 4, 21),)
    assert [rule.id for rule in found.rules_of_others or ()] == ["sgr-1", "sgr-2"]


def rule_of_others(id_: str, **described: object) -> dict[str, Any]:
    """Return a rule that opens all ports, as DescribeSecurityGroupRules returns it."""
    written = {"SecurityGroupRuleId": id_, "GroupId": "sg-1", "IsEgress": False, "IpProtocol": "-1"}
    return {**written, "FromPort": -1, "ToPort": -1, **described}


@pytest.mark.parametrize(
    ("described", "read"),
    [
        ({"CidrIpv4": "0.0.0.0/0"}, RuleOfOthers("sgr-1", IN, ALL_PORTS.ranges, network=ip_network("0.0.0.0/0"))),
        ({"CidrIpv6": "::/0"}, RuleOfOthers("sgr-1", IN, ALL_PORTS.ranges, network=ip_network("::/0"))),
        ({"ReferencedGroupInfo": {"GroupId": "sg-1"}}, RuleOfOthers("sgr-1", IN, ALL_PORTS.ranges, group="sg-1")),
        (
            {"IsEgress": True, "IpProtocol": "tcp", "FromPort": 1025, "ToPort": 65535, "CidrIpv4": "10.0.0.0/8"},
            RuleOfOthers(
                "sgr-1",
                Direction.EGRESS,
                (PortRange(Protocol.TCP, 1025, 65535),),
                network=ip_network("10.0.0.0/8"),
            ),
        ),
        (
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "CidrIpv4": "10.0.0.0/8"},
            RuleOfOthers("sgr-1", IN, (), network=ip_network("10.0.0.0/8")),
        ),
    ],
)
def test_a_rule_of_others_is_read_with_its_ports_and_its_peer(described: dict[str, Any], read: RuleOfOthers) -> None:
    session = Session("ec2")
    answers = session.answers["ec2"]
    answers.add_response("describe_security_groups", {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "nodes"}]})
    ours = rule_of_others("sgr-2", CidrIpv4="10.0.0.0/8", Tags=tags(DEV))
    rules = [rule_of_others("sgr-1", **described), ours]
    answers.add_response("describe_security_group_rules", {"SecurityGroupRules": rules})

    (found,) = session.account().groups("vpc-1", One(id="sg-1"))

    assert found.rules_of_others == (read,)
