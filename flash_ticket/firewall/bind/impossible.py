"""Settings that read well, and that no load balancer and no cluster can fulfil: the problem and the remedy of each."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from flash_ticket.firewall.declare.choices import ClientAddresses, CniName, Compute, DnsMode, Network
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.cluster import ClusterEntry
from flash_ticket.firewall.declare.sections.selection import ResolverIp
from flash_ticket.firewall.terms.addresses import Family
from flash_ticket.firewall.terms.ports import Protocol, listing

_LOCAL_TO_NODES = (ip_network("169.254.0.0/16"), ip_network("fc00::/7"))
"""Where NodeLocal DNSCache listens if not in the VPC or on a Service (Kubernetes documentation, NodeLocal DNSCache)."""

_METADATA = {"169.254.169.254", "169.254.169.123", "fd00:ec2::254", "fd00:ec2::123"}
"""Where EC2 answers instances with their metadata and the time, and with nothing else."""


def beyond_tcp(matrix: Matrix, front: str) -> Iterator[tuple[str, str]]:
    """Yield a mistake for each flow where the load balancer would use another protocol than TCP."""
    for flow in matrix.flows:
        wrong = tuple(port for port in flow.ports if port.protocol is not Protocol.TCP)
        if front in {flow.source, flow.target} and wrong:
            declared = f"traffic.yaml lets {flow.source} reach {flow.target} on {listing(wrong)}"
            yield (
                f"{declared}, and {front} is an application load balancer, which speaks only TCP",
                f"Give the flow from {flow.source} to {flow.target} its TCP ports, or name another external here",
            )


_PLUGINS = {CniName.VPC_CNI: "the VPC CNI on nodes of EC2", CniName.CALICO: "Calico", CniName.CILIUM: "Cilium"}


def unenforceable_names(matrix: Matrix, cluster: ClusterEntry) -> Iterator[tuple[str, str, str]]:
    """Yield the key, the problem and the remedy if nothing in a cluster enforces the domain names of a matrix."""
    named = [external.name for external in matrix.externals if external.domains]
    if not named or cluster.compute is Compute.AUTO_MODE:
        return
    known = f"traffic.yaml knows {', '.join(named)} by domain names"
    if cluster.compute is Compute.FARGATE or cluster.cni.name is not CniName.CILIUM:
        on_fargate = cluster.compute is Compute.FARGATE
        yield (
            "cluster.compute" if on_fargate else "cluster.cni.name",
            f"{known}, and {'Fargate' if on_fargate else _PLUGINS[cluster.cni.name]} knows addresses alone",
            (
                "Remove domains there and write the addresses here under places, or declare an egress proxy as the "
                "external; names are enforced in EKS Auto Mode (compute: auto-mode) and with Cilium"
            ),
        )
    elif cluster.dns.mode is DnsMode.NODE_LOCAL:
        yield (
            "cluster.dns.mode",
            f"{known}, and Cilium must see the answers of DNS, which NodeLocal DNSCache gives on the node",
            "Choose dns.mode cluster; a CiliumLocalRedirectPolicy then leads queries for kube-dns to the cache",
        )


def beyond_the_nlb(matrix: Matrix, front: str, addresses: ClientAddresses) -> Iterator[tuple[str, str]]:
    """Yield a mistake for each flow that does not fit what the targets of a network load balancer see."""
    for flow in matrix.flows:
        wrong = tuple(port for port in flow.ports if port.protocol is Protocol.UDP)
        declared = f"traffic.yaml lets {flow.source} reach {flow.target} on {listing(flow.ports)}"
        if addresses is ClientAddresses.HIDDEN and flow.source == front and wrong:
            yield (
                f"{declared}, and with UDP the targets of a network load balancer always see the clients' addresses",
                "Write clientAddresses: preserved, with the clients",
            )
        if addresses is ClientAddresses.PRESERVED and flow.target == front:
            yield (
                f"{declared}, and the addresses of {front} are those of its clients, too",
                f"Declare another external with the subnets of {front} alone, and lead this flow to it",
            )


def no_resolver(address: ResolverIp, known: Iterable[Network], *, is_vpc_known: bool) -> Iterator[tuple[str, str]]:
    """Yield a mistake if no node of the cluster can answer DNS at an address.

    Args:
        address: Where NodeLocal DNSCache is said to listen.
        known: The addresses of the VPC and of Services.
        is_vpc_known: Whether an account was asked. Otherwise only addresses of the internet are known to be wrong.
    """
    networks = list(known)
    if _is_within(address, networks):
        return
    may_be_known = not is_vpc_known and (Family(address.version) is Family.V6 or not address.is_global)
    special = address.is_multicast or address.is_loopback or address.is_unspecified or address.is_reserved
    if str(address) in _METADATA or special or not (_is_within(address, _LOCAL_TO_NODES) or may_be_known):
        where = f" ({', '.join(map(str, networks))})" if is_vpc_known else ""
        unknown = (
            f"{address} is neither an address that nodes keep to themselves nor one of the VPC or of Services{where}"
        )
        yield (
            f"{unknown}, so nothing of the cluster answers DNS there",
            "Write the address that NodeLocal DNSCache listens on, such as 169.254.20.10",
        )


def _is_within(address: ResolverIp, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
