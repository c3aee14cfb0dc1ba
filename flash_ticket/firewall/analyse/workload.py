"""Workloads: the pods that policies select, as manifests declare them, with replicas counted once."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from flash_ticket.firewall.analyse.manifests import fields as field
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.terms.addresses import AddressRange, canonical_address
from flash_ticket.firewall.terms.ports import MAX_PORT, Protocol

TEMPLATE_PATHS = {
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""The path of the pod template in each kind (Kubernetes API reference, workloads)."""


_JOB_LABELS = ("job-name", "batch.kubernetes.io/job-name")
_POD_NAME, _POD_INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"
ADDED_LABELS = frozenset((*_JOB_LABELS, _POD_NAME, _POD_INDEX))
"""What the controllers of Jobs and StatefulSets add to their pods (Kubernetes documentation, well-known labels)."""


class PodNetwork(Enum):
    """Which network a pod is on."""

    POD = "pod network"
    HOST = "host network"


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A port that a container declares.

    Attributes:
        name: The name that policies and Services can use for it; None if it has no name.
    """

    name: str | None
    protocol: Protocol
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """The pods of one owner, or one pod without an owner.

    Attributes:
        namespace: The namespace of the pods.
        name: The owner's name, or the pod's.
        kind: The owner's kind, or ``Pod``.
        labels: The labels of the pods, not of the owner.
        ports: The ports that the containers declare.
        network: Whether the pods share their node's network.
        pod: The name of one pod, used if policies treat the owner's pods differently; the workload's name for a
            template.
        addresses: The addresses that the pods can have; of manifests, only the status of a running pod holds any.
        cluster_ips: The addresses that Services in front of the pods can have; empty as well.
    """

    namespace: str
    name: str
    kind: str
    labels: Mapping[str, str]
    ports: tuple[ContainerPort, ...] = ()
    network: PodNetwork = PodNetwork.POD
    pod: str = ""
    addresses: tuple[AddressRange, ...] = ()
    cluster_ips: tuple[AddressRange, ...] = ()

    def __str__(self) -> str:
        """Return ``shop/api[Deployment]``."""
        return f"{self.namespace}/{self.name}[{self.kind}]"

    def numbers_of(self, name: str, protocol: Protocol) -> tuple[int, ...]:
        """Return the port numbers of a named port on these pods, usually one or none."""
        return tuple(sorted({port.number for port in self.ports if port.name == name and port.protocol == protocol}))


def read_workload(body: Mapping[str, object], namespace: str, name: str, place: FieldPath) -> Workload:
    """Return the workload that a Pod or an object with a pod template declares.

    A pod belongs to the owner that controls it, unless that owner is its node (static pods).

    Raises:
        InputError: A field that matters here has the wrong type.
    """
    kind = str(body["kind"])
    if kind == "Pod":
        metadata = field.mapping(body.get("metadata"), "metadata", place)
        owner = _controller(metadata, place)
        labels = field.strings(metadata.get("labels"), "metadata.labels", place)
        spec = field.mapping(body.get("spec"), "spec", place)
        owner_name, owner_kind = owner or (name, kind)
        addresses = () if spec.get("hostNetwork") is True else _addresses(body.get("status"))
        pod = Workload(namespace, owner_name, owner_kind, labels, pod=name, addresses=addresses)
        return _of_pod(spec, "spec", pod, place)
    template, path = body, ""
    for step in TEMPLATE_PATHS[kind]:
        path = f"{path}.{step}".lstrip(".")
        template = field.mapping(template.get(step), path, place)
    metadata = field.mapping(template.get("metadata"), f"{path}.metadata", place)
    labels = field.strings(metadata.get("labels"), f"{path}.metadata.labels", place)
    spec = field.mapping(template.get("spec"), f"{path}.spec", place)
    return _of_pod(spec, f"{path}.spec", Workload(namespace, name, kind, labels, pod=name), place)


def _addresses(status: object) -> tuple[AddressRange, ...]:
    """Return the addresses in a pod's status; a file that people wrote has none, and other content means none."""
    if not isinstance(status, Mapping):
        return ()
    listed = status.get("podIPs")
    given = [each.get("ip") for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    found = []
    for each in given or [status.get("podIP")]:
        with suppress(ValueError):
            found.append(AddressRange.of(canonical_address(str(each))))
    return tuple(found)


def replicas(body: Mapping[str, object], place: FieldPath) -> range:
    """Return the ordinals of a StatefulSet's pods.

    Raises:
        InputError: A number is none.
    """
    spec = field.mapping(body.get("spec"), "spec", place)
    ordinals = field.mapping(spec.get("ordinals"), "spec.ordinals", place)
    start = _count(ordinals.get("start"), 0, "spec.ordinals.start", place)
    return range(start, start + _count(spec.get("replicas"), 1, "spec.replicas", place))


def _count(value: object, default: int, path: str, place: FieldPath) -> int:
    if value is None:
        return default
    if type(value) is not int or not 0 <= value < 1 << 31:
        place.fail(path, f"{field.shown(value)} is not a count", "Write a whole number from 0")
    return value


def of_job(workload: Workload) -> Workload:
    """Return the pods of a Job, with the labels that its controller adds."""
    return replace(workload, labels={**workload.labels, **dict.fromkeys(_JOB_LABELS, workload.name)})


def replica(workload: Workload, ordinal: int) -> Workload:
    """Return one pod of a StatefulSet, with the labels that its controller adds."""
    name = f"{workload.name}-{ordinal}"
    return replace(workload, pod=name, labels={**workload.labels, _POD_NAME: name, _POD_INDEX: str(ordinal)})


def _controller(metadata: Mapping[str, object], place: FieldPath) -> tuple[str, str] | None:
    if "ownerReferences" not in metadata:
        return None
    for path, reference in field.mappings(metadata["ownerReferences"], "metadata.ownerReferences", place):
        if reference.get("controller") is True:
            kind = reference.get("kind") or "Pod"
            return None if kind == "Node" else (field.text(reference.get("name"), f"{path}.name", place), str(kind))
    return None


def _of_pod(spec: Mapping[str, object], path: str, pod: Workload, place: FieldPath) -> Workload:
    network = PodNetwork.HOST if spec.get("hostNetwork") is True else PodNetwork.POD
    ports: list[ContainerPort] = []
    for at, container in field.mappings(spec.get("containers"), f"{path}.containers", place):
        ports.extend(_ports(container, at, place))
    if "initContainers" in spec:
        for at, container in field.mappings(spec["initContainers"], f"{path}.initContainers", place):
            if container.get("restartPolicy") == "Always":  # a sidecar, which keeps running with the containers
                ports.extend(_ports(container, at, place))
    return replace(pod, ports=tuple(ports), network=network)


def _ports(container: Mapping[str, object], path: str, place: FieldPath) -> list[ContainerPort]:
    found: list[ContainerPort] = []
    for at, port in field.mappings(container.get("ports"), f"{path}.ports", place):
        number = port.get("containerPort")
        if number is None:
            continue  # without a number, the port cannot be reached or named
        if type(number) is not int or not 1 <= number <= MAX_PORT:
            place.fail(f"{at}.containerPort", f"{field.shown(number)} is not a port", f"Write 1 to {MAX_PORT}")
        name = port.get("name")
        found.append(
            ContainerPort(
                None if name is None else field.text(name, f"{at}.name", place),
                read_protocol(port.get("protocol"), f"{at}.protocol", place),
                number,
            )
        )
    return found


def read_protocol(value: object, path: str, place: FieldPath) -> Protocol:
    """Return the protocol of a port; TCP if the port names none.

    Raises:
        InputError: Kubernetes does not know the protocol.
    """
    if value is None:
        return Protocol.TCP
    try:
        return Protocol(field.text(value, path, place))
    except ValueError:
        place.fail(path, f"unknown protocol {field.shown(value)}", f"Use {', '.join(Protocol)}")
