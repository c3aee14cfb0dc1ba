"""Who has which address: from a real API server and a moto account, and in the output of the command."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.inventory import interfaces_of, take_inventory, to_deploy, warnings_of_what_runs
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.stack.settings import read_stack_file
from flash_ticket.traffic.attribution.inventory import Interface, Inventory, Pod
from flash_ticket.traffic.attribution.inventory_file import read_inventory
from lab.running.lab import Lab
from tests.support.clouds.api_server import answering, connected
from tests.support.clouds.moto_account import MotoAccount
from tests.support.declared.accounts import ROOT, shop_matrix
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.declared.former_layout import former_layout
from tests.support.declared.owners import DEV
from tests.support.declared.stacks import CASES, two_namespaces


@pytest.fixture
def network(moto: MotoAccount) -> tuple[str, str]:
    """A VPC and a subnet in it."""
    ec2 = moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.10.0.0/24")["Subnet"]["SubnetId"]
    return vpc, subnet


def test_interfaces_have_all_their_addresses_and_groups(moto: MotoAccount, network: tuple[str, str]) -> None:
    ec2, (vpc, subnet) = moto.client("ec2"), network
    groups = [ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in "ba"]
    made = ec2.create_network_interface(
        SubnetId=subnet,
        Groups=groups,
        PrivateIpAddress="10.10.0.5",
        Ipv6Addresses=[{"Ipv6Address": "2001:DB8::5"}],
    )["NetworkInterface"]["NetworkInterfaceId"]
    ec2.assign_private_ip_addresses(NetworkInterfaceId=made, PrivateIpAddresses=["10.10.0.6", "10.10.0.7"])

    (found,) = interfaces_of(moto.connect(), vpc)

    assert found.id == made
    assert found.groups == tuple(sorted(groups))
    assert set(found.addresses) >= {"10.10.0.5", "10.10.0.6", "10.10.0.7", "2001:db8::5"}


def test_interfaces_of_other_vpcs_are_left_out(moto: MotoAccount, network: tuple[str, str]) -> None:
    ec2, (vpc, subnet) = moto.client("ec2"), network
    ec2.create_network_interface(SubnetId=subnet)
    other = ec2.create_vpc(CidrBlock="10.11.0.0/16")["Vpc"]["VpcId"]

    assert len(interfaces_of(moto.connect(), vpc)) == 1
    assert interfaces_of(moto.connect(), other) == ()


def test_the_addresses_of_a_delegated_prefix_are_the_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    described = {
        "NetworkInterfaceId": "eni-1",
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.10.0.5"}],
        "Ipv4Prefixes": [{"Ipv4Prefix": "10.10.0.16/28"}],
        "Ipv6Prefixes": [{"Ipv6Prefix": "2001:db8::/80"}],
    }
    monkeypatch.setattr(AwsAccount, "pages", lambda *_, **__: [described])

    (found,) = interfaces_of(AwsAccount.connect("ap-northeast-2", None, DEV), "vpc-1")

    addresses = ("10.10.0.5", *(f"10.10.0.{last}" for last in range(16, 32)))
    assert found == Interface("eni-1", addresses, (), (ip_network("2001:db8::/80"),))


NAMESPACE = "inventory-of-tests"


def kubectl(lab: Lab, *arguments: str, given: object = None) -> None:
    subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [str(lab.toolchain.path("kubectl")), *arguments],
        env=lab.env("dev"),
        input=yaml.safe_dump(given),
        capture_output=True,
        text=True,
        check=True,
    )


def make_pod(lab: Lab, name: str, status: dict[str, Any], *, host_network: bool = False) -> None:
    """Create a pod, and set its status as a kubelet does."""
    labels = {"app": "flash-api", "pod-template-hash": "1"}
    container = {"name": "c", "image": "registry.invalid/none"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"containers": [container], "hostNetwork": host_network, "nodeName": "node-1"},
    }
    kubectl(lab, "create", "--filename=-", given=pod)
    patch = f"--patch={json.dumps({'status': status})}"
    kubectl(lab, "patch", "pod", name, f"--namespace={NAMESPACE}", "--subresource=status", "--type=merge", patch)


@pytest.fixture(scope="module")
def pods(lab: Lab) -> Iterator[None]:
    """Running pods, also on the host network, and one that has ended."""
    kubectl(lab, "create", "namespace", NAMESPACE)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE}}
    kubectl(lab, "apply", "--filename=-", given=account)
    running = {"phase": "Running", "hostIP": "10.10.10.9", "startTime": "2026-11-24T03:00:00Z"}
    make_pod(lab, "api-1", {**running, "podIP": "10.10.10.21", "podIPs": [{"ip": "10.10.10.21"}]})
    make_pod(lab, "agent", {**running, "podIP": "10.10.10.9", "podIPs": [{"ip": "10.10.10.9"}]}, host_network=True)
    terminated = {"exitCode": 0, "finishedAt": "2026-11-24T04:00:00Z", "startedAt": "2026-11-24T03:00:00Z"}
    container = {"name": "c", "ready": False, "restartCount": 0, "image": "i", "imageID": "i"}
    ended = {**running, "phase": "Succeeded", "containerStatuses": [{**container, "state": {"terminated": terminated}}]}
    make_pod(lab, "job", {**ended, "podIP": "10.10.10.22", "podIPs": [{"ip": "10.10.10.22"}]})
    yield
    kubectl(lab, "delete", "pods", "--all", f"--namespace={NAMESPACE}", "--grace-period=0", "--force")
    kubectl(lab, "delete", "namespace", NAMESPACE, "--wait=false")


START, END = 1795489200.0, 1795492800.0
LABELS = (("app", "flash-api"), ("pod-template-hash", "1"))
PODS = [
    Pod(NAMESPACE, "agent", LABELS, ("10.10.10.9",), "10.10.10.9", START, None, ""),
    Pod(NAMESPACE, "api-1", LABELS, ("10.10.10.21",), "10.10.10.9", START, None, ""),
    Pod(NAMESPACE, "job", LABELS, ("10.10.10.22",), "10.10.10.9", START, END, ""),
]


def of_tests(inventory: Inventory) -> list[Pod]:
    return [pod for pod in inventory.pods if pod.namespace == NAMESPACE]


@pytest.mark.engine
@pytest.mark.usefixtures("pods")
def test_an_inventory_holds_pods_places_interfaces_and_deployed_objects(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in lab.variables("dev").items():
        monkeypatch.setenv(name, value)
    settings = read_stack_file(ROOT, "dev")
    # The client reads KUBECONFIG only once, at its import, so this process can no longer set it.
    cluster = KubernetesCluster.connect(str(lab.kubeconfigs["dev"]), settings.context)
    account = AwsAccount.connect(settings.region, settings.profile, DEV)

    found = take_inventory(cluster, account, shop_matrix(), settings.binding, 1000.0)

    assert of_tests(found) == PODS
    assert found.taken == 1000.0
    assert found.environment
    assert found.environment.name == "dev"
    assert found.deployed
    assert {service.name for service in found.services} >= {"kubernetes"}


@pytest.mark.engine
@pytest.mark.usefixtures("pods")
def test_the_command_prints_an_inventory_that_can_be_read_back(lab: Lab, tmp_path: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "flash_ticket.cli.main", "inventory", "--stack", "dev"],
        cwd=ROOT,
        env=lab.env("dev"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    path = tmp_path / "inventory.json"
    path.write_text(printed)

    found = read_inventory(path)

    assert of_tests(found) == PODS
    assert found.others == ()
    assert set(found.namespaces) == {"flash-ticket"}
    assert time.time() - 600 < found.taken <= time.time()
    assert found.environment
    assert found.deployed
    secrets = [lab.variables("dev")["AWS_SECRET_ACCESS_KEY"], *_credentials(lab.kubeconfigs["dev"])]
    assert secrets
    assert not [secret for secret in secrets if len(secret) > 5 and secret in printed]


def _credentials(kubeconfig: Path) -> list[str]:
    user = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]
    return [str(value) for value in user.values() if not Path(str(value)).exists()]


@dataclass(frozen=True)
class _Cluster:
    """A cluster that lists these pods, or refuses."""

    pods: Sequence[dict[str, Any]] | None

    def objects(self, _: str) -> Sequence[dict[str, Any]]:
        if self.pods is None:
            raise InputError("Kubernetes", "pods", "this identity may not list them", "Grant the right")
        return self.pods


@dataclass(frozen=True)
class _Account:
    """An account with an interface at each address, with these groups."""

    groups: Mapping[str, Sequence[str]]

    def pages(self, *_: str, **_more: object) -> Sequence[dict[str, Any]]:
        return [
            {
                "NetworkInterfaceId": f"eni-{address}",
                "PrivateIpAddresses": [{"PrivateIpAddress": address}],
                "Groups": [{"GroupId": group} for group in groups],
            }
            for address, groups in self.groups.items()
        ]

    def rules_in(self, _: object) -> Sequence[dict[str, Any]]:
        return ()


def _pod(app: str, address: str) -> dict[str, Any]:
    metadata = {"namespace": "flash-ticket", "name": f"{app}-0", "labels": {"app": app}}
    return {"metadata": metadata, "status": {"podIP": address, "startTime": "2026-11-01T00:00:00Z"}}


def test_a_deployment_keeps_the_rules_that_running_pods_need_and_no_others() -> None:
    new = compile_firewall(*CASES["dev"]())
    services = frozenset(each.name for each in new.matrix.services)
    stands = deployed(compile_firewall(new.matrix, replace(new.environment, waiting=services)))
    every = "sg-own-pods.flash-ticket"
    groups = {"10.0.0.1": ["sg-own-api"], "10.0.0.2": ["sg-own-pay", every]}
    pods = [_pod("flash-api", "10.0.0.1"), _pod("flash-pay", "10.0.0.2")]

    def waiting(cluster: _Cluster, stands: Deployed) -> frozenset[str]:
        found = to_deploy(cast("KubernetesCluster", cluster), cast("AwsAccount", _Account(groups)), new, stands, ())
        assert found.proof().holds
        return found.environment.waiting

    assert waiting(_Cluster(pods), stands) == {"api"}
    assert waiting(_Cluster(pods[1:]), stands) == set()
    assert waiting(_Cluster(None), stands) == services
    assert waiting(_Cluster(None), deployed(former_layout(new))) == services
    assert waiting(_Cluster(None), deployed(new)) == set()


def test_a_preview_warns_of_pods_that_the_default_deny_of_a_further_namespace_cuts() -> None:
    firewall = compile_firewall(*two_namespaces())
    stray = {
        "metadata": {"name": "stray", "namespace": "monitoring", "labels": {"app": "stray"}, "ownerReferences": OWNED},
        "status": {"phase": "Running", "podIP": "10.10.1.7", "hostIP": "10.10.1.1"},
    }
    answers = {
        f"/api/v1/namespaces/{namespace}/{kind}?limit=500": (200, json.dumps({"items": found}).encode())
        for namespace, pods in (("flash-ticket", []), ("monitoring", [stray]))
        for kind, found in (("pods", pods), ("services", []))
    }
    with answering(answers) as url:
        before = list(warnings_of_what_runs(connected(url), firewall, nothing_deployed()))
        after = list(warnings_of_what_runs(connected(url), firewall, deployed(firewall)))

    assert [line for line in before if "00-default-deny-monitoring cuts stray: it denies every pod there" in line]
    assert not [line for line in after if "stray" in line]


OWNED = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "stray", "uid": "1"}]
