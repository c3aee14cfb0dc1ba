"""``verify --probe`` against a real API server without a kubelet: rights, refusals and their messages."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.running.firewall_command import Ran, flash_firewall
from lab.running.lab import Lab
from tests.support.declared.accounts import ROOT

pytestmark = pytest.mark.engine

NAMESPACE, STACK = "flash-ticket", "prod"
VERIFIER = "system:serviceaccount:monitoring:flash-firewall-verifier"
SERVICES = ("api", "gateway", "pay")
HOSTS = [f"--probe-host={name}=10.20.20.{number}" for number, name in enumerate(("database", "rabbitmq", "redis"), 5)]
PROBE = ("--probe", "--consent", "--probe-limit=1", *HOSTS)


def kubectl(lab: Lab, *arguments: str, given: object = None) -> str:
    return subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [str(lab.toolchain.path("kubectl")), "--namespace", NAMESPACE, *arguments],
        env=lab.env(STACK),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "probe", "uid": "00000000-0000-4000-8000-0000000000aa"}


@pytest.fixture(scope="module")
def ready(lab: Lab) -> Iterator[None]:
    """A ready pod of each service; the probe prefers it, and containers added to it stay in it."""
    for number, service in enumerate(SERVICES, 1):
        spec = {"containers": [{"name": "main", "image": "registry.example.com/shop"}]}
        labels = {"app": f"flash-{service}"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"probe-{service}", "labels": labels, "ownerReferences": [OWNER]},
            "spec": spec,
        }
        kubectl(lab, "create", "--filename=-", given=pod)
        address = f"10.20.10.{100 + number}"
        conditions = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": conditions}
        patch = f"--patch={json.dumps({'status': status})}"
        kubectl(lab, "patch", "pod", f"probe-{service}", "--subresource=status", "--type=merge", patch)
    yield
    kubectl(lab, "delete", "pod", *(f"probe-{each}" for each in SERVICES), "--grace-period=0", "--force")


@pytest.fixture(scope="module")
def kubeconfig(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The documented account, which may only verify."""
    documented = str(ROOT / "docs" / "verifier-rbac.yaml")
    apply = [str(lab.toolchain.path("kubectl")), "apply", "--filename", documented]
    subprocess.run(apply, env=lab.env(STACK), check=True, capture_output=True)  # noqa: S603 - the lab's
    content = yaml.safe_load(lab.kubeconfigs[STACK].read_text())
    token = kubectl(lab, "create", "token", VERIFIER.rpartition(":")[2], "--namespace=monitoring").strip()
    content["users"][0]["user"] = {"token": token}
    path = tmp_path_factory.mktemp("probe") / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    yield path
    subprocess.run([*apply[:1], "delete", *apply[2:]], env=lab.env(STACK), check=True, capture_output=True)  # noqa: S603 - the lab's


def verify(lab: Lab, kubeconfig: Path, *arguments: str) -> Ran:
    return flash_firewall(lab, STACK, ROOT, "verify", "--stack", STACK, *arguments, KUBECONFIG=str(kubeconfig))


@contextmanager
def bound(lab: Lab, role: str) -> Iterator[None]:
    """Give the account one more of the documented roles."""
    kubectl(lab, "create", "rolebinding", role, f"--role={role}", f"--serviceaccount={VERIFIER[22:]}")
    try:
        yield
    finally:
        kubectl(lab, "delete", "rolebinding", role)


def checks(ran: Ran) -> list[dict[str, Any]]:
    assert ran.returncode == 1, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)["probe"]
    assert (found["holds"], found["enforcer"]) == (False, "drops")
    assert len(found["checks"]) == 18
    return list(found["checks"])


@pytest.mark.usefixtures("ready")
def test_without_consent_the_probe_prints_its_plan_and_does_nothing(lab: Lab, kubeconfig: Path) -> None:
    ran = verify(lab, kubeconfig, "--probe", *HOSTS)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pod probe-api, for api: 9 connections, at most 27 s in all" in ran.stderr
    assert "It runs sh in each pod's own container (pods/exec)" in ran.stderr
    assert ran.stderr.endswith(
        "error: --probe: --consent: it is missing, and the probe runs commands in live pods. Add --consent.\n"
    )


@pytest.mark.usefixtures("ready")
def test_the_verifier_cannot_probe_and_sees_the_missing_right(lab: Lab, kubeconfig: Path) -> None:
    found = checks(verify(lab, kubeconfig, *PROBE, "--output", "json"))

    assert {each["verdict"] for each in found} == {"not run"}
    for each in found:
        assert each["problem"].startswith(f'this identity may not: pods "probe-{each["source"]}" is forbidden')
        assert 'resource "pods/exec"' in each["problem"]


@pytest.mark.usefixtures("ready")
def test_with_the_probers_role_commands_reach_the_api_server(lab: Lab, kubeconfig: Path) -> None:
    with bound(lab, "flash-firewall-prober"):
        found = checks(verify(lab, kubeconfig, *PROBE, "--output", "json"))

    assert {(each["verdict"], each["problem"]) for each in found} == {
        ("not run", f"the API server answers 400: pod probe-{service} does not have a host assigned")
        for service in SERVICES
    }


@pytest.mark.usefixtures("ready")
def test_with_the_image_probers_role_a_container_is_added(lab: Lab, kubeconfig: Path) -> None:
    image = "registry.example.com/tools@sha256:" + "0" * 64
    with bound(lab, "flash-firewall-image-prober"):
        ran = verify(lab, kubeconfig, *PROBE, f"--probe-image={image}")

    assert ran.returncode == 1, ran.stderr
    assert "Kubernetes lists it in the pod until the pod is deleted." in ran.stderr
    assert (
        "NOT RUN  api => pay : TCP 3100  must connect: container flash-firewall-probe-0 has not been started within 1 s"
    ) in ran.stdout
    assert ran.stdout.endswith("probe of flash-ticket: 18 checks, 0 hold, 18 not run, 0 violated.\n")
    for service in SERVICES:
        pod = json.loads(kubectl(lab, "get", "pod", f"probe-{service}", "--output=json"))
        (added,) = pod["spec"]["ephemeralContainers"]
        assert added["image"] == image


@pytest.mark.usefixtures("ready")
def test_a_missing_right_to_add_a_container_is_reported(lab: Lab, kubeconfig: Path) -> None:
    found = checks(verify(lab, kubeconfig, *PROBE, "--probe-image=tools", "--output", "json"))

    assert {each["verdict"] for each in found} == {"not run"}
    assert all(each["problem"].startswith("this identity may not: pods ") for each in found)
