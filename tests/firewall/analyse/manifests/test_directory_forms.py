"""The form of the manifests does not change which connections pass."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.report.connections import lines
from tests.support.declared.at_random.clusters import RandomCluster, clusters

Manifest = dict[str, Any]
KINDS = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicationController": "v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
}


def as_kind(pod: Manifest, kind: str) -> Manifest:
    """Return an object of the kind with pods like the given pod; the object's own labels differ from theirs."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
    spec = {"template": template} if kind != "CronJob" else {"jobTemplate": {"spec": {"template": template}}}
    metadata = {"name": name, "namespace": namespace, "labels": {"app": "owner", "tier": "owner"}}
    return {"apiVersion": KINDS[kind], "kind": kind, "metadata": metadata, "spec": spec}


def as_replicas(pod: Manifest, count: int) -> list[Manifest]:
    """Return copies of a pod, controlled by one ReplicaSet that is not in the manifests."""
    metadata = pod["metadata"]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": metadata["name"], "controller": True, "uid": "1"}
    return [
        {**pod, "metadata": {**metadata, "name": f"{metadata['name']}-{each}", "ownerReferences": [owner]}}
        for each in range(count)
    ]


def write(manifests: list[Manifest], directory: Path, form: str) -> None:
    match form:
        case "documents":
            text = yaml.safe_dump_all(manifests, explicit_start=True)
        case "flow":
            text = yaml.safe_dump_all(manifests, default_flow_style=True)
        case "list":
            text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": manifests})
        case _:
            nested = {"apiVersion": "v1", "kind": "List", "items": manifests[1:]}
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*manifests[:1], nested]})
    (directory / f"all.{'json' if form == 'json' else 'yaml'}").write_text(text, encoding="utf-8")


def listing(found: Reachability) -> list[str]:
    return "".join(lines(found.connections())).splitlines()


@given(clusters(), st.data())
def test_workloads_of_every_kind_in_every_form_of_file_reach_the_same_peers_as_their_pods(
    cluster: RandomCluster, data: st.DataObject
) -> None:
    renamed: dict[str, str] = {}
    manifests: list[Manifest] = []
    for manifest in cluster.manifests:
        if manifest["kind"] != "Pod":
            manifests.append(manifest)
            continue
        kind = data.draw(st.sampled_from(["Pod", "pods of a ReplicaSet", *KINDS]))
        short = f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
        renamed[f"{short}[Pod]"] = f"{short}[{kind.rpartition(' ')[2]}]"
        if kind == "Pod":
            manifests.append(manifest)
        elif kind in KINDS:
            manifests.append(as_kind(manifest, kind))
        else:
            manifests += as_replicas(manifest, data.draw(st.integers(1, 3)))
    with TemporaryDirectory() as name:
        write(
            data.draw(st.permutations(manifests)),
            Path(name),
            data.draw(st.sampled_from(["documents", "flow", "list", "json"])),
        )

        found = listing(Reachability(read_cluster(Path(name))))

    expected = listing(Reachability(cluster_from(cluster.manifests)))
    for pod, workload in renamed.items():
        expected = [line.replace(pod, workload) for line in expected]
    assert found == sorted(expected)
