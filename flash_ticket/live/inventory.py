"""Who has which address now, of a stack's cluster and account.

Rights needed, all of them to read: in the cluster list pods and services of all namespaces, and what
`flash_ticket.live.deployed.read_deployed` lists in the matrix's own; in the account ec2:DescribeNetworkInterfaces, what
`flash_ticket.firewall.bind.bind.bind` asks (ec2:DescribeVpcs, DescribeSubnets, DescribeSecurityGroups,
DescribeSecurityGroupRules,
DescribeManagedPrefixLists, GetManagedPrefixListEntries, eks:DescribeCluster) and sts:GetCallerIdentity, which nobody
can be denied.
"""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.declare.binding import Binding
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.deployed import read_deployed
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.traffic.attribution.inventory import Interface, Inventory
from flash_ticket.traffic.attribution.inventory_file import listed_pods, listed_services


def take_inventory(  # noqa: PLR0913 - where, what of it, and when
    cluster: KubernetesCluster,
    account: AwsAccount,
    matrix: Matrix,
    binding: Binding,
    now: float,
    *,
    within: str | None = None,
) -> Inventory:
    """Return who has which address now, and what stands.

    Args:
        cluster: The stack's cluster.
        account: The stack's account and region; its stack is the inventory's.
        matrix: What the binding gives places to.
        binding: Of the same stack.
        now: The time of asking, in seconds since 1970. An address that changes hands while it is asked may be told of
            either holder.
        within: The one namespace whose pods and Services are wanted, and may be listed; None for all of them.

    Raises:
        InputError: An API cannot be asked, a right is missing, or a name of the binding fits nothing or too much.
    """
    environment = bind(matrix, binding, account.stack, account)
    core = f"/api/v1/namespaces/{within}" if within else "/api/v1"
    return Inventory(
        taken=now,
        environment=environment,
        deployed=read_deployed(cluster, account, matrix.namespace),
        pods=tuple(listed_pods(cluster.objects(f"{core}/pods"))),
        interfaces=interfaces_of(account, environment.vpc),
        services=tuple(listed_services(cluster.objects(f"{core}/services"))),
    )


def interfaces_of(account: AwsAccount, vpc: str) -> tuple[Interface, ...]:
    """Return the network interfaces of a VPC, sorted by id.

    The addresses of an IPv4 prefix that is delegated to an interface (a /28, EC2 user guide, "Prefix delegation")
    are the interface's own; those of an IPv6 one (a /80) are too many to list.
    """
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    described = account.pages(
        "ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=of_vpc, MaxResults=_MOST_A_PAGE
    )
    found = (
        Interface(
            each["NetworkInterfaceId"],
            tuple(dict.fromkeys(_addresses(each))),
            tuple(sorted(group["GroupId"] for group in each.get("Groups", ()))),
        )
        for each in described
    )
    return tuple(sorted(found, key=lambda interface: interface.id))


_MOST_A_PAGE = 1000
"""EC2 API reference, DescribeNetworkInterfaces, MaxResults."""


def _addresses(described: dict[str, Any]) -> Iterator[str]:
    for private in described.get("PrivateIpAddresses", ()):
        yield str(ip_address(private["PrivateIpAddress"]))
    for sixth in described.get("Ipv6Addresses", ()):
        yield str(ip_address(sixth["Ipv6Address"]))
    for delegated in described.get("Ipv4Prefixes", ()):
        yield from map(str, ip_network(delegated["Ipv4Prefix"]))
