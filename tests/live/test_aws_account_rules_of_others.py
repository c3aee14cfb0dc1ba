"""The rules of others in a group: counted for the quota, and read with their ports and their peer."""

from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import NO_FURTHER_GROUPS, FurtherGroups, RuleOfOthers
from flash_ticket.firewall.compile.owner import GROUP_TAG
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
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": []})

    (found,) = session.account().groups("vpc-1", One(id="sg-1"))

    assert found.foreign_rules == (("ingress", 4, 21),)
    assert [rule.id for rule in found.rules_of_others or ()] == ["sgr-1", "sgr-2"]


def interface(*groups: str) -> dict[str, Any]:
    return {"Groups": [{"GroupId": each, "GroupName": f"name of {each}"} for each in groups]}


def test_the_further_groups_on_interfaces_of_a_group_are_read_with_the_rules_of_others_in_them() -> None:
    session = Session("ec2")
    answers = session.answers["ec2"]
    listed = [{"GroupId": f"sg-{number}", "GroupName": f"name of sg-{number}"} for number in (1, 2, 3)]
    answers.add_response("describe_security_groups", {"SecurityGroups": listed})
    bastion = rule_of_others("sgr-2", GroupId="sg-2", CidrIpv4="0.0.0.0/0")
    ours = rule_of_others("sgr-3", GroupId="sg-2", CidrIpv4="10.0.0.0/8", Tags=tags(DEV))
    answers.add_response("describe_security_group_rules", {"SecurityGroupRules": [bastion, ours]})
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": [interface("sg-1", "sg-2", "sg-3")]})
    answers.add_response("describe_security_groups", {"SecurityGroups": [{**listed[2], "Tags": tags(DEV)}]})

    (found,) = session.account().groups("vpc-1", One(id="sg-1"))

    read = RuleOfOthers("sgr-2", IN, ALL_PORTS.ranges, network=ip_network("0.0.0.0/0"), beside="name of sg-2")
    assert found.rules_of_others == ()
    assert found.beside == FurtherGroups(("sg-2",), (read,))


def test_the_further_groups_of_the_load_balancer_are_those_on_interfaces_with_its_group() -> None:
    session = Session("ec2")
    answers = session.answers["ec2"]
    own = {"GroupId": "sg-1", "GroupName": "alb", "VpcId": "vpc-1", "Tags": tags(DEV, **{GROUP_TAG: "alb"})}
    answers.add_response("describe_security_groups", {"SecurityGroups": [own]})
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": [interface("sg-1", "sg-2")]})
    backend = rule_of_others("sgr-2", GroupId="sg-2", IsEgress=True, CidrIpv4="0.0.0.0/0")
    answers.add_response("describe_security_group_rules", {"SecurityGroupRules": [backend]})
    account = session.account()

    found = account.beside_load_balancer("vpc-1", "alb")

    assert found.ids == ("sg-2",)
    assert [(rule.id, rule.beside) for rule in found.rules] == [("sgr-2", "name of sg-2")]
    assert account.beside_load_balancer("vpc-1", "web") == NO_FURTHER_GROUPS
    assert account.beside_load_balancer("vpc-2", "alb") == NO_FURTHER_GROUPS


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
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": [interface("sg-1")]})

    (found,) = session.account().groups("vpc-1", One(id="sg-1"))

    assert found.rules_of_others == (read,)
