"""The rights that verification needs: only list and get, and a few more for its probe.

API discovery (``/apis/...``, the cluster role system:discovery) and sts:GetCallerIdentity need no right. Sources:
Kubernetes documentation, "Using RBAC authorization"; Service Authorization Reference for Amazon EC2, EKS, S3 and
CloudWatch Logs.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP
from flash_ticket.firewall.compile.flow_log import RESULTS, log_group_prefix, name_prefix


class Reach(StrEnum):
    """Where a right in the cluster applies."""

    NAMESPACE = "namespace"
    """Only in the firewalled namespace: a Role."""
    CLUSTER = "cluster"
    """In the whole cluster: a ClusterRole."""


@dataclass(frozen=True, slots=True)
class OverrulingApi:
    """A kind of policy of another API, which can overrule NetworkPolicies.

    Attributes:
        kind: The ``kind`` of its objects.
        plural: The name of the resource in the API.
    """

    group: str
    version: str
    kind: str
    plural: str
    reach: Reach


_CALICO, _CALICO_CRD = ("projectcalico.org", "v3"), ("crd.projectcalico.org", "v1")
_AWS, _CILIUM = ("networking.k8s.aws", "v1alpha1"), ("cilium.io", "v2")
OVERRULING_APIS = (
    OverrulingApi(GROUP, "v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies", Reach.CLUSTER),
    OverrulingApi(GROUP, "v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies", Reach.CLUSTER),
    OverrulingApi(GROUP, "v1alpha1", "BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies", Reach.CLUSTER),
    OverrulingApi(*_CILIUM, "CiliumNetworkPolicy", "ciliumnetworkpolicies", Reach.NAMESPACE),
    OverrulingApi(*_CILIUM, "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", Reach.CLUSTER),
    OverrulingApi(*_CALICO_CRD, "NetworkPolicy", "networkpolicies", Reach.NAMESPACE),
    OverrulingApi(*_CALICO_CRD, "GlobalNetworkPolicy", "globalnetworkpolicies", Reach.CLUSTER),
    OverrulingApi(*_CALICO, "NetworkPolicy", "networkpolicies", Reach.NAMESPACE),
    OverrulingApi(*_CALICO, "GlobalNetworkPolicy", "globalnetworkpolicies", Reach.CLUSTER),
    OverrulingApi(*_AWS, "ApplicationNetworkPolicy", "applicationnetworkpolicies", Reach.NAMESPACE),
    OverrulingApi(*_AWS, "ClusterNetworkPolicy", "clusternetworkpolicies", Reach.CLUSTER),
    OverrulingApi(GROUP, "v1beta1", "ClusterNetworkPolicy", "clusternetworkpolicies", Reach.CLUSTER),
)
"""One API can be there in several versions, and shows the same policies in each of them."""


@dataclass(frozen=True, slots=True)
class KubernetesRight:
    """One rule of a Role or ClusterRole.

    Attributes:
        group: The API group; empty for the core group.
        resource: The resource's plural name, with its subresource: ``pods/exec``.
        verbs: The API verbs: ``list``, ``get``.
        names: The names of the objects; empty for all.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    reach: Reach = Reach.NAMESPACE
    names: tuple[str, ...] = ()

    def rule(self) -> dict[str, Any]:
        """Return the PolicyRule (rbac.authorization.k8s.io/v1)."""
        rule = {"apiGroups": [self.group], "resources": [self.resource], "verbs": list(self.verbs)}
        return {**rule, "resourceNames": list(self.names)} if self.names else rule


VERIFY_KUBERNETES = (
    KubernetesRight("", "namespaces", ("get",)),
    KubernetesRight("", "pods", ("list",)),
    KubernetesRight("", "services", ("list",)),
    KubernetesRight("networking.k8s.io", "networkpolicies", ("list",)),
    KubernetesRight("vpcresources.k8s.aws", "securitygrouppolicies", ("list",)),
    *dict.fromkeys(KubernetesRight(each.group, each.plural, ("list",), each.reach) for each in OVERRULING_APIS),
    # Policies of administrators select namespaces by label. verify asks for the labels if there is such a policy.
    KubernetesRight("", "namespaces", ("list",), Reach.CLUSTER),
)
"""What ``flash-firewall verify`` reads from the cluster; it skips kinds that the cluster does not know."""

