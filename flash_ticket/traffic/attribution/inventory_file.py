"""Inventory files: written and read back completely, or read from the output of kubectl."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS
from flash_ticket.firewall.declare.matrix import Labels, Matrix
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol
from flash_ticket.firewall.terms.regular_file import read_regular
from flash_ticket.traffic.attribution.inventory import ClusterService, Inventory, Pod
from flash_ticket.traffic.attribution.name_rules import LISTS, listed_name_rules

_ENDED = {"Succeeded", "Failed"}

_FORMAT = "flash-firewall inventory 1"
_HOW = "Save one with flash-firewall inventory, or with kubectl get pods,services -A -o json"
_LARGEST_BYTES = 1 << 30
"""More than a list of 100,000 pods."""

_NOTHING_DECLARED = Matrix("", (), (), ())


@cache
def _adapter() -> TypeAdapter[Inventory]:
    """Return what reads and writes inventories; a preview does without, as making it takes longer than the proof."""
    return TypeAdapter(Inventory)


def listed_pods(described: Iterable[Described]) -> Iterator[Pod]:
    """Yield the pods that have or had an address; a pod without a node has none yet."""
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
                _owner(metadata.get("ownerReferences") or ()),
            )


def _owner(references: Iterable[Described]) -> str:
    """Return the owner of a pod; a static pod names its node."""
    found = [each for each in references if each.get("kind") != "Node"]
    return f"{_text(found[0]['kind'])}/{_text(found[0]['name'])}" if found else ""


def listed_services(described: Iterable[Described]) -> Iterator[ClusterService]:
    """Yield the Services; headless ones and external names have no address that traffic could show."""
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
    """Return when a pod ended: from then on another pod may have its address.

    The status of an evicted pod may contain no end. Then the pod counts as ended when it started, so that no traffic of
    another pod is attributed to it.
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
    raise TypeError(f"expected a text, found a {type(value).__name__}")


def _port(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PORT:
        return value
    raise ValueError("an invalid port")


def _canonical(address: str) -> str:
    return str(ip_address(_text(address)))


def _sorted(labels: Mapping[str, str] | None) -> Labels:
    return tuple(sorted((_text(key), _text(value)) for key, value in (labels or {}).items()))


def inventory_json(inventory: Inventory) -> str:
    """Return an inventory as the text of a file for ``read_inventory``."""
    return json.dumps({"format": _FORMAT, "inventory": _adapter().dump_python(inventory, mode="json")}, indent=1) + "\n"


def read_inventory(path: Path) -> Inventory:
    """Return a saved inventory, or the pods and Services in a list from the API server.

    Such a list does not contain the time of its creation, so the file's modification time counts.

    Raises:
        InputError: The file cannot be read, or is neither.
    """
    try:
        content = json.loads(read_regular(path, _LARGEST_BYTES))
        modified = path.stat().st_mtime
    except OSError as error:
        raise InputError(str(path), "", f"it cannot be read ({error.strerror})", "Name a saved inventory") from None
    except (ValueError, RecursionError):
        raise InputError(str(path), "", "it is not JSON", _HOW) from None
    if isinstance(content, dict) and content.get("format") == _FORMAT:
        return _saved(content.get("inventory"), str(path))
    items = content.get("items") if isinstance(content, dict) else None
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise InputError(str(path), "", "it is neither an inventory nor a list of objects", _HOW)
    return _listed(items, modified, str(path))


def _saved(content: object, source: str) -> Inventory:
    try:
        found = _adapter().validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(("inventory", *map(str, first["loc"])))
        raise InputError(source, key, first["msg"], "Save it again") from None
    _refuse_unreadable(found, source)
    return found


def _refuse_unreadable(inventory: Inventory, source: str) -> None:
    """Check that places have addresses, and that deployed objects are saved in the form that the two APIs return."""
    if inventory.environment and not all(place.networks for _, place in inventory.environment.places):
        raise InputError(source, "inventory.environment.places", "a place has no addresses", "Save it again")
    for number, policy in enumerate(inventory.others or ()):
        if policy.api not in OVERRULING_APIS:
            problem = f"no policies of {shown(policy.api.kind)} of {shown(policy.api.group)} are read here"
            raise InputError(source, f"inventory.others.{number}.api", problem, "Save it again")
    if not inventory.deployed or not inventory.environment:
        return
    try:
        layers = inventory.deployed.layers(_NOTHING_DECLARED, inventory.environment)
        _ = layers.pod_permissions, hash(layers.firewall.rules)
        for rule in layers.firewall.rules:
            if not 1 <= rule.ports.first <= rule.ports.last <= MAX_PORT:
                raise ValueError(f"{rule.ports} is not a range of ports")  # noqa: TRY301 - reported like the others
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        problem = f"an object is not in the form that the APIs return ({type(error).__name__}: {error})"
        raise InputError(source, "inventory.deployed", problem, "Save it again") from None


def _listed(items: list[Mapping[str, Any]], taken: float, source: str) -> Inventory:
    try:
        pods = tuple(listed_pods(each for each in items if each.get("kind") == "Pod"))
        services = tuple(listed_services(each for each in items if each.get("kind") == "Service"))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(
            source, "items", f"an object is not in the form that Kubernetes returns ({error})", _HOW
        ) from None
    if not pods and not services:
        raise InputError(source, "items", "it contains no pod with an address", _HOW)
    rules = (listed_name_rules(kind, (each for each in items if each.get("kind") == kind)) for kind, _ in LISTS)
    return Inventory(taken, None, None, pods, (), services, name_rules=tuple(chain.from_iterable(rules)))
