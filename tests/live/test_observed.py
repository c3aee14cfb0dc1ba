"""Verification needs exactly the documented rights of cluster and account."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.compile.guard_rails.rights import (
    OVERRULING_APIS,
    VERIFY_KUBERNETES,
    KubernetesRight,
    OverrulingApi,
    Reach,
    left_behind_aws,
    rules,
    verify_aws,
)
from flash_ticket.firewall.compile.owner import NOBODY
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.asking.vpc_endpoints import endpoints_in
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.observed import observe
from flash_ticket.live.stack.settings import read_stack_file
from flash_ticket.verify.observed import Observed
from lab.running.lab import Lab
from tests.support.declared.accounts import ROOT, shop_matrix
from tests.support.declared.owners import owner_of, tags

pytestmark = pytest.mark.engine

NAMES_OF_IAM = {
    # Service Authorization Reference, Amazon S3: the rights for these operations have other names.
    ("s3", "get_bucket_encryption"): "s3:GetEncryptionConfiguration",
    ("s3", "get_public_access_block"): "s3:GetBucketPublicAccessBlock",
    ("s3", "list_buckets"): "s3:ListAllMyBuckets",
    ("s3", "list_object_versions"): "s3:ListBucketVersions",  # asked where another test's stack left a bucket behind
    ("resourcegroupstaggingapi", "get_resources"): "tag:GetResources",
}
VERIFIER = "flash-firewall-verifier"
Asked = set[tuple[str, str]]


def kubectl(lab: Lab, *arguments: str, given: object = None) -> str:
    ran = subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [str(lab.toolchain.path("kubectl")), *arguments],
        env=lab.env("prod"),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"kubectl {' '.join(arguments)}: {ran.stderr}"
    return ran.stdout


@pytest.fixture
def asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Record every call to the account, while the AWS variables lead to the lab."""
    for name, value in lab.variables("prod").items():
        monkeypatch.setenv(name, value)
    found: Asked = set()
    ask = AwsAccount.ask

    def recording(self: AwsAccount, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        found.add((service, operation))
        return ask(self, service, operation, **arguments)

    monkeypatch.setattr(AwsAccount, "ask", recording)
    return found


def seen(lab: Lab, stack: str, token: str | None = None) -> Observed:
    """Return what verification sees of a stack, as the lab's user or with a token."""
    settings = read_stack_file(ROOT, stack)
    content = yaml.safe_load(lab.kubeconfigs[stack].read_text())
    if token:
        content["users"][0]["user"] = {"token": token}
    cluster = KubernetesCluster.connect(yaml.safe_dump(content), settings.context)
    account = AwsAccount.connect(settings.region, settings.profile, settings.owner("flash-ticket"))
    return observe(cluster, account, shop_matrix(), settings.binding, 1000.0)


@pytest.fixture
def flow_logs(lab: Lab, asked: Asked) -> Iterator[None]:  # noqa: ARG001 - sets the variables
    """A flow log for each stack: dev's goes to CloudWatch Logs, prod's to a bucket without any setting."""
    session: Any = AwsAccount.connect("ap-northeast-2", None, NOBODY).session
    ec2, s3, logs = (session.client(each) for each in ("ec2", "s3", "logs"))
    s3.create_bucket(Bucket="verified", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    logs.create_log_group(logGroupName="verified")
    destinations = {
        "dev": ("cloud-watch-logs", "arn:aws:logs:ap-northeast-2:123456789012:log-group:verified"),
        "prod": ("s3", "arn:aws:s3:::verified"),
    }
    made = []
    for stack, (kind, arn) in destinations.items():
        name = {"Key": "Name", "Value": f"flash-ticket-{stack}"}
        vpcs = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [name["Value"]]}])["Vpcs"]
        made += ec2.create_flow_logs(
            ResourceIds=[vpcs[0]["VpcId"]],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType=kind,
            LogDestination=arn,
            DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/none",
            TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags(owner_of(stack), Name=name["Value"])}],
        )["FlowLogIds"]
    yield
    ec2.delete_flow_logs(FlowLogIds=made)
    logs.delete_log_group(logGroupName="verified")
    s3.delete_bucket(Bucket="verified")


