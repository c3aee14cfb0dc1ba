"""NetworkPolicies with their selectors resolved, as the network policy agent of AWS reads them.

On EKS a controller in the control plane writes PolicyEndpoints. This module makes the same of a policy:

* A pod peer becomes the addresses of its pods. An ipBlock goes over as it is, so that it means pods by their addresses
  like any other host. A rule without peers means every address.
* Ports by name are those of the selected pods for ingress, and those of the peer's pods for egress. An ipBlock has
  none: they are left out there, and a rule that is left without ports opens nothing.
* The agent judges egress before a Service's address is translated. So a pod peer of an egress rule also means the
  ClusterIPs of the Services whose selector the peer's matches, on the Services' own ports.
* A policy without rules still has an object: it isolates. More than 200 entries go into further objects.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]
Entry = dict[str, Any]

MOST_ENTRIES = 200
"""How many entries of one direction an object holds."""

_EVERYWHERE = ("0.0.0.0/0", "::/0")
_ENDED = {"Succeeded", "Failed"}


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """What selectors are resolved against.

    Attributes:
        pods: All pods.
        namespaces: The labels of each namespace, by its name.
        services: All Services.
    """

    pods: tuple[Object, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    services: tuple[Object, ...] = ()


def policy_endpoints(policy: Object, cluster: ClusterObjects) -> list[dict[str, Any]]:
    """Return the spec of each PolicyEndpoint of a NetworkPolicy, always in the same order."""
    return _Resolution(policy, cluster).specs()


@dataclass(frozen=True, slots=True)
class _Resolution:
    policy: Object
    cluster: ClusterObjects

    def specs(self) -> list[dict[str, Any]]:
        metadata, spec = self.policy["metadata"], self.policy["spec"]
        directions = _directions(spec)
        selected = self._selected()
        ingress = _merged(self._ingress(selected)) if "Ingress" in directions else []
        egress = _merged(self._egress()) if "Egress" in directions else []
        pods = sorted((_pod_endpoint(pod) for pod in selected), key=lambda pod: str(pod["name"]))
        lists = [_chunks(entries) for entries in (pods, ingress, egress)]
        found = []
        for number in range(max(1, *map(len, lists))):
            pods, ingress, egress = (each[number] if number < len(each) else [] for each in lists)
            found.append(
                {
                    "podSelector": spec.get("podSelector") or {},
                    "policyRef": {"name": metadata["name"], "namespace": metadata["namespace"]},
                    "podIsolation": directions,
                    "podSelectorEndpoints": pods,
                    "ingress": ingress,
                    "egress": egress,
                }
            )
        return found

    def _selected(self) -> list[Object]:
        spec, namespace = self.policy["spec"], self.policy["metadata"]["namespace"]
        return [pod for pod in self._within([namespace]) if selects(spec.get("podSelector"), _labels(pod))]

    def _ingress(self, selected: Sequence[Object]) -> Iterator[Entry]:
        for rule in self.policy["spec"].get("ingress") or ():
            ports = rule.get("ports") or []
            on_pods = [entry for pod in selected for entry in _on(ports, pod)]
            for peer in rule.get("from") or ():
                if "ipBlock" in peer:
                    yield from _block(peer["ipBlock"], ports)
                else:
                    for pod in self._named(peer):
                        yield from _entry(_address(pod), ports, on_pods)
            if not rule.get("from"):
                for everywhere in _EVERYWHERE:
                    yield from _entry(everywhere, ports, on_pods)

    def _egress(self) -> Iterator[Entry]:
        for rule in self.policy["spec"].get("egress") or ():
            ports = rule.get("ports") or []
            for peer in rule.get("to") or ():
                if "ipBlock" in peer:
                    yield from _block(peer["ipBlock"], ports)
                    continue
                for pod in self._named(peer):
                    yield from _entry(_address(pod), ports, _on(ports, pod))
                yield from self._through_services(peer, ports)
            if not rule.get("to"):
                for everywhere in _EVERYWHERE:
                    yield from _block({"cidr": everywhere}, ports)

    def _through_services(self, peer: Object, ports: Sequence[Object]) -> Iterator[Entry]:
        namespaces = set(self._namespaces(peer))
        for service in self.cluster.services:
            spec, namespace = service["spec"], service["metadata"]["namespace"]
            address, selector = spec.get("clusterIP"), spec.get("selector")
            if namespace not in namespaces or not selector or address in (None, "", "None"):
                continue
            if not selects(peer.get("podSelector"), selector):
                continue
            behind = [pod for pod in self._within([namespace]) if selects({"matchLabels": selector}, _labels(pod))]
            opened = [
                {"protocol": each.get("protocol", "TCP"), "port": each["port"]}
                for each in spec.get("ports") or ()
                if any(_opens(entry, each, pod) for pod in behind for entry in _on(ports, pod))
            ]
            yield from _entry(address, ports, opened)

    def _named(self, peer: Object) -> list[Object]:
        pods = self._within(self._namespaces(peer))
        return [pod for pod in pods if selects(peer.get("podSelector"), _labels(pod))]

    def _namespaces(self, peer: Object) -> list[str]:
        if "namespaceSelector" not in peer:
            return [self.policy["metadata"]["namespace"]]
        selector = peer["namespaceSelector"]
        return [name for name, labels in self.cluster.namespaces.items() if selects(selector, labels)]

    def _within(self, namespaces: Iterable[str]) -> list[Object]:
        wanted = set(namespaces)
        return [pod for pod in self.cluster.pods if pod["metadata"]["namespace"] in wanted and _is_there(pod)]


def selects(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector matches labels; an empty one matches all."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(each, labels) for each in selector.get("matchExpressions") or ())


def _meets(requirement: Object, labels: Mapping[str, str]) -> bool:
    key, values = requirement["key"], requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _directions(spec: Object) -> list[str]:
    """Return the policyTypes; left out, they are Ingress, and Egress where there is a rule of it."""
    return list(spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])])


def _labels(pod: Object) -> Mapping[str, str]:
    return pod["metadata"].get("labels") or {}


def _address(pod: Object) -> str:
    return str(pod["status"]["podIP"])


def _is_there(pod: Object) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in _ENDED


def _pod_endpoint(pod: Object) -> Entry:
    metadata, status = pod["metadata"], pod["status"]
    return {
        "hostIP": status.get("hostIP", ""),
        "podIP": status["podIP"],
        "name": metadata["name"],
        "namespace": metadata["namespace"],
    }


def _on(ports: Sequence[Object], pod: Object) -> list[Entry]:
    """Return a rule's ports on one pod, by number."""
    found = []
    for each in ports:
        protocol, port = each.get("protocol", "TCP"), each.get("port")
        if isinstance(port, str):
            found += [{"protocol": protocol, "port": number} for number in _numbers(port, protocol, pod)]
        else:
            found.append(_numbered(each))
    return found


