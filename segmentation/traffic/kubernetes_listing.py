"""Pods and Services as the API server lists them, as far as the attribution of addresses needs them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from segmentation.matrix import Labels
from segmentation.port import MAX_PORT, PortRange, Protocol
from segmentation.traffic.inventory import ClusterService, Pod

Described = Mapping[str, Any]

_ENDED = {"Succeeded", "Failed"}


def pods_in(items: Iterable[Described]) -> Iterator[Pod]:
    """Yield each pod that has an address.

    An ended pod has given its address back when its last container finished (Kubernetes API reference, Pod v1,
    ContainerStateTerminated); where that is not told it is never sure to have had it.

    Args:
        items: Pods as ``GET /api/v1/pods`` or ``kubectl get pods -o json`` list them; other kinds are read past.
    """
    for item in items:
        status, spec = item.get("status") or {}, item.get("spec") or {}
        told = [each.get("ip") for each in status.get("podIPs") or ()] or [status.get("podIP")]
        addresses = tuple(sorted({address for each in told if (address := _address(each))}))
        if item.get("kind", "Pod") != "Pod" or not addresses:
            continue
        node = _address(status.get("hostIP"))
        since = _seconds(status.get("startTime"))
        until = _ended(status, since) if status.get("phase") in _ENDED else None
        of = item["metadata"]
        if spec.get("hostNetwork") and node not in addresses:
            node = addresses[0]
        yield Pod(of.get("namespace", "default"), of["name"], _labels(of.get("labels")), addresses, node, since, until)


def services_in(items: Iterable[Described]) -> Iterator[ClusterService]:
    """Yield each Service that has a cluster address.

    Args:
        items: Services as the API server lists them; other kinds are read past.
    """
    for item in items:
        spec = item.get("spec") or {}
        told = spec.get("clusterIPs") or [spec.get("clusterIP")]
        addresses = tuple(sorted({address for each in told if (address := _address(each))}))
        if item.get("kind", "Service") != "Service" or not addresses:
            continue
        of = item["metadata"]
        ports = tuple(sorted(_ports(spec.get("ports") or ())))
        yield ClusterService(
            of.get("namespace", "default"), of["name"], addresses, _labels(spec.get("selector")), ports
        )


def _ports(described: Iterable[Described]) -> Iterator[tuple[PortRange, int]]:
    for each in described:
        number, protocol = each.get("port"), each.get("protocol", "TCP")
        target = each.get("targetPort") or number
        if isinstance(number, int) and isinstance(target, int) and 0 < number <= MAX_PORT and protocol in set(Protocol):
            yield PortRange(Protocol(protocol), number, number), target


def _ended(status: Described, since: float | None) -> float:
    finished = [
        seconds
        for each in status.get("containerStatuses") or ()
        if (seconds := _seconds(((each.get("state") or {}).get("terminated") or {}).get("finishedAt"))) is not None
    ]
    return max(finished, default=since or 0)


def _labels(told: Mapping[str, str] | None) -> Labels:
    return tuple(sorted((told or {}).items()))


def _address(told: str | None) -> str:
    try:
        return str(ip_address(told or ""))
    except ValueError:  # a headless Service says None
        return ""


def _seconds(told: str | None) -> float | None:
    try:
        return datetime.fromisoformat(told).timestamp() if told else None
    except ValueError:
        return None
