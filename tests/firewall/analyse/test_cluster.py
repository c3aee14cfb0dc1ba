"""Every object of the manifests is read, noted or refused; none is dropped silently."""

from pathlib import Path
from typing import Any

import pytest

from flash_ticket.firewall.analyse.cluster import AnalysedCluster, cluster_from
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.workload import ContainerPort, PodNetwork
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import Protocol
from tests.support.declared.kubernetes_objects import deployment, namespace, pod, policy

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"hostNetwork": True, "containers": [{"ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]}]},
}


def of_kind(kind: str, version: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401  # any field
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a", "namespace": "shop"}, "spec": spec}


def notes(cluster: AnalysedCluster) -> list[str]:
    return [str(note) for note in cluster.notes]


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("Deployment", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("ReplicationController", "v1"),
        ("Job", "batch/v1"),
    ],
)
def test_every_kind_with_a_pod_template_is_a_workload(kind: str, version: str) -> None:
    (found,) = cluster_from([of_kind(kind, version, template=TEMPLATE)]).workloads
    assert str(found) == f"shop/a[{kind}]"
    assert found.labels == {"app": "a"}
    assert found.ports == (ContainerPort("dns", Protocol.UDP, 53),)
    assert found.network is PodNetwork.HOST


def test_a_cron_job_has_its_template_in_its_job_template() -> None:
    (found,) = cluster_from([of_kind("CronJob", "batch/v1", jobTemplate={"spec": {"template": TEMPLATE}})]).workloads
    assert str(found) == "shop/a[CronJob]"
    assert found.labels == {"app": "a"}


def test_a_sidecar_declares_ports_and_an_init_container_does_not() -> None:
    sidecar = {"restartPolicy": "Always", "ports": [{"containerPort": 1}]}
    (found,) = cluster_from([pod("a", initContainers=[sidecar, {"ports": [{"containerPort": 2}]}])]).workloads
    assert [port.number for port in found.ports] == [1]


def test_irrelevant_kinds_are_noted() -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
    assert notes(cluster_from([settings], source="a.yaml")) == [
        "a.yaml: ConfigMap default/settings: this kind is ignored"
    ]


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("ClusterNetworkPolicy", "policy.networking.k8s.io/v1alpha2"),
        ("AdminNetworkPolicy", "policy.networking.k8s.io/v1alpha1"),
        ("NetworkPolicy", "crd.projectcalico.org/v1"),
        ("CiliumNetworkPolicy", "cilium.io/v2"),
    ],
)
def test_policies_of_other_apis_are_noted_as_possibly_overruling(kind: str, version: str) -> None:
    cluster = cluster_from([of_kind(kind, version)])
    assert not cluster.policies
    assert "it may overrule NetworkPolicies and is ignored" in notes(cluster)[0]


def test_a_kind_of_another_api_group_is_a_different_kind() -> None:
    cluster = cluster_from(
        [of_kind("Service", "serving.knative.dev/v1"), of_kind("StatefulSet", "apps.kruise.io/v1beta1")]
    )
    assert not cluster.workloads
    assert len(cluster.notes) == 2


def test_a_document_that_is_not_a_kubernetes_object_is_noted() -> None:
    assert notes(cluster_from([{"replicas": 3}], source="values.yaml")) == [
        "values.yaml: object 0: not a Kubernetes object (it has no kind); ignored"
    ]


@pytest.mark.parametrize(
    "twice",
    [pod("a"), policy("a"), namespace("a"), deployment("a")],
    ids=["Pod", "NetworkPolicy", "Namespace", "Deployment"],
)
def test_an_object_that_appears_twice_is_refused(twice: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is already in memory object 0"):
        cluster_from([twice, pod("other"), twice])


def test_the_same_name_in_another_namespace_or_kind_is_another_object() -> None:
    cluster = cluster_from([pod("a"), pod("a", namespace="b"), deployment("a")])
    assert len(cluster.workloads) == 3


@pytest.mark.parametrize(
    ("body", "key", "problem"),
    [
        ({"kind": "Pod", "metadata": {"name": "a"}}, "apiVersion", "this Pod has no apiVersion"),
        ({"kind": "Pod", "apiVersion": "v1"}, "metadata.name", "this Pod has no name"),
        ({"kind": "Pod", "apiVersion": "v1", "metadata": []}, "metadata", "expected a mapping, found a list"),
    ],
)
def test_an_object_without_its_identity_is_refused(body: dict[str, Any], key: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        cluster_from([body], source="a.yaml")
    assert (caught.value.source, caught.value.key) == ("a.yaml", f"object 0: {key}")
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("labels", "path"),
    [({"a": 1}, "metadata.labels.a"), (["a"], "metadata.labels"), ({"a": None}, "metadata.labels.a")],
)
def test_labels_that_are_not_strings_are_refused(labels: Any, path: str) -> None:  # noqa: ANN401  # whatever is wrong
    broken = pod("a")
    broken["metadata"]["labels"] = labels
    with pytest.raises(InputError) as caught:
        cluster_from([broken])
    assert caught.value.key == f"Pod shop/a: {path}"


def test_namespaces_have_their_name_as_a_label_whether_declared_or_only_used() -> None:
    cluster = cluster_from([namespace("declared", team="x"), pod("a", namespace="used")])
    assert cluster.namespaces == {
        "declared": {"kubernetes.io/metadata.name": "declared", "team": "x"},
        "used": {"kubernetes.io/metadata.name": "used"},
    }


def test_a_directory_without_policies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", encoding="utf-8")
    with pytest.raises(InputError, match="these manifests contain no NetworkPolicy"):
        read_cluster(tmp_path)
