"""The calls to a cluster before anything is declared, and one line for each refusal."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.change.deployed import is_ours
from flash_ticket.firewall.declare.choices import EnforcingMode
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.inventory import running
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from lab.running.lab import Lab
from tests.support.clouds.api_server import answering, connected
from tests.support.declared.stacks import two_namespaces
from tests.support.refusal import refusal

OWN = "clusters-of-tests"
"""A namespace for these tests only."""


def kubectl(lab: Lab, *arguments: str, given: Iterable[object] = ()) -> str:
    run: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [str(lab.toolchain.path("kubectl")), *arguments],
        env=lab.env("prod"),
        input=yaml.safe_dump_all(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def labelled(kind: str, version: str, name: str, spec: object, manager: str | None = None) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": manager} if manager else {}
    metadata = {"name": name, "namespace": OWN, "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def namespace(lab: Lab) -> Iterator[str]:
    """A namespace with policies and attachments, some with our label."""
    attach = {"podSelector": {"matchLabels": {"app": "a"}}, "securityGroups": {"groupIds": ["sg-1"]}}
    sgp = "vpcresources.k8s.aws/v1beta1"
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OWN}},
        labelled("NetworkPolicy", "networking.k8s.io/v1", "ours", {"podSelector": {}}, "flash-ticket-firewall"),
        labelled("NetworkPolicy", "networking.k8s.io/v1", "theirs", {"podSelector": {}}, "Helm"),
        labelled("NetworkPolicy", "networking.k8s.io/v1", "nobodys", {"podSelector": {}}),
        labelled("SecurityGroupPolicy", sgp, "ours", attach, "flash-ticket-firewall"),
        labelled("SecurityGroupPolicy", sgp, "theirs", attach),
    ]
    kubectl(lab, "create", "--filename=-", given=objects)
    yield OWN
    kubectl(lab, "delete", "namespace", OWN, "--wait=false")


@pytest.fixture
def cluster(lab: Lab) -> KubernetesCluster:
    return KubernetesCluster.connect(str(lab.kubeconfigs["prod"]), None)


@pytest.mark.engine
def test_an_existing_namespace_causes_no_message(cluster: KubernetesCluster, namespace: str) -> None:
    cluster.require_namespace(namespace)


@pytest.mark.engine
def test_a_missing_namespace_is_reported_with_the_command_that_creates_it(cluster: KubernetesCluster) -> None:
    line = refusal(lambda: cluster.require_namespace("flash-tickets"))

    assert line.startswith("traffic.yaml: namespace: https://127.0.0.1:")
    assert line.endswith(
        "has no namespace flash-tickets, and this program never makes one. Run kubectl create namespace "
        "flash-tickets, or correct the name."
    )


@pytest.mark.engine
def test_a_namespace_in_deletion_is_reported(lab: Lab, cluster: KubernetesCluster) -> None:
    """The lab has no controller to finish the deletion; it behaves like a cluster where the deletion hangs."""
    kubectl(lab, "create", "namespace", "going")
    kubectl(lab, "delete", "namespace", "going", "--wait=false")

    assert refusal(lambda: cluster.require_namespace("going")) == (
        "traffic.yaml: namespace: going is being deleted. Wait, and create it again."
    )


@pytest.mark.engine
def test_policies_are_returned_with_their_owner(cluster: KubernetesCluster, namespace: str) -> None:
    policies = cluster.network_policies(namespace)

    assert {policy["metadata"]["name"]: is_ours(policy) for policy in policies} == {
        "ours": True,
        "theirs": False,
        "nobodys": False,
    }
    assert {(policy["apiVersion"], policy["kind"]) for policy in policies} == {
        ("networking.k8s.io/v1", "NetworkPolicy")
    }


@pytest.mark.engine
def test_attachments_are_returned_with_their_owner(cluster: KubernetesCluster, namespace: str) -> None:
    attachments = cluster.attachments(namespace)

    assert {each["metadata"]["name"]: is_ours(each) for each in attachments} == {"ours": True, "theirs": False}
    assert all(each["spec"]["securityGroups"]["groupIds"] == ["sg-1"] for each in attachments)


@pytest.mark.engine
def test_an_empty_namespace_has_no_policies_or_attachments(cluster: KubernetesCluster) -> None:
    assert list(cluster.network_policies("argocd")) == []
    assert list(cluster.attachments("argocd")) == []


@pytest.mark.engine
def test_cluster_network_policies_are_returned_by_name(lab: Lab, cluster: KubernetesCluster) -> None:
    spec = {"tier": "Baseline", "priority": 1}
    version = "policy.networking.k8s.io/v1alpha2"
    policies = [
        {"apiVersion": version, "kind": "ClusterNetworkPolicy", "metadata": {"name": name}, "spec": spec}
        for name in ("two", "one")
    ]
    kubectl(lab, "create", "--filename=-", given=policies)
    try:
        assert list(cluster.cluster_network_policies()) == ["one", "two"]
    finally:
        kubectl(lab, "delete", "clusternetworkpolicies.policy.networking.k8s.io", "one", "two")
    assert list(cluster.cluster_network_policies()) == []


@pytest.mark.engine
def test_a_missing_right_is_named(lab: Lab, namespace: str, tmp_path: Path) -> None:
    kubectl(lab, "create", "serviceaccount", "ci", f"--namespace={namespace}")
    token = kubectl(lab, "create", "token", "ci", f"--namespace={namespace}").strip()
    kubeconfig = yaml.safe_load(lab.kubeconfigs["prod"].read_text())
    kubeconfig["users"][0]["user"] = {"token": token}
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig))
    limited = KubernetesCluster.connect(str(path), None)

    line = refusal(lambda: limited.network_policies(namespace))

    assert line == (
        f"Kubernetes: /apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies: this identity may not read "
        "it. Grant get and list on it."
    )
    assert "securitygrouppolicies: this identity may not read it" in refusal(lambda: limited.attachments(namespace))


@pytest.mark.engine
def test_refused_credentials_are_reported(lab: Lab, tmp_path: Path) -> None:
    kubeconfig = yaml.safe_load(lab.kubeconfigs["prod"].read_text())
    kubeconfig["users"][0]["user"] = {"token": "expired"}
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig))
    stranger = KubernetesCluster.connect(str(path), None)

    assert refusal(lambda: stranger.require_namespace("flash-ticket")) == (
        "Kubernetes: credentials: the API server refuses them. Sign in again."
    )


def test_a_resource_type_unknown_to_the_cluster_has_no_objects() -> None:
    with answering({}) as url:
        cluster = connected(url)

        assert list(cluster.attachments("shop")) == []
        assert list(cluster.cluster_network_policies()) == []


def test_an_unknown_resource_type_is_never_listed() -> None:
    """An API server forbids listing an unknown type to an identity that may not list everything."""
    path = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"
    with answering({path: (403, b"{}")}) as url:
        assert list(connected(url).cluster_network_policies()) == []


def test_a_forbidden_list_of_a_known_type_names_the_missing_right() -> None:
    version = "/apis/policy.networking.k8s.io/v1alpha2"
    answers = {version: (200, b'{"kind": "APIResourceList"}'), f"{version}/clusternetworkpolicies": (403, b"{}")}
    with answering(answers) as url:
        line = refusal(connected(url).cluster_network_policies)

    assert (
        line
        == f"Kubernetes: {version}/clusternetworkpolicies: this identity may not read it. Grant get and list on it."
    )


def test_admin_network_policies_are_named_with_their_kind() -> None:
    version = "/apis/policy.networking.k8s.io/v1alpha1"
    items = {"items": [{"metadata": {"name": "quarantine"}}]}
    resources = {"resources": [{"name": "adminnetworkpolicies"}]}
    answers = {
        version: (200, json.dumps(resources).encode()),
        f"{version}/adminnetworkpolicies": (200, json.dumps(items).encode()),
    }
    with answering(answers) as url:
        assert list(connected(url).cluster_network_policies()) == ["AdminNetworkPolicy quarantine"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_error_is_reported_in_one_line(status: int) -> None:
    with answering({"/api/v1/namespaces/shop": (status, b"{}")}) as url:
        line = refusal(lambda: connected(url).require_namespace("shop"))

    assert line.startswith(f"Kubernetes: /api/v1/namespaces/shop: the API server answers {status}")


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"\xff\xfe"])
def test_a_server_that_is_not_kubernetes_is_reported(body: bytes) -> None:
    with answering({"/api/v1/namespaces/shop": (200, body)}) as url:
        line = refusal(lambda: connected(url).require_namespace("shop"))

    assert (
        line
        == f"Kubernetes: API server: {url} answers, but not as a Kubernetes API. Correct the server in the kubeconfig."
    )


def test_a_list_is_returned_unchanged() -> None:
    items = [{"metadata": {"name": "p"}, "spec": {"podSelector": {}}}]
    answers = {
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies": (200, json.dumps({"items": items}).encode())
    }
    with answering(answers) as url:
        (policy,) = connected(url).network_policies("shop")

    assert policy == {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **items[0]}


def test_an_unreachable_server_is_reported_at_once() -> None:
    line = refusal(lambda: connected("http://127.0.0.1:9").require_namespace("shop"))

    assert line.startswith("Kubernetes: API server: http://127.0.0.1:9 cannot be reached (")
    assert line.endswith("Check the network and the kubeconfig.")


@pytest.mark.parametrize(
    "kubeconfig",
    ["/nowhere/config", "not: a\nkubeconfig: 1\n", "a: [\n", "- 1\n- 2\n", "apiVersion: v1\nkind: Config\n"],
    ids=["no such file", "another document", "no YAML", "a list", "without a context"],
)
def test_an_unusable_kubeconfig_is_reported_in_one_line(kubeconfig: str) -> None:
    line = refusal(lambda: KubernetesCluster.connect(kubeconfig, None))

    assert line.startswith("Kubernetes: kubeconfig: ")
    assert line.endswith("Set KUBECONFIG (aws eks update-kubeconfig), kubernetes:kubeconfig or kubernetes:context.")


def test_a_missing_context_is_reported_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump({"contexts": [], "clusters": [], "users": []}))

    assert refusal(lambda: KubernetesCluster.connect(str(path), "prod")).startswith("Kubernetes: kubeconfig: ")


PODS = "/api/v1/pods"


def page(names: str, token: str = "") -> tuple[int, bytes]:
    items = [{"metadata": {"name": name}} for name in names]
    return 200, json.dumps({"metadata": {"continue": token}, "items": items}).encode()


def test_a_long_list_is_read_page_by_page() -> None:
    answers = {
        f"{PODS}?limit=500": page("ab", "one/two="),
        f"{PODS}?limit=500&continue=one/two%3D": page("", "three"),
        f"{PODS}?limit=500&continue=three": page("c"),
    }
    with answering(answers) as url:
        assert [pod["metadata"]["name"] for pod in connected(url).objects(PODS)] == ["a", "b", "c"]


def test_an_expired_page_token_is_reported() -> None:
    answers = {f"{PODS}?limit=500": page("a", "old"), f"{PODS}?limit=500&continue=old": (410, b"{}")}
    with answering(answers) as url:
        line = refusal(lambda: list(connected(url).objects(PODS)))

    assert line == "Kubernetes: /api/v1/pods: the API server answers 410 Gone. Try again."


def test_a_missing_list_is_not_mistaken_for_an_empty_list() -> None:
    with answering({f"{PODS}?limit=500": page("a", "next")}) as url:
        line = refusal(lambda: list(connected(url).objects(PODS)))

    assert line == "Kubernetes: /api/v1/pods: the API server answers 404 Not Found. Try again."


def aws_node(*variables: dict[str, str]) -> bytes:
    containers = [{"name": "aws-node", "env": list(variables)}, {"name": "aws-eks-nodeagent"}]
    return json.dumps({"spec": {"template": {"spec": {"containers": containers}}}}).encode()


MODE = "NETWORK_POLICY_ENFORCING_MODE"


@pytest.mark.parametrize(
    ("status", "body", "modes"),
    [
        (200, aws_node({"name": MODE, "value": "strict"}), (EnforcingMode.STRICT,)),
        (200, aws_node({"name": MODE, "value": "standard"}), (EnforcingMode.STANDARD,)),
        (200, aws_node({"name": "OTHER", "value": "strict"}), (EnforcingMode.STANDARD,)),
        (200, aws_node(), (EnforcingMode.STANDARD,)),
        (404, b"{}", ()),
    ],
)
def test_the_enforcing_mode_is_that_of_the_vpc_cnis_daemon_set(
    status: int, body: bytes, modes: tuple[EnforcingMode, ...]
) -> None:
    with answering({"/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node": (status, body)}) as url:
        assert connected(url).enforcing_mode() == modes


def test_an_enforcing_mode_that_may_not_be_read_is_refused() -> None:
    with answering({"/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node": (403, b"{}")}) as url:
        assert "this identity may not read it" in refusal(lambda: connected(url).enforcing_mode())


CILIUM = "/api/v1/namespaces/kube-system/configmaps/cilium-config"


@pytest.mark.parametrize(
    ("status", "body", "config"),
    [
        (200, b'{"data": {"enable-policy": "always"}}', {"enable-policy": "always"}),
        (200, b"{}", {}),
        (404, b"{}", None),
    ],
)
def test_the_settings_of_cilium_are_those_of_its_config_map(
    status: int, body: bytes, config: dict[str, str] | None
) -> None:
    with answering({CILIUM: (status, body)}) as url:
        assert connected(url).cilium_config() == config


def test_settings_of_cilium_that_may_not_be_read_are_refused() -> None:
    with answering({CILIUM: (403, b"{}")}) as url:
        assert "this identity may not read it" in refusal(lambda: connected(url).cilium_config())


IN_SHOP = ("/api/v1/namespaces/shop/pods?limit=500", "/api/v1/namespaces/shop/services?limit=500")


def test_without_the_right_to_list_pods_nothing_is_known_to_run() -> None:
    found = {"metadata": {"namespace": "shop", "name": "api", "ownerReferences": [{"kind": "Node", "name": "n"}]}}
    listed = json.dumps({"items": [{**found, "status": {"podIP": "10.0.0.7"}}], "metadata": {}}).encode()
    nothing = (200, b'{"items": [], "metadata": {}}')
    with answering({IN_SHOP[0]: (200, listed), IN_SHOP[1]: nothing}) as url:
        assert [(pod.name, pod.owner) for pod in running(connected(url), ("shop",))[0]] == [("api", "")]
    with answering({IN_SHOP[0]: (403, b"{}"), IN_SHOP[1]: nothing}) as url:
        assert running(connected(url), ("shop",)) == ((), ())


def test_missing_namespaces_of_services_are_refused_together_with_their_keys() -> None:
    matrix, _ = two_namespaces()
    there = {"metadata": {"name": "flash-ticket", "labels": {"team": "shop"}}}
    with answering({"/api/v1/namespaces/flash-ticket": (200, json.dumps(there).encode())}) as url:
        line = refusal(lambda: connected(url).require_namespaces(matrix, "dev"))
    with answering({}) as url, pytest.raises(InputError) as refused:
        connected(url).require_namespaces(matrix, "dev")

    assert line.startswith("traffic.yaml: services.prometheus.namespace: http://127.0.0.1:")
    assert "has no namespace monitoring, and this program never makes one. Run kubectl create namespace" in line
    assert [each.key for each in refused.value.each] == ["namespace", "services.prometheus.namespace"]