def _numbered(port: Object) -> Entry:
    return {"protocol": "TCP", **{key: port[key] for key in ("protocol", "port", "endPort") if port.get(key)}}


def _numbers(name: str, protocol: str, pod: Object) -> list[int]:
    spec = pod.get("spec") or {}
    containers = [*(spec.get("containers") or ()), *_sidecars(spec)]
    return [
        port["containerPort"]
        for container in containers
        for port in container.get("ports") or ()
        if port.get("name") == name and port.get("protocol", "TCP") == protocol
    ]


def _sidecars(spec: Object) -> list[Object]:
    return [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]


def _opens(entry: Entry, service_port: Object, pod: Object) -> bool:
    """Return whether a rule's port on a pod is where a Service's port leads."""
    protocol = service_port.get("protocol", "TCP")
    target: int | str = service_port.get("targetPort", service_port["port"])
    numbers = _numbers(target, protocol, pod) if isinstance(target, str) else [target]
    if entry["protocol"] != protocol:
        return False
    if "port" not in entry:
        return True
    first: int = entry["port"]
    last: int = entry.get("endPort", first)
    return any(first <= number <= last for number in numbers)


def _block(block: Object, ports: Sequence[Object]) -> Iterator[Entry]:
    numbered = [_numbered(each) for each in ports if not isinstance(each.get("port"), str)]
    for entry in _entry(block["cidr"], ports, numbered):
        if block.get("except"):
            entry["except"] = list(block["except"])
        yield entry


def _entry(address: str, ports: Sequence[Object], on_peer: Iterable[Entry]) -> Iterator[Entry]:
    """Yield what opens a rule's ports to an address; nothing where the rule has ports and none is left."""
    if not ports:
        yield {"cidr": address}
    elif found := list(on_peer):
        yield {"cidr": address, "ports": found}


def _merged(entries: Iterable[Entry]) -> list[Entry]:
    """Return one entry for each block of addresses; without ports it opens all."""
    found: dict[tuple[str, tuple[str, ...]], dict[tuple[tuple[str, Any], ...], Entry] | None] = {}
    for entry in entries:
        key = (entry["cidr"], tuple(entry.get("except", ())))
        if "ports" not in entry:
            found[key] = None
        elif (ports := found.setdefault(key, {})) is not None:
            ports |= {tuple(sorted(each.items())): each for each in entry["ports"]}
    return [
        {
            "cidr": cidr,
            **({"except": list(excepted)} if excepted else {}),
            **({"ports": [ports[key] for key in sorted(ports, key=repr)]} if ports is not None else {}),
        }
        for (cidr, excepted), ports in sorted(found.items(), key=lambda item: item[0])
    ]


def _chunks(entries: Sequence[Entry]) -> list[list[Entry]]:
    return [list(entries[first : first + MOST_ENTRIES]) for first in range(0, len(entries), MOST_ENTRIES)]
