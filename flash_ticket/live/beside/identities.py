"""Which pods get AWS credentials, and where the API server is: read before a deployment.

This needs the right to list service accounts and pods in our namespaces, to get the Service and the EndpointSlice
default/kubernetes, and eks:ListPodIdentityAssociations. What it may not read, a deployment does without.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from flash_ticket.firewall.declare.built_in import BuiltIn
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.verify.identities import accounts_of, identity_notices

_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
_OF_THE_API = "kubernetes.io/service-name=kubernetes"


def identity_warnings(cluster: KubernetesCluster, account: AwsAccount, planned: CompiledFirewall) -> Iterator[str]:
    """Yield the services whose pods get AWS credentials by a way that no flow opens."""
    for namespace in planned.matrix.namespaces:
        yield from _of_namespace(cluster, account, planned, namespace)


def _of_namespace(
    cluster: KubernetesCluster, account: AwsAccount, planned: CompiledFirewall, name: str
) -> Iterator[str]:
    namespace, elsewhere = f"/api/v1/namespaces/{name}", None if name == planned.matrix.namespace else name
    asked = {"clusterName": planned.environment.cluster.name, "namespace": name}
    try:
        accounts = list(cluster.objects(f"{namespace}/serviceaccounts"))
        associations = account.pages(
            "eks", "list_pod_identity_associations", "associations", following="nextToken", **asked
        )
    except InputError as refusal:
        yield f"Nothing compares traffic.yaml with the AWS credentials of pods ({refusal})."
        return
    found = accounts_of(accounts, associations, None, elsewhere)
    if found.identities:
        found = accounts_of(accounts, associations, _pods(cluster, namespace), elsewhere)
        yield from map(str, identity_notices(planned, found))


def _pods(cluster: KubernetesCluster, namespace: str) -> list[dict[str, Any]] | None:
    try:
        return list(cluster.objects(f"{namespace}/pods"))
    except InputError:
        return None


def api_warnings(cluster: KubernetesCluster, planned: CompiledFirewall) -> Iterator[str]:
    """Yield the addresses of the API server that the cluster knows and the firewall does not open."""
    name = BuiltIn.KUBERNETES_API.value
    place = dict(planned.environment.places).get(name)
    external = planned.matrix.endpoints.get(name)
    if place is None or external is None or getattr(external, "looked_up", None) is not BuiltIn.KUBERNETES_API:
        return
    try:
        slices = list(cluster.objects(_SLICES, labelSelector=_OF_THE_API))
    except InputError as refusal:
        yield f"{name}: nothing compares its addresses with the EndpointSlice default/kubernetes ({refusal})."
        return
    answering = {
        address for each in slices for endpoint in each.get("endpoints") or () for address in endpoint["addresses"]
    }
    unknown = sorted(each for each in answering if not any(ip_address(each) in block for block in place.networks))
    if unknown:
        yield (
            f"{name}: the API server answers at {', '.join(unknown)} (EndpointSlice default/kubernetes), and no "
            f"network interface with the description Amazon EKS {planned.environment.cluster.name} has this address. "
            "Pods that call it directly are stopped. Those that call the Service kubernetes are stopped, too, if the "
            "network plug-in judges after it translates the address of a Service."
        )
