"""Every object of the manifests is read, noted or refused; none is dropped silently."""

from pathlib import Path
from typing import Any

import pytest

from flash_ticket.firewall.analyse.cluster import AnalysedCluster, cluster_from
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.analyse.workload import ContainerPort, PodNetwork
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import Protocol
from flash_ticket.report.connections import lines
from tests.support.declared.kubernetes.objects import deployment, namespace, pod, policy

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


def test_a_directory_without_policies_is_open_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n",
        encoding="utf-8",
    )
    found = Reachability(read_cluster(tmp_path))

    assert "default/a[Pod] => default/b[Pod] : All Connections" in listed(found.cluster)
    assert [str(each) for each in found.notes] == [
        f"{tmp_path}: NetworkPolicy: these manifests contain no NetworkPolicy, so nothing is restricted"
    ]


def test_a_namespace_cannot_override_the_label_with_its_name() -> None:
    found = cluster_from([namespace("shop", **{"kubernetes.io/metadata.name": "bank", "team": "red"})])

    assert found.namespaces == {"shop": {"kubernetes.io/metadata.name": "shop", "team": "red"}}


@pytest.mark.parametrize("key", ["name", "namespace"])
@pytest.mark.parametrize(("value", "shown"), [(False, "false"), (0, "0"), (True, "true"), (7, "7"), (1.5, "1.5")])
def test_a_name_that_yaml_reads_as_something_else_is_refused(key: str, value: object, shown: str) -> None:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", key: value}}
    with pytest.raises(InputError, match=rf"metadata\.{key}: {shown} is not text, as YAML reads it\. Put it in quotes"):
        cluster_from([body])


@pytest.mark.parametrize("namespace_of", [{}, {"namespace": None}, {"namespace": ""}])
def test_a_namespace_that_is_missing_is_default(namespace_of: dict[str, object]) -> None:
    found = cluster_from([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", **namespace_of}}])

    assert [str(each) for each in found.workloads] == ["default/a[Pod]"]


@pytest.mark.parametrize("label", ["job-name", "batch.kubernetes.io/job-name"])
def test_a_policy_can_select_the_pods_of_a_job_by_the_labels_that_its_controller_adds(label: str) -> None:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {}}
    metadata = {"name": "load", "namespace": "shop"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}
    closed = policy("one", ingress=[], podSelector={"matchLabels": {label: "load"}})

    assert "shop/a[Pod] => shop/load[Job] : All Connections" not in listed(cluster_from([job, pod("a"), closed]))
    assert "shop/a[Pod] => shop/load[Job] : All Connections" in listed(cluster_from([job, pod("a")]))


def listed(cluster: AnalysedCluster) -> list[str]:
    return "".join(lines(Reachability(cluster).connections())).splitlines()


def stateful_set(**spec: object) -> dict[str, object]:
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {}}
    metadata = {"name": "db", "namespace": "shop"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {"template": template, **spec},
    }


@pytest.mark.parametrize(
    ("label", "value"), [("statefulset.kubernetes.io/pod-name", "db-1"), ("apps.kubernetes.io/pod-index", "1")]
)
def test_a_policy_can_select_one_pod_of_a_stateful_set(label: str, value: str) -> None:
    closed = policy("one", ingress=[], podSelector={"matchLabels": {label: value}})
    found = listed(cluster_from([stateful_set(replicas=3), pod("a"), closed]))
    into = {each for each in found if each.startswith("shop/a[Pod] => shop/")}

    assert into == {f"shop/a[Pod] => shop/db-{index}[Pod] : All Connections" for index in (0, 2)}


def test_the_pods_of_a_stateful_set_that_no_policy_tells_apart_are_one() -> None:
    found = cluster_from([stateful_set(replicas=3), policy("all", "db", ingress=[])])

    assert [str(each) for each in found.workloads] == ["shop/db[StatefulSet]"]


@pytest.mark.parametrize(
    ("spec", "names"),
    [({}, ["db-0"]), ({"replicas": 2, "ordinals": {"start": 5}}, ["db-5", "db-6"]), ({"replicas": 0}, ["db"])],
)
def test_the_pods_of_a_stateful_set_are_numbered_from_its_first_ordinal(
    spec: dict[str, object], names: list[str]
) -> None:
    one = policy("one", ingress=[], podSelector={"matchLabels": {"apps.kubernetes.io/pod-index": "5"}})

    assert [each.pod for each in cluster_from([stateful_set(**spec), one]).workloads] == names


@pytest.mark.parametrize("count", [-1, True, "3", 1.5, 1 << 40])
def test_a_count_of_replicas_that_is_not_a_number_is_refused(count: object) -> None:
    with pytest.raises(InputError, match=r"spec\.replicas: .* is not a count"):
        cluster_from([stateful_set(replicas=count)])


@pytest.mark.parametrize(("target", "ports"), [(9090, "TCP 9090"), (8080, "TCP 8080"), (None, "TCP 80")])
def test_an_ingress_reaches_a_port_that_no_container_declares(target: int | None, ports: str) -> None:
    port = {"port": 80} if target is None else {"port": 80, "targetPort": target}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [port]},
    }
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "in", "namespace": "shop"},
        "spec": {"rules": [{"http": {"paths": [{"backend": backend}]}}]},
    }
    web = deployment("web", [{"containerPort": 8080}])
    found = listed(cluster_from([web, service, ingress, policy("open", "web", ingress=[{}])]))

    assert f"{{ingress-controller}} => shop/web[Deployment] : {ports}" in found
