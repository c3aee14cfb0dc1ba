"""The VPC's endpoints of AWS services, and the interfaces of an EKS cluster's API server.

This needs ec2:DescribeVpcEndpoints and ec2:DescribeNetworkInterfaces.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Any, Protocol

from flash_ticket.firewall.bind.account import FoundEndpoint
from flash_ticket.firewall.declare.built_in import region_and_service
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.live.asking.filters import filters


class _Account(Protocol):
    @property
    def region(self) -> str: ...

    def pages(
        self,
        service: str,
        operation: str,
        key: str,
        following: str = "NextToken",
        **arguments: Any,  # noqa: ANN401 - the SDK's
    ) -> list[Any]: ...


def endpoints_in(account: _Account, vpc: str) -> Iterator[FoundEndpoint]:
    """Yield the endpoints of AWS services in a VPC that are available."""
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    described = account.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=of_vpc)
    for each in described:
        region, service = region_and_service(each["ServiceName"])
        if region == account.region and each["State"].lower() == "available":
            yield _endpoint(account, each, service)


def _endpoint(account: _Account, described: dict[str, Any], service: str) -> FoundEndpoint:
    found, kind = described["VpcEndpointId"], described.get("VpcEndpointType", "Gateway")
    if kind.lower() == "gateway":
        return FoundEndpoint(found, service, prefix_list=_list_of(account, described["ServiceName"]))
    groups = tuple(sorted(group["GroupId"] for group in described.get("Groups", ())))
    networks: list[Network] = []
    for chosen in filters("network-interface-id", described.get("NetworkInterfaceIds", [])):
        networks += _addresses(account, [chosen])
    return FoundEndpoint(found, service, "", tuple(networks), groups)


def _list_of(account: _Account, service: str) -> str:
    """Return the id of the prefix list of a gateway endpoint; it has the name of the service."""
    chosen = [{"Name": "prefix-list-name", "Values": [service]}]
    found = account.pages("ec2", "describe_managed_prefix_lists", "PrefixLists", Filters=chosen)
    return found[0]["PrefixListId"] if found else service


def api_addresses_in(account: _Account, vpc: str, cluster: str) -> tuple[Network, ...]:
    """Return the addresses of the interfaces that EKS gives a cluster's API server in a VPC.

    Their description is ``Amazon EKS`` and the cluster's name (EKS User Guide, "View Amazon EKS networking requirements
    for VPC and subnets").
    """
    of_vpc = {"Name": "vpc-id", "Values": [vpc]}
    return tuple(_addresses(account, [of_vpc, {"Name": "description", "Values": [f"Amazon EKS {cluster}"]}]))


def _addresses(account: _Account, chosen: Iterable[dict[str, Any]]) -> Iterator[Network]:
    for each in account.pages("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=[*chosen]):
        for private in each.get("PrivateIpAddresses", ()):
            yield ip_network(private["PrivateIpAddress"])
        for sixth in each.get("Ipv6Addresses", ()):
            yield ip_network(sixth["Ipv6Address"])
