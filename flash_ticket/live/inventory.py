"""Who has which address now in a stack's cluster and account.

This module needs rights to read only. In the cluster, it lists the pods and services of all namespaces. In those of
the matrix, it also lists what `flash_ticket.live.deployed.read_deployed` lists, and the policies of Cilium if the
cluster has them and this identity may list them. In the account, it needs
ec2:DescribeNetworkInterfaces, sts:GetCallerIdentity (AWS allows this to everyone), and the rights of
`flash_ticket.firewall.bind.bind.bind`: ec2:DescribeVpcs, DescribeSubnets, DescribeSecurityGroups,
DescribeSecurityGroupRules, DescribeManagedPrefixLists, GetManagedPrefixListEntries and eks:DescribeCluster; and, if the
matrix names services of AWS, ec2:DescribeVpcEndpoints.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.change.adopting.taken_policies import require_fit_policies
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.frozen_lists import changed_lists
from flash_ticket.firewall.change.ownership.waiting import attached_before, waiting_services
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.compile.quota import crowded_ways
from flash_ticket.firewall.declare.binding import Binding
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.beside.others import read_others
from flash_ticket.live.deployed import read_deployed, refuse_unfit
from flash_ticket.live.kubernetes_cluster import ForbiddenError, KubernetesCluster
from flash_ticket.traffic.attribution.inventory import ClusterService, Interface, Inventory, NameRule, Pod
from flash_ticket.traffic.attribution.inventory_file import listed_pods, listed_services
from flash_ticket.traffic.attribution.name_rules import CILIUM, LISTS, listed_name_rules
from flash_ticket.verify.plugin.plugin_limits import limits
from flash_ticket.verify.running_pods import newly_denied, pods_with_groups


def take_inventory(  # noqa: PLR0913 - where, what of it, and when
    cluster: KubernetesCluster,
    account: AwsAccount,
    matrix: Matrix,
    binding: Binding,
    now: float,
    *,
    within: Sequence[str] = (),
) -> Inventory:
    """Return who has which address now, and what is deployed.

    Args:
        cluster: The stack's cluster.
        account: The stack's account and region. The inventory belongs to the stack of this account.
        matrix: The matrix whose endpoints the binding maps to places.
        binding: The binding of the same stack.
        now: The current time, in seconds since 1970. If an address changes its owner while this function reads, the
            inventory may name either owner.
        within: The namespaces of the pods and Services to list. Without one, it lists them in all namespaces.

    Raises:
        InputError: An API does not answer, a right is missing, or a name in the binding matches nothing or too much.
    """
    environment = bind(matrix, binding, account.owner.stack, account)
    cores = [f"/api/v1/namespaces/{each}" for each in within] or ["/api/v1"]
    further = matrix.namespaces_in(account.owner.stack)[1:]
    owner = Owner.of(matrix.namespace, environment)
    return Inventory(
        taken=now,
        environment=environment,
        deployed=read_deployed(
            cluster, account, owner, environment.vpc, further=further, adopting=environment.adopting
        ),
        pods=tuple(pod for core in cores for pod in listed_pods(cluster.objects(f"{core}/pods"))),
        interfaces=interfaces_of(account, environment.vpc),
        services=tuple(each for core in cores for each in listed_services(cluster.objects(f"{core}/services"))),
        name_rules=tuple(name_rules(cluster, (matrix.namespace, *further))),
    )


def with_policies_of_others(cluster: KubernetesCluster, matrix: Matrix, stack: str, inventory: Inventory) -> Inventory:
    """Return an inventory with the policies of other APIs, unless this identity may not read all of them.

    Args:
        cluster: The stack's cluster.
        matrix: The matrix whose namespaces are firewalled.
        stack: The stack.
        inventory: The inventory of the same stack.

    Raises:
        InputError: The cluster does not answer.
    """
    try:
        others = read_others(cluster, cluster.require_namespaces(matrix, stack))
    except ForbiddenError:
        return inventory
    return inventory if others.unread else replace(inventory, others=others.policies, namespaces=others.namespaces)


def name_rules(cluster: KubernetesCluster, namespaces: Iterable[str]) -> Iterator[NameRule]:
    """Yield the DNS rules of Cilium's policies that can apply to namespaces; none that this identity may not list."""
    ours = tuple(namespaces)
    for kind, path in ((kind, path) for kind, form in LISTS for path in dict.fromkeys(map(form.format, ours))):
        try:
            policies = cluster.listed_if_known(CILIUM, path)
        except ForbiddenError:
            continue
        yield from listed_name_rules(kind, policies)


