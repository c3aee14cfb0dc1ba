"""What an account holds about the packets of a VPC, read from EC2's API and from nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from lab.vpc.counted import Direction

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_EVERY_PROTOCOL = "-1"
_EVERY_NUMBER = -1
_RESOLVER = 2


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface.

    Attributes:
        identifier: Its id.
        vpc: The id of its VPC.
        primary: Its primary private address.
        networks: All its addresses, and the prefixes that are delegated to it.
        groups: The ids of its security groups, sorted.
    """

    identifier: str
    vpc: str
    primary: Address
    networks: tuple[Network, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """A peer: the addresses of all interfaces that have a security group."""

    group: str


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A peer: the networks of a managed prefix list."""

    identifier: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a security group.

    Attributes:
        group: The group's id.
        direction: Which way the traffic passes the interfaces of the group.
        protocol: The protocol's number; None for every protocol.
        first: The first port, or the type of an ICMP message; None for every one.
        last: The last port, or the code of an ICMP message; None for every one.
        peer: The other end of the traffic.
    """

    group: str
    direction: Direction
    protocol: int | None
    first: int | None
    last: int | None
    peer: Network | Members | PrefixList


@dataclass(frozen=True, slots=True)
class Account:
    """What an account holds.

    Attributes:
        interfaces: Its network interfaces.
        rules: The rules of its security groups.
        prefix_lists: The networks of each prefix list that a rule names.
        vpcs: The networks of each VPC, by its id.
        unfiltered: The addresses whose traffic no group judges: the routers of subnets and the resolvers of VPCs.
    """

    interfaces: tuple[Interface, ...]
    rules: tuple[Rule, ...]
    prefix_lists: Mapping[str, tuple[Network, ...]]
    vpcs: Mapping[str, tuple[Network, ...]]
    unfiltered: tuple[Address, ...]


def read(ec2: Any, vpc: str | None = None) -> Account:  # noqa: ANN401 - boto3 creates clients at run time
    """Return what an account holds now.

    Args:
        ec2: A client of EC2.
        vpc: The id of the only VPC to read; if None, all of them.
    """
    chosen = [{"Name": "vpc-id", "Values": [vpc]}] if vpc else []
    interfaces = sorted(
        map(_interface, pages(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=chosen)),
        key=lambda each: each.identifier,
    )
    rules = tuple(map(_rule, pages(ec2, "describe_security_group_rules", "SecurityGroupRules")))
    vpcs = list(pages(ec2, "describe_vpcs", "Vpcs", Filters=chosen))
    subnets = pages(ec2, "describe_subnets", "Subnets", Filters=chosen)
    named = sorted({rule.peer.identifier for rule in rules if isinstance(rule.peer, PrefixList)})
    routers = (_numbered(block, 1) for each in subnets for block in blocks(each))
    resolvers = (_numbered(each["CidrBlock"], _RESOLVER) for each in vpcs)
    return Account(
        tuple(interfaces),
        tuple(sorted(rules, key=repr)),
        {each: _entries(ec2, each) for each in named},
        {each["VpcId"]: tuple(map(ip_network, blocks(each))) for each in vpcs},
        tuple(sorted({*routers, *resolvers}, key=str)),
    )


def pages(ec2: Any, operation: str, key: str, **arguments: object) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as above
    """Yield what an operation lists, of all pages.

    Args:
        ec2: A client of EC2.
        operation: The method of the client.
        key: Where a page has the list.
        arguments: Those of the operation.
    """
    for page in ec2.get_paginator(operation).paginate(**arguments):
        yield from page[key]


def _interface(described: dict[str, Any]) -> Interface:
    addresses = [
        *(each["PrivateIpAddress"] for each in described.get("PrivateIpAddresses", ())),
        *(each["Ipv6Address"] for each in described.get("Ipv6Addresses", ())),
    ]
    prefixes = [
        *(each["Ipv4Prefix"] for each in described.get("Ipv4Prefixes", ())),
        *(each["Ipv6Prefix"] for each in described.get("Ipv6Prefixes", ())),
    ]
    primary = described.get("PrivateIpAddress") or addresses[0]
    return Interface(
        described["NetworkInterfaceId"],
        described["VpcId"],
        ip_address(primary),
        tuple(sorted({ip_network(each) for each in (primary, *addresses, *prefixes)}, key=str)),
        tuple(sorted(each["GroupId"] for each in described["Groups"])),
    )


def _rule(described: dict[str, Any]) -> Rule:
    protocol = str(described["IpProtocol"])
    return Rule(
        described["GroupId"],
        Direction.EGRESS if described["IsEgress"] else Direction.INGRESS,
        None if protocol == _EVERY_PROTOCOL else _NUMBERS.get(protocol) or int(protocol),
        _number(described.get("FromPort")),
        _number(described.get("ToPort")),
        _peer(described),
    )


def _number(described: int | None) -> int | None:
    return None if described == _EVERY_NUMBER else described


def _peer(described: dict[str, Any]) -> Network | Members | PrefixList:
    if cidr := described.get("CidrIpv4") or described.get("CidrIpv6"):
        return ip_network(cidr)
    if identifier := described.get("PrefixListId"):
        return PrefixList(identifier)
    return Members(described["ReferencedGroupInfo"]["GroupId"])


def _entries(ec2: Any, identifier: str) -> tuple[Network, ...]:  # noqa: ANN401 - as above
    entries = pages(ec2, "get_managed_prefix_list_entries", "Entries", PrefixListId=identifier)
    return tuple(sorted((ip_network(each["Cidr"]) for each in entries), key=str))


def blocks(described: dict[str, Any]) -> Iterator[str]:
    """Yield the blocks of a VPC or a subnet."""
    found = {described["CidrBlock"]: None} if described.get("CidrBlock") else {}
    found |= {each["CidrBlock"]: None for each in described.get("CidrBlockAssociationSet", ())}
    found |= {each["Ipv6CidrBlock"]: None for each in described.get("Ipv6CidrBlockAssociationSet", ())}
    yield from found


def _numbered(block: str, number: int) -> Address:
    return ip_network(block)[number]
