"""Pods and Services as the Kubernetes API describes them, with the addresses that they have.

Source: Kubernetes API reference v1, PodStatus, ServiceSpec; ``kubectl get pods --all-namespaces -o json`` gives the
same objects.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol
from flash_ticket.traffic.attribution.inventory import ClusterService, Pod

Described = Mapping[str, Any]

_ENDED = {"Succeeded", "Failed"}


def listed_pods(described: Iterable[Described]) -> Iterator[Pod]:
    """Yield the pods that have or had an address; one that waits for its node has none yet."""
    for pod in described:
        metadata, status = pod["metadata"], pod.get("status") or {}
        given = [each.get("ip") for each in status.get("podIPs") or ()] or [status.get("podIP")]
        addresses = tuple(_canonical(each) for each in given if each)
        if addresses:
            since = _seconds(status.get("startTime") or metadata.get("creationTimestamp"))
            yield Pod(
                _text(metadata["namespace"]),
                _text(metadata["name"]),
                _sorted(metadata.get("labels")),
                addresses,
                _canonical(status["hostIP"]) if status.get("hostIP") else "",
                since,
                _end(status, since) if status.get("phase") in _ENDED else None,
            )


def listed_services(described: Iterable[Described]) -> Iterator[ClusterService]:
    """Yield the Services; a headless one and an external name have no address, and no traffic shows one."""
    for service in described:
        metadata, spec = service["metadata"], service.get("spec") or {}
        given = spec.get("clusterIPs") or [spec.get("clusterIP")]
        yield ClusterService(
            _text(metadata["namespace"]),
            _text(metadata["name"]),
            tuple(_canonical(each) for each in given if each and each != "None"),
            _sorted(spec.get("selector")),
            tuple(_numbered(spec.get("ports") or ())),
        )


def _numbered(ports: Iterable[Described]) -> Iterator[tuple[PortRange, int]]:
    for port in ports:
        protocol, number = port.get("protocol", Protocol.TCP.value), _port(port["port"])
        target = port.get("targetPort", number)
        if isinstance(target, int) and protocol in set(Protocol):
            yield PortRange(Protocol(protocol), number, number), _port(target or number)


def _end(status: Described, since: float | None) -> float | None:
    """Return when a pod ended: its address is another's from then on.

    An evicted pod may say no time of its end: then it counts as having had its address for no time at all, so that
    nothing is laid at its door that is another's.
    """
    containers = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    finished = [((each.get("state") or {}).get("terminated") or {}).get("finishedAt") for each in containers]
    changed = [each.get("lastTransitionTime") for each in status.get("conditions") or () if each.get("type") == "Ready"]
    times = [_seconds(each) for each in finished if each] or [_seconds(each) for each in changed if each]
    return max((each for each in times if each is not None), default=since)


def _seconds(written: str | None) -> float | None:
    return datetime.fromisoformat(written).timestamp() if written else None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"a {type(value).__name__} where a text should be")


def _port(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PORT:
        return value
    raise ValueError("a port that is none")


def _canonical(address: str) -> str:
    return str(ip_address(_text(address)))


def _sorted(labels: Mapping[str, str] | None) -> Labels:
    return tuple(sorted((_text(key), _text(value)) for key, value in (labels or {}).items()))
