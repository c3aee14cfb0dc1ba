"""The imitation reads what the lab's EC2 describes."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from lab.vpc.account import Account, Members, PrefixList, Rule, read
from lab.vpc.counted import Direction

IN, OUT = Direction.INGRESS, Direction.EGRESS


@pytest.fixture
def subnet(aws: Callable[[str], Any], vpc: str) -> str:
    """A subnet of the VPC, 10.10.10.0/24."""
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "cidr-block", "Values": ["10.10.10.0/24"]}]
    return str(aws("ec2").describe_subnets(Filters=wanted)["Subnets"][0]["SubnetId"])


def rules_of(account: Account, group: str) -> set[tuple[Direction, int | None, int | None, int | None, object]]:
    return {
        (each.direction, each.protocol, each.first, each.last, each.peer)
        for each in account.rules
        if each.group == group
    }


def test_an_interface_has_all_its_addresses_and_groups(
    aws: Callable[[str], Any], vpc: str, subnet: str, group: str
) -> None:
    ec2 = aws("ec2")
    made = ec2.create_network_interface(
        SubnetId=subnet,
        Groups=[group],
        PrivateIpAddresses=[
            {"PrivateIpAddress": "10.10.10.90", "Primary": True},
            {"PrivateIpAddress": "10.10.10.91", "Primary": False},
        ],
    )["NetworkInterface"]["NetworkInterfaceId"]
    try:
        found = next(each for each in read(ec2, vpc).interfaces if each.identifier == made)
    finally:
        ec2.delete_network_interface(NetworkInterfaceId=made)
    assert (found.vpc, found.primary, found.groups) == (vpc, ip_address("10.10.10.90"), (group,))
    assert found.networks == (ip_network("10.10.10.90/32"), ip_network("10.10.10.91/32"))
    assert made not in {each.identifier for each in read(ec2, vpc).interfaces}


def test_rules_say_protocol_ports_and_peer(aws: Callable[[str], Any], vpc: str, group: str) -> None:
    ec2 = aws("ec2")
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="two",
        MaxEntries=2,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "10.1.0.0/16"}, {"Cidr": "10.2.0.0/16"}],
    )["PrefixList"]["PrefixListId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "UserIdGroupPairs": [{"GroupId": group}]},
            {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.10.0.0/16"}]},
            {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": prefix_list}]},
        ],
    )
    account = read(ec2, vpc)
    assert rules_of(account, group) == {
        (OUT, None, None, None, ip_network("0.0.0.0/0")),
        (IN, 6, 80, 90, Members(group)),
        (IN, 17, 53, 53, ip_network("10.10.0.0/16")),
        (IN, 6, 0, 65535, ip_network("::/0")),
        (IN, 1, 8, None, ip_network("0.0.0.0/0")),
        (IN, 6, 443, 443, PrefixList(prefix_list)),
    }
    assert account.prefix_lists[prefix_list] == (ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16"))
    assert isinstance(account.rules[0], Rule)


def test_a_vpc_is_read_with_its_networks_routers_and_resolver(aws: Callable[[str], Any], vpc: str) -> None:
    account = read(aws("ec2"), vpc)
    assert dict(account.vpcs) == {vpc: (ip_network("10.10.0.0/16"),)}
    assert {ip_address("10.10.0.2"), ip_address("10.10.10.1"), ip_address("10.10.21.1")} <= set(account.unfiltered)
    assert ip_address("10.10.10.2") not in account.unfiltered
    assert len(read(aws("ec2")).vpcs) > 1


def test_nothing_changes_between_two_readings(aws: Callable[[str], Any]) -> None:
    assert read(aws("ec2")) == read(aws("ec2"))
