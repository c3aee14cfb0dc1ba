"""The pods of kube-dns and the groups of their interfaces, read before a deployment and for a verification."""

from collections.abc import Iterator

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.inventory import interfaces_of
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.traffic.attribution.inventory import Pod
from flash_ticket.traffic.attribution.inventory_file import listed_pods
from flash_ticket.verify.resolvers import DNS_LABEL, DNS_NAMESPACE, resolver_notices


def resolvers_or_refusal(cluster: KubernetesCluster) -> tuple[Pod, ...] | InputError:
    """Return the pods of kube-dns, or the refusal of the cluster: a deployment does not need them."""
    try:
        listed = cluster.objects(f"/api/v1/namespaces/{DNS_NAMESPACE}/pods", labelSelector="=".join(DNS_LABEL))
        return tuple(listed_pods(listed))
    except InputError as refusal:
        return refusal


def resolver_warnings(cluster: KubernetesCluster, account: AwsAccount, environment: Environment) -> Iterator[str]:
    """Yield what the interfaces of the pods of kube-dns say about ``cluster.dns.groups``.

    Raises:
        InputError: A call to AWS fails, or a right is missing.
    """
    pods = resolvers_or_refusal(cluster)
    if isinstance(pods, InputError):
        yield f"{BINDING_KEY}.cluster.dns.groups: nothing compares it with the pods of kube-dns ({pods})."
    elif pods:
        yield from map(str, resolver_notices(environment, pods, interfaces_of(account, environment.vpc)))