DNS_KUBERNETES = (KubernetesRight("", "pods", ("list",)),)
"""What preview and ``flash-firewall verify`` read in kube-system to find the groups of DNS; without it they say so."""

CNI_KUBERNETES = (
    KubernetesRight("apps", "daemonsets", ("get",), names=("aws-node",)),
    KubernetesRight("", "configmaps", ("get",), names=("cilium-config",)),
)
"""What preview and ``flash-firewall verify`` may read in kube-system: the settings of the network plug-in.

Without these rights they do not compare them with ``cluster.cni``.
"""

PROBE_KUBERNETES = (
    # A WebSocket client opens exec with GET; since Kubernetes 1.35 it also needs the verb create.
    KubernetesRight("", "pods/exec", ("get", "create")),
)
"""What ``verify --probe`` needs in addition if it runs in the pods' own containers."""

EPHEMERAL_PROBE_KUBERNETES = (
    KubernetesRight("", "pods", ("get",)),
    KubernetesRight("", "pods/ephemeralcontainers", ("patch",)),
    KubernetesRight("", "pods/log", ("get",)),
)
"""What ``verify --probe --probe-image`` needs in addition to add a container to the pods."""


@dataclass(frozen=True, slots=True)
class AwsRight:
    """One IAM action on one resource; ``*`` for an action without resources."""

    action: str
    resource: str = "*"


def verify_aws(partition: str, application: str, environment: str) -> tuple[AwsRight, ...]:
    """Return the rights that ``flash-firewall verify`` needs in the account.

    Args:
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        application: The namespace, the first part of the names of buckets and log groups.
        environment: ``dev`` or ``prod``, the second part.
    """
    bucket = f"arn:{partition}:s3:::{name_prefix(application, environment)}*"
    return (
        *(AwsRight(f"ec2:{action}") for action in _EC2),
        AwsRight("eks:DescribeCluster"),
        *(AwsRight(f"s3:{action}", bucket) for action in _S3),
        # verify asks for groups with a prefix, and IAM treats that as a request for all groups.
        AwsRight("logs:DescribeLogGroups", f"arn:{partition}:logs:*:*:log-group:*"),
        *left_behind_aws(partition, application, environment),
    )


def left_behind_aws(partition: str, application: str, environment: str) -> tuple[AwsRight, ...]:
    """Return the rights that ``flash-firewall verify`` needs to find what a broken deployment left behind.

    Args:
        partition: As for `verify_aws`.
        application: As for `verify_aws`.
        environment: As for `verify_aws`.
    """
    name, groups = name_prefix(application, environment), log_group_prefix(application, environment)
    results = f"arn:{partition}:s3:::{name_prefix(application, environment, RESULTS)}*"
    return (
        *(AwsRight(each) for each in ("iam:ListRoles", "kms:DescribeKey", "s3:ListAllMyBuckets", "tag:GetResources")),
        *(AwsRight(f"iam:{each}", f"arn:{partition}:iam::*:role/{name}*") for each in _IAM),
        *(AwsRight(f"logs:{each}", f"arn:{partition}:logs:*:*:log-group:{groups}*") for each in _LOGS),
        *(
            AwsRight(f"s3:{each}", f"arn:{partition}:s3:::{name}*")
            for each in ("GetBucketTagging", "ListBucketVersions")
        ),
        *(AwsRight(f"s3:{each}", results) for each in ("GetBucketTagging", "GetEncryptionConfiguration")),
        AwsRight("athena:GetWorkGroup", f"arn:{partition}:athena:*:*:workgroup/*"),
    )


_IAM = ("ListRolePolicies", "ListRoleTags")
_LOGS = ("DescribeLogStreams", "ListTagsForResource")
_EC2 = (
    "DescribeFlowLogs",
    "DescribeManagedPrefixLists",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
    "GetManagedPrefixListEntries",
)
_S3 = ("GetBucketPolicy", "GetBucketPublicAccessBlock", "GetEncryptionConfiguration")


def rules(rights: tuple[KubernetesRight, ...], reach: Reach) -> list[dict[str, Any]]:
    """Return the rules of the Role or ClusterRole with these rights."""
    return [right.rule() for right in rights if right.reach is reach]