@pytest.mark.usefixtures("flow_logs")
def test_verification_uses_exactly_the_rights_of_the_documented_iam_policy(lab: Lab, asked: Asked) -> None:
    dev, prod = seen(lab, "dev"), seen(lab, "prod")
    # It asks for endpoints where a matrix names services of AWS; the shop's names none.
    assert list(endpoints_in(AwsAccount.connect("ap-northeast-2", None, NOBODY), "vpc-0a1b2c3d")) == []

    actions = {NAMES_OF_IAM.get(each, f"{each[0]}:{_pascal(each[1])}") for each in asked}
    asked_where_a_flow_log_stands = {right.action for right in left_behind_aws("aws", "flash-ticket", "prod")}
    granted = {right.action for right in verify_aws("aws", "flash-ticket", "prod")}
    assert actions - {"sts:GetCallerIdentity"} | asked_where_a_flow_log_stands == granted
    assert dev.others == ()
    assert dev.flow_logs
    assert (dev.flow_logs.log_group or {}).get("logGroupName") == "verified"
    assert prod.flow_logs
    assert prod.flow_logs.bucket


def _pascal(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))


def definition(api: OverrulingApi) -> dict[str, Any]:
    """Return a definition for a kind of policy that the lab's cluster does not know."""
    scope = "Namespaced" if api.reach is Reach.NAMESPACE else "Cluster"
    names = {"kind": api.kind, "plural": api.plural, "singular": api.kind.lower(), "listKind": f"{api.kind}List"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": api.version, "served": True, "storage": True, "schema": schema}
    annotations = {"api-approved.kubernetes.io": "unapproved, a permissive stand-in"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{api.plural}.{api.group}", "annotations": annotations},
        "spec": {"group": api.group, "scope": scope, "names": names, "versions": [version]},
    }


@pytest.fixture(scope="module")
def other_apis(lab: Lab) -> Iterator[None]:
    """Make the cluster know every kind of policy that may overrule, and create one of Cilium and an administrator's."""
    known = {each.partition("/")[2] for each in kubectl(lab, "get", "crd", "--output=name").split()}
    made = (definition(each) for each in OVERRULING_APIS if each.version != "v1beta1")
    unknown = [each for each in made if each["metadata"]["name"] not in known]
    names = [each["metadata"]["name"] for each in unknown]
    # An earlier story of this lab may still remove or add one: what is there by now is no error.
    for each in unknown:
        kubectl(lab, "apply", "--server-side", "--force-conflicts", "--filename=-", given=each)
    kubectl(lab, "wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{name}" for name in names))
    policy = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy"}
    metadata = {"name": "debug", "namespace": "flash-ticket"}
    kubectl(lab, "create", "--filename=-", given={**policy, "metadata": metadata, "spec": {"ingress": [{}]}})
    administrator = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
    spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {"matchLabels": {"nobody": "has"}}}}
    kubectl(lab, "create", "--filename=-", given={**administrator, "metadata": {"name": "elsewhere"}, "spec": spec})
    yield
    kubectl(lab, "delete", "clusternetworkpolicies.policy.networking.k8s.io", "elsewhere")
    kubectl(lab, "delete", "crd", *names)


@pytest.fixture(scope="module")
def verifier(lab: Lab, other_apis: None) -> Iterator[str]:  # noqa: ARG001 - the kinds that it lists must exist
    """The token of the documented service account with its documented roles."""
    documented = str(ROOT / "docs" / "verifier-rbac.yaml")
    kubectl(lab, "apply", "--filename", documented)
    yield kubectl(lab, "create", "token", VERIFIER, "--namespace=monitoring").strip()
    kubectl(lab, "delete", "--filename", documented)


