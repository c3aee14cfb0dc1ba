"""A cluster is listed and explained as it is now, like the manifests that it was made of."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.clouds.api_server import answering
from tests.support.command.flash_firewall import run
from tests.support.declared.kubernetes.objects import from_app, namespace, owned_pod, pod, policy

PAGE = "?limit=500"
PODS = [
    owned_pod("api-1", "api", "ReplicaSet", {"app": "api"}),
    owned_pod("api-2", "api", "ReplicaSet", {"app": "api"}),
    pod("pay", {"app": "pay"}),
    {**pod("done", {"app": "pay"}), "status": {"phase": "Succeeded"}},
]
POD_80_AND_81 = from_app("api", {"port": 80, "endPort": 81})
POLICIES = [policy("pay", "pay", policyTypes=["Ingress", "Egress"], ingress=[POD_80_AND_81])]
CLOSED = {"action": "Deny", "from": [{"namespaces": {}}], "ports": [{"portNumber": {"port": 81}}]}
ADMIN = [{"metadata": {"name": "closed"}, "spec": {"priority": 1, "subject": {"namespaces": {}}, "ingress": [CLOSED]}}]
CILIUM = [{"metadata": {"name": "wide", "namespace": "shop"}, "spec": {}}]


def listing(objects: list[dict[str, Any]]) -> tuple[int, bytes]:
    """Return an answer of the API server, whose items have no kind."""
    items = [{key: value for key, value in each.items() if key not in {"kind", "apiVersion"}} for each in objects]
    return 200, json.dumps({"items": items, "metadata": {}}).encode()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[int, bytes]]]:
    """A cluster with these objects, which the kubeconfig leads to; its answers, to change them."""
    answers = {
        f"/api/v1/namespaces{PAGE}": listing([namespace("shop")]),
        f"/api/v1/pods{PAGE}": listing(PODS),
        f"/api/v1/services{PAGE}": listing([]),
        f"/apis/networking.k8s.io/v1/networkpolicies{PAGE}": listing(POLICIES),
        f"/apis/networking.k8s.io/v1/ingresses{PAGE}": listing([]),
        "/apis/policy.networking.k8s.io/v1alpha1": (200, b'{"kind": "APIResourceList"}'),
        "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies": listing(ADMIN),
        "/apis/cilium.io/v2": (200, b'{"kind": "APIResourceList"}'),
        "/apis/cilium.io/v2/ciliumnetworkpolicies": listing(CILIUM),
    }
    with answering(answers) as url:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (tmp_path / "config").write_text(yaml.safe_dump(content))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield answers


def test_a_cluster_is_listed_as_it_is_now(cluster: dict[str, tuple[int, bytes]]) -> None:
    result = run("list", "--live", "--to", "pay")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "shop/api[ReplicaSet] => shop/pay[Pod] : TCP 80\n"
    assert "CiliumNetworkPolicy shop/wide: it may overrule NetworkPolicies and is ignored" in result.stderr
    assert cluster


def test_a_connection_of_a_cluster_is_explained(cluster: dict[str, tuple[int, bytes]]) -> None:
    open_, closed = (run("explain", "api", "pay", port, "--live", "--context", "x") for port in ("80", "81"))

    assert (open_.exit_code, closed.exit_code) == (0, 1), open_.stderr + closed.stderr
    assert "NetworkPolicy shop/pay" in open_.stdout or "shop/pay" in open_.stdout
    assert "denied by AdminNetworkPolicy closed ingress[0]" in " ".join(closed.stdout.split())
    assert cluster


def test_a_policy_that_the_cluster_shows_in_two_versions_is_read_once(cluster: dict[str, tuple[int, bytes]]) -> None:
    of_cluster = {"tier": "Admin", "priority": 0, "subject": {"namespaces": {}}}
    for version in ("v1alpha2", "v1beta1"):
        path = f"/apis/policy.networking.k8s.io/{version}"
        cluster[path] = (200, b'{"kind": "APIResourceList"}')
        cluster[f"{path}/clusternetworkpolicies"] = listing([{"metadata": {"name": "one"}, "spec": of_cluster}])

    result = run("list", "--live", "--to", "pay")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "shop/api[ReplicaSet] => shop/pay[Pod] : TCP 80\n"


def test_a_right_that_is_missing_is_one_line(cluster: dict[str, tuple[int, bytes]]) -> None:
    cluster[f"/api/v1/pods{PAGE}"] = (403, b"{}")
    result = run("list", "--live")

    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_a_cluster_and_a_directory_together_are_refused(tmp_path: Path) -> None:
    result = run("list", "--live", "--dir", tmp_path)

    assert result.exit_code == 2
    assert result.stderr == "error: --live: a directory is named, too. Leave one of --live and --dir out.\n"


def test_an_address_of_a_pod_means_its_workload(cluster: dict[str, tuple[int, bytes]]) -> None:
    pods = [{**PODS[0], "status": {"podIPs": [{"ip": "10.0.0.7"}, {"ip": "2001:DB8::7"}]}}, *PODS[2:]]
    cluster[f"/api/v1/pods{PAGE}"] = listing(pods)

    for address in ("10.0.0.7", "2001:db8::7"):
        assert run("explain", address, "pay", "80", "--live").exit_code == 0
    assert run("explain", "10.0.0.8", "pay", "80", "--live").exit_code == 1


def test_a_cluster_is_compared_with_the_manifests_that_come_after_it(
    cluster: dict[str, tuple[int, bytes]], tmp_path: Path
) -> None:
    wider = policy("pay", "pay", policyTypes=["Ingress", "Egress"], ingress=[from_app("api", {"port": 81})])
    (tmp_path / "after.yaml").write_text(yaml.safe_dump_all([namespace("shop"), *PODS[:3], wider]))
    result = run("diff", "--live", "--dir", tmp_path / "after.yaml", "--output", "json")

    assert result.exit_code == 1, result.stderr
    (change,) = json.loads(result.stdout)
    assert (change["change"], change["before"], change["after"]) == ("changed", "TCP 80", "TCP 81")
    assert cluster


@pytest.mark.parametrize("times", [0, 2])
def test_a_cluster_is_compared_with_one_directory(tmp_path: Path, times: int) -> None:
    result = run("diff", "--live", *(each for _ in range(times) for each in ("--dir", tmp_path)))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"error: --live: --dir is given {times} times beside it. Give --dir once: the manifests that come after the "
        "live cluster.\n"
    )


BLOCK = {"from": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"port": 80}]}


@pytest.mark.parametrize(
    ("options", "expected"),
    [((), []), (("--cni", "vpc-cni"), ["shop/api[ReplicaSet] => shop/pay[Pod] : TCP 80"]), (("--cni", "cilium"), [])],
)
def test_the_network_plug_in_decides_whether_an_ip_block_matches_pods(
    cluster: dict[str, tuple[int, bytes]], options: tuple[str, ...], expected: list[str]
) -> None:
    running = [{**each, "status": {"podIP": f"10.0.0.{last}"}} for last, each in enumerate(PODS[1:3], 7)]
    cluster[f"/api/v1/pods{PAGE}"] = listing(running)
    opened = policy("pay", "pay", policyTypes=["Ingress"], ingress=[BLOCK])
    cluster[f"/apis/networking.k8s.io/v1/networkpolicies{PAGE}"] = listing([opened])

    result = run("list", "--live", "--from", "api", "--to", "pay", *options)
    assert (result.exit_code, result.stdout.splitlines()) == (0, expected), result.stderr
    asked = run("explain", "10.0.0.7", "10.0.0.8", "80", "--live", *options)
    assert asked.exit_code == (0 if expected else 1)
