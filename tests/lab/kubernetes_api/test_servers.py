"""The lab's API servers validate objects as a real one does."""

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.compile.names.domains_layer import DomainsKind, domains_policies
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from lab.running.lab import Lab
from lab.toolchain.kits import provide
from lab.toolchain.node_kits import Enforcer, node_kits

pytestmark = pytest.mark.engine

PATIENCE_SECONDS = 60.0


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


def names_policy(kind: DomainsKind) -> dict[str, Any]:
    """Return the compiled policy for domain names of a service."""
    services = {"payer": {"pods": {"app.kubernetes.io/name": "payer"}, "ports": [80]}}
    listening = [443, "8000-8010", {"port": 53, "protocol": "UDP"}]
    externals = {"payments": {"domains": ["api.tosspayments.com", "*.stripe.com"], "ports": listening}}
    flows = [{"from": "payer", "to": "payments"}]
    content = {"namespace": "flash-ticket", "services": services, "externals": externals, "flows": flows}
    (policy,) = domains_policies(parse_matrix(content, "traffic.yaml"), kind)
    return policy.manifest()


def create_strictly(lab: Lab, manifest: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    strictly = ("create", "--dry-run=server", "--validate=strict", "--filename=-")
    return kubectl(lab, *strictly, given=yaml.safe_dump(manifest))


@pytest.fixture(scope="module")
def cilium(lab: Lab) -> Iterator[None]:
    """The definition of Cilium's own policy, from the agent that the node runs."""
    agent = provide(node_kits(Enforcer.CILIUM)).path("cilium-agent")
    file = str(agent.with_name("crds") / "v2" / "ciliumnetworkpolicies.yaml")
    kubectl(lab, "create", f"--filename={file}").check_returncode()
    end = time.monotonic() + PATIENCE_SECONDS
    while kubectl(lab, "get", "ciliumnetworkpolicies").returncode:  # kubectl cannot wait for what has no status yet
        assert time.monotonic() < end
        time.sleep(0.1)
    yield
    kubectl(lab, "delete", f"--filename={file}").check_returncode()


@pytest.mark.usefixtures("cilium")
@pytest.mark.parametrize("kind", DomainsKind)
def test_a_policy_for_domain_names_is_accepted_and_one_with_another_field_is_refused(
    lab: Lab, kind: DomainsKind
) -> None:
    manifest = names_policy(kind)
    accepted = create_strictly(lab, manifest)
    manifest["spec"]["egress"][0]["names"] = ["api.stripe.com"]
    refused = create_strictly(lab, manifest)

    assert accepted.returncode == 0, accepted.stderr
    assert refused.returncode != 0
    assert 'unknown field "spec.egress[0].names"' in refused.stderr


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