@pytest.mark.usefixtures("asked")
def test_the_documented_service_account_can_verify(lab: Lab, verifier: str) -> None:
    found = seen(lab, "prod", verifier)

    assert {pod.name for pod in found.inventory.pods} >= {"api-0", "gateway-0", "pay-0"}
    assert [(each.api.group, each.name) for each in found.others or ()] == [
        ("policy.networking.k8s.io", "elsewhere"),
        ("cilium.io", "debug"),
    ]
    assert found.labels_elsewhere["kube-system"]["kubernetes.io/metadata.name"] == "kube-system"
    assert found.namespace_labels["kubernetes.io/metadata.name"] == "flash-ticket"
    assert found.unseen_resolvers is None


@pytest.mark.usefixtures("asked")
def test_without_its_role_in_kube_system_verification_says_that_it_does_not_see_dns(lab: Lab, verifier: str) -> None:
    kubectl(lab, "delete", "rolebinding", "flash-firewall-dns-reader", "--namespace=kube-system")

    found = seen(lab, "prod", verifier)

    kubectl(lab, "apply", "--filename", str(ROOT / "docs" / "verifier-rbac.yaml"))
    assert any(each.startswith("the groups of the pods of kube-dns (Kubernetes: ") for each in found.unseen)
    assert {pod.name for pod in found.inventory.pods} >= {"api-0", "gateway-0", "pay-0"}


@pytest.mark.usefixtures("asked")
def test_the_documented_cron_job_is_valid_and_its_kubeconfig_reaches_the_cluster(
    lab: Lab, verifier: str, tmp_path: Path
) -> None:
    documented = ROOT / "docs" / "verifier-cronjob.yaml"
    made = kubectl(lab, "create", "--dry-run=server", "--filename", str(documented))
    text = next(each for each in yaml.safe_load_all(documented.read_text()) if each["kind"] == "ConfigMap")
    content = yaml.safe_load(text["data"]["kubeconfig"])
    (tmp_path / "token").write_text(verifier)
    lab_cluster = yaml.safe_load(lab.kubeconfigs["prod"].read_text())["clusters"][0]["cluster"]
    content["clusters"][0]["cluster"] = lab_cluster
    content["users"][0]["user"]["tokenFile"] = str(tmp_path / "token")
    cluster = KubernetesCluster.connect(yaml.safe_dump(content), None)

    assert made.count("created (server dry run)") == 2
    assert cluster.require_namespace("flash-ticket")


@pytest.mark.parametrize(
    "question",
    [
        ("create", "networkpolicies.networking.k8s.io"),
        ("delete", "networkpolicies.networking.k8s.io"),
        ("get", "secrets"),
        ("get", "pods/exec"),
        ("create", "pods/exec"),
        ("patch", "pods/ephemeralcontainers"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("verifier")
def test_the_documented_service_account_cannot_change_anything_read_secrets_or_run_commands(
    lab: Lab, question: tuple[str, str]
) -> None:
    account = f"system:serviceaccount:monitoring:{VERIFIER}"
    command = [str(lab.toolchain.path("kubectl")), "auth", "can-i", *question, "--namespace=flash-ticket"]
    run = subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [*command, "--as", account], env=lab.env("prod"), capture_output=True, text=True, check=False
    )

    assert run.stdout.strip() == "no"


def _name(right: KubernetesRight) -> str:
    return f"{right.resource}.{right.group}"


@pytest.mark.parametrize("right", VERIFY_KUBERNETES, ids=_name)
@pytest.mark.usefixtures("asked")
def test_a_missing_right_is_named(lab: Lab, verifier: str, right: KubernetesRight) -> None:
    kind = "role" if right.reach is Reach.NAMESPACE else "clusterrole"
    left = rules(tuple(each for each in VERIFY_KUBERNETES if each is not right), right.reach)
    before = rules(VERIFY_KUBERNETES, right.reach)

    def grant(granted: object) -> None:
        patch = f"--patch={json.dumps({'rules': granted})}"
        kubectl(lab, "patch", kind, VERIFIER, "--namespace=flash-ticket", "--type=merge", patch)

    grant(left)
    try:
        with pytest.raises(InputError, match=rf"{right.resource}.*this identity may not read it") as refused:
            seen(lab, "prod", verifier)
    finally:
        grant(before)
    assert "\n" not in str(refused.value)
