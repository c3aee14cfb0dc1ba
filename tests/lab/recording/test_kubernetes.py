"""A look after a write asks the cluster for what the write can have changed."""

import pytest

from lab.recording.journal import Part, Reach
from lab.recording.kubernetes import KubernetesApi
from lab.recording.message import Request

OF_SHOP = "namespaces/shop"
POLICIES = f"/apis/networking.k8s.io/v1/{OF_SHOP}/networkpolicies"
ATTACHMENTS = f"/apis/vpcresources.k8s.aws/v1beta1/{OF_SHOP}/securitygrouppolicies"


@pytest.mark.parametrize(
    ("method", "path", "part"),
    [
        ("POST", POLICIES, Part.POLICIES),
        ("PATCH", f"{POLICIES}/00-default-deny?fieldManager=pulumi", Part.POLICIES),
        ("DELETE", POLICIES, Part.POLICIES),
        ("PATCH", f"{ATTACHMENTS}/pay", Part.ATTACHMENTS),
        ("DELETE", f"{ATTACHMENTS}/pay", Part.ATTACHMENTS),
        ("POST", f"/apis/networking.k8s.aws/v1alpha1/{OF_SHOP}/applicationnetworkpolicies", Part.CLUSTER),
        ("POST", f"/apis/cilium.io/v2/{OF_SHOP}/ciliumnetworkpolicies", Part.CLUSTER),
        ("PATCH", "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies/first", Part.CLUSTER),
        ("DELETE", f"/api/v1/{OF_SHOP}", Part.CLUSTER),
        ("DELETE", f"/api/v1/{OF_SHOP}/networkpolicies", Part.CLUSTER),
        ("POST", f"/apis/elsewhere.example/v1/{OF_SHOP}/networkpolicies", Part.CLUSTER),
    ],
)
def test_a_write_of_one_kind_reaches_that_kind_and_every_other_write_the_whole_cluster(
    method: str, path: str, part: Part
) -> None:
    assert KubernetesApi().reach(Request(method, path, (), b"")) == Reach(part)
