"""What NetworkPolicies allow at the end of the pods that they govern."""

from collections.abc import Sequence

from flash_ticket.firewall.analyse.cluster import AnalysedCluster
from flash_ticket.firewall.analyse.policy import AddressPeer, PodPeer, Policy, RulePorts
from flash_ticket.firewall.analyse.selection import HostNetwork, Selection
from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.terms.addresses import AddressRange, Family, whole
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Direction

PodPermissions = dict[tuple[Endpoint, Direction], Permissions[Endpoint]]


def policy_permissions(cluster: AnalysedCluster, pods: Sequence[Endpoint]) -> PodPermissions:
    """Return what policies allow at each end that they govern; a missing end is open.

    Args:
        cluster: A cluster with the workloads of the endpoints, in the same order.
        pods: The endpoints that consist of pods.
    """
    selection = Selection(cluster, HostNetwork.PODS)
    found: PodPermissions = {}
    for policy in cluster.policies:
        insides = [pods[number] for number in selection.governed_by(policy)]
        for direction, rules in policy.rules.items():
            permissions = [found.setdefault((inside, direction), Permissions()) for inside in insides]
            for rule in rules:
                if rule.peers is None:
                    peers, addresses = list(pods), [whole(family) for family in Family]
                else:
                    peers = [pods[number] for peer in rule.peers for number in _named(selection, peer, policy)]
                    addresses = [block for peer in rule.peers for block in _blocks(peer)]
                on_pods = _at_most(rule.ports)
                on_hosts = on_pods if direction is Direction.INGRESS else rule.ports.numbered
                for each in permissions:
                    each.open(peers, (), on_pods)
                    each.open((), addresses, on_hosts)
    return found


def _named(selection: Selection, peer: PodPeer | AddressPeer, policy: Policy) -> Sequence[int]:
    return selection.named_by(peer, policy) if isinstance(peer, PodPeer) else ()


def _blocks(peer: PodPeer | AddressPeer) -> Sequence[AddressRange]:
    return peer.ranges if isinstance(peer, AddressPeer) else ()


def _at_most(ports: RulePorts) -> PortSet:
    """Return the ports that a rule may open on a pod; a pod can give a named port any number."""
    return ALL_PORTS if ports.named else ports.numbered
