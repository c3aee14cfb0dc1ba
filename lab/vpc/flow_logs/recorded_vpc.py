"""What the account says of the network interfaces of a VPC, as far as the records of a flow log show it.

Sources: EC2 API reference, NetworkInterface; Amazon VPC User Guide, "Flow log records", "Flow log limitations",
"Subnet sizing", "Amazon DNS server"; EC2 User Guide, "Use the Instance Metadata Service", "Amazon Time Sync Service".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any

from lab.vpc.account import Address, Network, blocks, pages
from lab.vpc.counted import Counted, Direction

_UDP = 17
_DHCP_PORTS = {67, 68, 546, 547}
_OF_AWS = {
    ip_address(each)
    for each in (
        *("169.254.169.253", "fd00:ec2::253"),  # Amazon's DNS
        *("169.254.169.254", "fd00:ec2::254"),  # the metadata of an instance
        *("169.254.169.123", "fd00:ec2::123"),  # Amazon's clock
    )
}
_ROUTER, _DNS = 1, 2
"""Counted from the base of a range."""

_SAME_VPC, _VIRTUAL_PRIVATE_GATEWAY, _PEERING, _LOCAL_GATEWAY, _GATEWAY_ENDPOINT, _INTERNET = 1, 3, 4, 6, 7, 8
_PATHS = (
    ("GatewayId", "igw-", _INTERNET),
    ("EgressOnlyInternetGatewayId", "eigw-", _INTERNET),
    ("GatewayId", "vpce-", _GATEWAY_ENDPOINT),
    ("GatewayId", "vgw-", _VIRTUAL_PRIVATE_GATEWAY),
    ("VpcPeeringConnectionId", "pcx-", _PEERING),
    ("LocalGatewayId", "lgw-", _LOCAL_GATEWAY),
    # These have an interface in the VPC.
    ("NatGatewayId", "nat-", _SAME_VPC),
    ("NetworkInterfaceId", "eni-", _SAME_VPC),
    ("InstanceId", "i-", _SAME_VPC),
    ("TransitGatewayId", "tgw-", _SAME_VPC),
)
"""The part of a route, how its value begins, and the number of the path on instances of the Nitro System."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface.

    Attributes:
        id: ``eni-...``.
        account: The account that owns it.
        subnet: The id of its subnet.
        vpc: The id of its VPC.
        zone: The id of its Availability Zone, such as ``apne2-az1``.
        instance: The id of the instance that it is attached to; empty if there is none or the account does not own it.
        addresses: Its addresses, the first one of each family first.
    """

    id: str
    account: str
    subnet: str
    vpc: str
    zone: str
    instance: str
    addresses: tuple[Address, ...]

    def first(self, family: int) -> Address | None:
        """Return its first address of a family, 4 or 6; None if it has none."""
        return next((each for each in self.addresses if each.version == family), None)


@dataclass(frozen=True, slots=True)
class RecordedVpc:
    """The interfaces and ranges of a VPC.

    Attributes:
        interfaces: By id. Those that are gone stay known: packets that passed them are still to be recorded.
        ranges: The address ranges of the VPC.
        routers: The addresses of the default router, one for each subnet.
        routes: By the id of a subnet: where a packet to a range leaves, as a number of ``traffic-path``.
    """

    interfaces: Mapping[str, Interface]
    ranges: tuple[Network, ...]
    routers: frozenset[Address]
    routes: Mapping[str, tuple[tuple[Network, int], ...]]

    def records(self, counted: Counted) -> bool:
        """Return whether AWS records such packets at all."""
        if counted.protocol == _UDP and {counted.source_port, counted.target_port} <= _DHCP_PORTS:
            return False
        resolvers = {each[_DNS] for each in self.ranges if isinstance(each, IPv4Network)}
        return not {counted.source, counted.target} & (_OF_AWS | self.routers | resolvers)

    def path(self, counted: Counted) -> int | None:
        """Return the number of the path on which packets leave the VPC or stay in it; None for ingress and if unknown.

        The longest range of the subnet's routes decides, as in a route table.
        """
        if counted.direction is Direction.INGRESS or counted.interface not in self.interfaces:
            return None
        if any(counted.target in each for each in self.ranges):
            return _SAME_VPC
        routes = self.routes.get(self.interfaces[counted.interface].subnet, ())
        fitting = [(each.prefixlen, path) for each, path in routes if counted.target in each]
        return max(fitting)[1] if fitting else None


def recorded_vpc(ec2: Any, vpc: str, earlier: RecordedVpc | None = None) -> RecordedVpc:  # noqa: ANN401 - boto3 clients have no static type
    """Ask the account for a VPC.

    Args:
        ec2: A client of EC2.
        vpc: The id of the VPC.
        earlier: What was known before. Its interfaces stay known.
    """
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    (described,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    subnets = list(pages(ec2, "describe_subnets", "Subnets", Filters=of_vpc))
    zones = {each["SubnetId"]: each.get("AvailabilityZoneId", "") for each in subnets}
    interfaces = pages(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=of_vpc)
    found = [_interface(each, zones) for each in interfaces]
    tables = list(pages(ec2, "describe_route_tables", "RouteTables", Filters=of_vpc))
    return RecordedVpc(
        {**(earlier.interfaces if earlier else {}), **{each.id: each for each in found}},
        tuple(map(ip_network, blocks(described))),
        frozenset(ip_network(each["CidrBlock"])[_ROUTER] for each in subnets),
        {subnet: tuple(_routes(_table_of(subnet, tables))) for subnet in zones},
    )


def _interface(described: Mapping[str, Any], zones: Mapping[str, str]) -> Interface:
    owner, attachment = described["OwnerId"], described.get("Attachment", {})
    is_ours = attachment.get("InstanceOwnerId", owner) == owner and not described.get("RequesterManaged", False)
    private = [each["PrivateIpAddress"] for each in described.get("PrivateIpAddresses", ())]
    primary = [described["PrivateIpAddress"]] if described.get("PrivateIpAddress") else []
    sixth = [each["Ipv6Address"] for each in described.get("Ipv6Addresses", ())]
    return Interface(
        described["NetworkInterfaceId"],
        owner,
        described["SubnetId"],
        described["VpcId"],
        zones.get(described["SubnetId"], ""),
        str(attachment.get("InstanceId", "")) if is_ours else "",
        tuple(ip_address(each) for each in dict.fromkeys((*primary, *private, *sixth))),
    )


def _table_of(subnet: str, tables: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the route table of a subnet: its own, or else the main one of the VPC."""
    main: Mapping[str, Any] = {}
    for table in tables:
        for each in table.get("Associations", ()):
            if each.get("SubnetId") == subnet:
                return table
            main = table if each.get("Main") else main
    return main


def _routes(table: Mapping[str, Any]) -> Iterator[tuple[Network, int]]:
    for route in table.get("Routes", ()):
        target = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
        path = next((path for part, begin, path in _PATHS if str(route.get(part, "")).startswith(begin)), None)
        if target and path:
            yield ip_network(target), path
