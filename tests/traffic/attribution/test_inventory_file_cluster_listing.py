"""Pods and Services as the API server describes them, and how long a pod had its addresses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flash_ticket.firewall.terms.ports import PortRange, Protocol
from flash_ticket.traffic.attribution.inventory import ClusterService, Pod
from flash_ticket.traffic.attribution.inventory_file import listed_pods, listed_services


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def described(**status: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a manifest
    return {
        "metadata": {
            "namespace": "shop",
            "name": "api-1",
            "labels": {"b": "2", "a": "1"},
            "creationTimestamp": "2026-11-24T02:00:00Z",
        },
        "spec": {},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "hostIP": "10.0.0.9", **status},
    }


def listed(**status: Any) -> Pod:  # noqa: ANN401 - likewise
    (pod,) = listed_pods([described(**status)])
    return pod


def ended(moment: str) -> dict[str, Any]:
    return {"state": {"terminated": {"finishedAt": moment}}}


def test_a_running_pod_has_its_addresses_from_its_start_on() -> None:
    assert listed(startTime="2026-11-24T03:00:00Z") == Pod(
        "shop", "api-1", (("a", "1"), ("b", "2")), ("10.0.0.1",), "10.0.0.9", seconds("2026-11-24T03:00"), None, ""
    )


def test_without_a_start_time_the_creation_time_counts() -> None:
    assert listed().since == seconds("2026-11-24T02:00")


def test_a_pod_may_have_addresses_of_both_families() -> None:
    assert listed(podIPs=[{"ip": "10.0.0.1"}, {"ip": "2001:DB8:0::1"}]).addresses == ("10.0.0.1", "2001:db8::1")


@pytest.mark.parametrize("status", [{"podIP": None}, {"podIP": "", "podIPs": []}])
def test_a_pod_without_a_node_has_no_address(status: dict[str, Any]) -> None:
    assert list(listed_pods([described(**status, phase="Pending")])) == []
    assert list(listed_pods([{**described(), "status": None}])) == []


def test_a_pod_without_labels_is_listed() -> None:
    pod = described()
    del pod["metadata"]["labels"]

    assert [each.labels for each in listed_pods([pod])] == [()]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_had_its_address_until_its_last_container_ended(phase: str) -> None:
    containers = [ended("2026-11-24T04:00:00Z"), ended("2026-11-24T05:00:00Z"), {"state": {"running": {}}}]

    assert listed(phase=phase, containerStatuses=containers).until == seconds("2026-11-24T05:00")


def test_without_container_end_times_a_pod_ended_when_it_was_no_longer_ready() -> None:
    conditions = [
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-24T04:30:00Z"},
        {"type": "PodScheduled", "lastTransitionTime": "2026-11-24T06:00:00Z"},
    ]

    assert listed(phase="Failed", conditions=conditions).until == seconds("2026-11-24T04:30")


def test_an_evicted_pod_without_an_end_time_had_its_address_for_no_time() -> None:
    pod = listed(phase="Failed", startTime="2026-11-24T03:00:00Z", reason="Evicted")

    assert pod.until == pod.since == seconds("2026-11-24T03:00")


def service(**spec: Any) -> ClusterService:  # noqa: ANN401 - parts of a manifest
    (found,) = listed_services([{"metadata": {"namespace": "shop", "name": "api"}, "spec": spec}])
    return found


def test_a_service_maps_its_ports_to_those_of_its_pods() -> None:
    found = service(
        clusterIP="172.20.0.7",
        clusterIPs=["172.20.0.7", "FD00::7"],
        selector={"b": "2", "a": "1"},
        ports=[
            {"port": 80, "targetPort": 4000, "protocol": "TCP"},
            {"port": 53, "protocol": "UDP"},
            {"port": 81, "targetPort": "http"},
        ],
    )

    assert found == ClusterService(
        "shop",
        "api",
        ("172.20.0.7", "fd00::7"),
        (("a", "1"), ("b", "2")),
        ((PortRange(Protocol.TCP, 80, 80), 4000), (PortRange(Protocol.UDP, 53, 53), 53)),
    )


@pytest.mark.parametrize(
    "spec", [{"clusterIP": "None", "clusterIPs": ["None"]}, {"type": "ExternalName", "externalName": "x"}]
)
def test_a_service_without_an_address_has_none(spec: dict[str, Any]) -> None:
    assert service(**spec).addresses == ()


@pytest.mark.parametrize(
    ("references", "owner"),
    [
        ([], ""),
        ([{"kind": "ReplicaSet", "name": "api-6d5f"}], "ReplicaSet/api-6d5f"),
        ([{"kind": "Node", "name": "node-1"}], ""),
    ],
)
def test_the_owner_of_a_pod_is_what_its_references_name(references: list[dict[str, str]], owner: str) -> None:
    described = {
        "metadata": {"namespace": "shop", "name": "api-1", "ownerReferences": references},
        "status": {"podIP": "10.0.0.1"},
    }
    assert [each.owner for each in listed_pods([described])] == [owner]
