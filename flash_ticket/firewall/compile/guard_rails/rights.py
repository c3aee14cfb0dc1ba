"""The rights that verification needs: only list and get, and for its probe what the probe alone needs.

A question that nobody may be refused needs none: what the API server knows (``/apis/...``, the cluster role
system:discovery) and sts:GetCallerIdentity. Sources: Kubernetes documentation, "Using RBAC authorization"; Service
Authorization Reference for Amazon EC2, EKS, S3 and CloudWatch Logs.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flash_ticket.firewall.compile.flow_log import RESULTS, log_group_prefix, name_prefix

_NETWORK_POLICY_API = "policy.networking.k8s.io"


class Reach(StrEnum):
    """Where a right of the cluster counts."""

    NAMESPACE = "namespace"
    """In the firewalled namespace alone: a Role."""
    CLUSTER = "cluster"
    """On what lies in no namespace: a ClusterRole."""


@dataclass(frozen=True, slots=True)
class OverrulingApi:
    """One kind of policy.

    Attributes:
        kind: As the objects call it.
        plural: As the API calls their list.
    """

    group: str
    version: str
    kind: str
    plural: str
    reach: Reach


OVERRULING_APIS = (
    OverrulingApi(_NETWORK_POLICY_API, "v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies", Reach.CLUSTER),
    OverrulingApi(_NETWORK_POLICY_API, "v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies", Reach.CLUSTER),
    OverrulingApi("cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies", Reach.NAMESPACE),
    OverrulingApi(
        "cilium.io", "v2", "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", Reach.CLUSTER
    ),
    OverrulingApi("crd.projectcalico.org", "v1", "NetworkPolicy", "networkpolicies", Reach.NAMESPACE),
    OverrulingApi("crd.projectcalico.org", "v1", "GlobalNetworkPolicy", "globalnetworkpolicies", Reach.CLUSTER),
)


@dataclass(frozen=True, slots=True)
class KubernetesRight:
    """One rule of a Role or ClusterRole.

    Attributes:
        group: The API group; empty for the core group.
        resource: In the plural, with its subresource: ``pods/exec``.
        verbs: Of the API: ``list``, ``get``.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    reach: Reach = Reach.NAMESPACE

    def rule(self) -> dict[str, Any]:
        """Return the PolicyRule (rbac.authorization.k8s.io/v1)."""
        return {"apiGroups": [self.group], "resources": [self.resource], "verbs": list(self.verbs)}


VERIFY_KUBERNETES = (
    KubernetesRight("", "namespaces", ("get",)),
    KubernetesRight("", "pods", ("list",)),
    KubernetesRight("", "services", ("list",)),
    KubernetesRight("networking.k8s.io", "networkpolicies", ("list",)),
    KubernetesRight("vpcresources.k8s.aws", "securitygrouppolicies", ("list",)),
    *(KubernetesRight(each.group, each.plural, ("list",), each.reach) for each in OVERRULING_APIS),
)
"""What ``flash-firewall verify`` asks of the cluster; of kinds that the cluster does not know nothing is asked."""

PROBE_KUBERNETES = (
    # A client that speaks WebSocket opens exec with GET; since Kubernetes 1.35 it must be allowed to create it too.
    KubernetesRight("", "pods/exec", ("get", "create")),
)
"""What ``verify --probe`` needs beside, where it runs in the pods' own containers."""

EPHEMERAL_PROBE_KUBERNETES = (
    KubernetesRight("", "pods", ("get",)),
    KubernetesRight("", "pods/ephemeralcontainers", ("patch",)),
    KubernetesRight("", "pods/log", ("get",)),
)
"""What ``verify --probe --probe-image`` needs beside, where it adds a container to the pods."""


@dataclass(frozen=True, slots=True)
class AwsRight:
    """One action of IAM on one resource, ``*`` where the action knows no resource."""

    action: str
    resource: str = "*"


def verify_aws(partition: str, application: str, environment: str) -> tuple[AwsRight, ...]:
    """Return what ``flash-firewall verify`` asks of the account.

    Args:
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        application: The namespace: names of buckets and log groups begin with it.
        environment: ``dev``, ``prod``: they go on with it.
    """
    bucket = f"arn:{partition}:s3:::{name_prefix(application, environment)}*"
    return (
        *(AwsRight(f"ec2:{action}") for action in _EC2),
        AwsRight("eks:DescribeCluster"),
        *(AwsRight(f"s3:{action}", bucket) for action in _S3),
        # What begins with a prefix is asked for, and IAM takes that for a question about all of them.
        AwsRight("logs:DescribeLogGroups", f"arn:{partition}:logs:*:*:log-group:*"),
        *left_behind_aws(partition, application, environment),
    )


def left_behind_aws(partition: str, application: str, environment: str) -> tuple[AwsRight, ...]:
    """Return what ``flash-firewall verify`` needs beside, to find what a broken deployment left behind.

    Args:
        partition: As for `verify_aws`, as are the application and the environment.
        application: Likewise.
        environment: Likewise.
    """
    name, groups = name_prefix(application, environment), log_group_prefix(application, environment)
    results = f"arn:{partition}:s3:::{name_prefix(application, environment, RESULTS)}*"
    return (
        *(AwsRight(each) for each in ("iam:ListRoles", "kms:DescribeKey", "s3:ListAllMyBuckets", "tag:GetResources")),
        AwsRight("iam:ListRolePolicies", f"arn:{partition}:iam::*:role/{name}*"),
        AwsRight("logs:DescribeLogStreams", f"arn:{partition}:logs:*:*:log-group:{groups}*"),
        AwsRight("s3:ListBucketVersions", f"arn:{partition}:s3:::{name}*"),
        AwsRight("s3:GetEncryptionConfiguration", results),
        AwsRight("athena:GetWorkGroup", f"arn:{partition}:athena:*:*:workgroup/*"),
    )


_EC2 = (
    "DescribeFlowLogs",
    "DescribeManagedPrefixLists",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
    "GetManagedPrefixListEntries",
)
_S3 = ("GetBucketPolicy", "GetBucketPublicAccessBlock", "GetEncryptionConfiguration")


def rules(rights: tuple[KubernetesRight, ...], reach: Reach) -> list[dict[str, Any]]:
    """Return the rules of the Role or ClusterRole of these rights."""
    return [right.rule() for right in rights if right.reach is reach]


def policy_document(rights: tuple[AwsRight, ...]) -> dict[str, Any]:
    """Return the IAM policy that grants these rights and nothing else, a statement for each resource."""
    resources = dict.fromkeys(right.resource for right in rights)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [right.action for right in rights if right.resource == resource],
                "Resource": resource,
            }
            for resource in resources
        ],
    }
