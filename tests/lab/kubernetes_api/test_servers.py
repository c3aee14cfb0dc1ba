"""The lab's API servers validate objects as a real one does."""

import subprocess
from typing import Any

import pytest
import yaml

from lab.running.lab import Lab

pytestmark = pytest.mark.engine


def kubectl(lab: Lab, *arguments: str, stack: str = "dev", given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [str(lab.toolchain.path("kubectl")), *arguments],
        env=lab.env(stack),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def create(lab: Lab, manifest: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return kubectl(lab, "create", "--dry-run=server", "--filename=-", given=yaml.safe_dump(manifest))


def network_policy(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "test", "namespace": "flash-ticket"},
        "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": port}]}]},
    }


def security_group_policy(groups: int) -> dict[str, Any]:
    return {
        "apiVersion": "vpcresources.k8s.aws/v1beta1",
        "kind": "SecurityGroupPolicy",
        "metadata": {"name": "test", "namespace": "flash-ticket"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "flash-api"}},
            "securityGroups": {"groupIds": [f"sg-{number}" for number in range(groups)]},
        },
    }


@pytest.mark.parametrize(("port", "accepted"), [(4000, True), (0, False), (65536, False)])
def test_a_network_policy_with_a_port_out_of_range_is_refused(lab: Lab, port: int, *, accepted: bool) -> None:
    result = create(lab, network_policy(port))

    assert (result.returncode == 0) is accepted, result.stderr
    assert ("must be between 1 and 65535" in result.stderr) is not accepted


@pytest.mark.parametrize(("groups", "accepted"), [(0, False), (1, True), (5, True), (6, False)])
def test_a_security_group_policy_holds_one_to_five_groups(lab: Lab, groups: int, *, accepted: bool) -> None:
    assert (create(lab, security_group_policy(groups)).returncode == 0) is accepted


def test_a_policy_in_a_missing_namespace_is_refused(lab: Lab) -> None:
    manifest = network_policy(4000)
    manifest["metadata"]["namespace"] = "absent"

    assert 'namespaces "absent" not found' in create(lab, manifest).stderr


def test_each_environment_has_its_own_cluster(lab: Lab) -> None:
    kubectl(lab, "create", "namespace", "only-in-dev").check_returncode()

    assert kubectl(lab, "get", "namespace", "only-in-dev", stack="prod").returncode == 1


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_cluster_dns_has_the_tenth_address_of_the_services(lab: Lab, stack: str) -> None:
    asked = ("get", "service", "kube-dns", "--namespace=kube-system", "--output=jsonpath={.spec.clusterIP}")

    assert kubectl(lab, *asked, stack=stack).stdout == "172.20.0.10"


@pytest.mark.parametrize(("app", "stack", "network"), [("gateway", "dev", "10.10."), ("pay", "prod", "10.20.")])
def test_the_services_run_in_pods_of_the_vpc(lab: Lab, app: str, stack: str, network: str) -> None:
    selector = f"--selector=app=flash-{app}"
    columns = "--output=jsonpath={.items[0].status.phase} {.items[0].status.podIP}"

    answer = kubectl(lab, "get", "pods", "--namespace=flash-ticket", selector, columns, stack=stack).stdout

    assert answer.startswith(f"Running {network}")