def warnings_of_what_runs(cluster: KubernetesCluster, planned: CompiledFirewall, deployed: Deployed) -> Iterator[str]:
    """Yield the pods that a new default-deny cuts, changed prefix lists, and what the plug-in does not cover."""
    pods, services = running(cluster, planned.matrix.namespaces)
    found = (
        *newly_denied(planned, deployed, pods),
        *changed_lists(planned, deployed),
        *limits(planned, pods, services),
    )
    yield from map(str, found)


def to_deploy(
    cluster: KubernetesCluster,
    account: AwsAccount,
    planned: CompiledFirewall,
    deployed: Deployed,
    state: Collection[str],
) -> CompiledFirewall:
    """Return the firewall with the rules that running pods still need, and within AWS's quotas on the way.

    Args:
        cluster: The stack's cluster.
        account: The stack's account and region.
        planned: The firewall to deploy.
        deployed: What the cluster and the account hold of it.
        state: The ids of the resources in the stack's state.

    Raises:
        InputError: AWS would refuse the deployment, it would change what others own and nobody asked it to take over,
            a call to AWS fails, or a right is missing.
    """
    require_fit_policies(planned, deployed, state)
    matrix, environment = planned.matrix, planned.environment
    standing = deployed.firewall(environment).rules
    waiting = frozenset[str]()
    if attached_before(matrix, environment, deployed):
        pods = _pods_in(cluster, matrix.namespaces)
        found = None if pods is None else pods_with_groups(pods, interfaces_of(account, environment.vpc))
        waiting = waiting_services(matrix, environment, deployed, found)
    if waiting or any(crowded_ways(planned.vpc, environment, standing)):
        planned = compile_firewall(matrix, replace(environment, waiting=waiting), planned.suspensions, standing)
    refuse_unfit(account, deployed, planned)
    return planned


def _pods_in(cluster: KubernetesCluster, namespaces: Iterable[str]) -> tuple[Pod, ...] | None:
    """Return the pods of namespaces; None if this identity may not list them."""
    try:
        paths = [f"/api/v1/namespaces/{each}/pods" for each in namespaces]
        return tuple(pod for path in paths for pod in listed_pods(cluster.objects(path)))
    except InputError:
        return None


def running(
    cluster: KubernetesCluster, namespaces: Iterable[str]
) -> tuple[tuple[Pod, ...], tuple[ClusterService, ...]]:
    """Return the pods and the Services of namespaces; none if this identity may not list them."""
    cores = [f"/api/v1/namespaces/{each}" for each in namespaces]
    try:
        return (
            tuple(pod for core in cores for pod in listed_pods(cluster.objects(f"{core}/pods"))),
            tuple(each for core in cores for each in listed_services(cluster.objects(f"{core}/services"))),
        )
    except InputError:
        return (), ()


def interfaces_of(account: AwsAccount, vpc: str) -> tuple[Interface, ...]:
    """Return the network interfaces of a VPC, sorted by id.

    An interface may have a delegated IPv4 prefix (a /28; EC2 user guide, "Prefix delegation"). Its addresses count as
    addresses of the interface. A delegated IPv6 prefix (a /80) has too many addresses to list, and stays a block.
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
            tuple(ip_network(delegated["Ipv6Prefix"]) for delegated in each.get("Ipv6Prefixes", ())),
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
