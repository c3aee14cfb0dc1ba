"""What EKS adds to a new cluster, and moto does not: its security group, and the Services' addresses of IPv6."""

import json
import re
import zlib
from collections.abc import Callable

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.eks.models import eks_backends

from lab.aws_api.call import Answer, Call

_ASSOCIATIONS = re.compile(r"(GET|POST) /clusters/([^/?]+)/pod-identity-associations")

_SERVICES_OF_IPV6 = "fd30:1c53:5f8a::/108"
"""A unique local block, as EKS takes one."""


def cluster_groups(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Give a new cluster its group and its VPC, as "Amazon EKS security group requirements" describes.

    EKS chooses the Service range of an IPv6 cluster (EKS API reference, kubernetesNetworkConfig).
    """
    answer = proceed()
    if call.service == "eks" and call.action == "POST /clusters" and answer.succeeded:
        name = json.loads(call.body)["name"]
        _add_group(name, call.region)
        addressed = eks_backends[DEFAULT_ACCOUNT_ID][call.region].clusters[name].kubernetes_network_config
        if addressed.get("ipFamily") == "ipv6":
            addressed["serviceIpv6Cidr"] = _SERVICES_OF_IPV6
    return answer


class PodIdentities:
    """The Pod Identity associations of clusters, which moto lacks: CreatePodIdentityAssociation and the list of them.

    The list has no filter: every caller in the lab asks for the only namespace there.
    """

    def __init__(self) -> None:
        """Begin without an association."""
        self._of_cluster: dict[str, list[dict[str, str]]] = {}

    def __call__(self, call: Call, proceed: Callable[[], Answer]) -> Answer:
        """Answer both operations; the others are not for this layer."""
        asked = _ASSOCIATIONS.match(call.action) if call.service == "eks" else None
        if not asked:
            return proceed()
        known = self._of_cluster.setdefault(asked[2], [])
        content: dict[str, object] = {"associations": known}
        if asked[1] == "POST":
            said = json.loads(call.body)
            made = {key: said[key] for key in ("namespace", "serviceAccount")} | {"clusterName": asked[2]}
            known.append(made)
            content = {"association": made}
        json_type = (("Content-Type", "application/json"),)
        return Answer("200 OK", json_type, b"").with_body(json.dumps(content).encode())


def _add_group(name: str, region: str) -> None:
    ec2 = ec2_backends[DEFAULT_ACCOUNT_ID][region]
    network = eks_backends[DEFAULT_ACCOUNT_ID][region].clusters[name].resources_vpc_config
    vpc_id = ec2.get_subnet(network["subnetIds"][0]).vpc_id
    group_name = f"eks-cluster-sg-{name}-{zlib.crc32(name.encode())}"
    group = ec2.create_security_group(
        group_name,
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, "
        "as well as any managed workloads.",
        vpc_id=vpc_id,
        tags={"Name": group_name, "aws:eks:cluster-name": name, f"kubernetes.io/cluster/{name}": "owned"},
    )
    ec2.authorize_security_group_ingress(
        group.id, "-1", "", "", [], source_groups=[{"GroupId": group.id}], vpc_id=vpc_id
    )
    network.update(
        clusterSecurityGroupId=group.id,
        vpcId=vpc_id,
        endpointPublicAccess=network.get("endpointPublicAccess", True),
        endpointPrivateAccess=network.get("endpointPrivateAccess", False),
    )
