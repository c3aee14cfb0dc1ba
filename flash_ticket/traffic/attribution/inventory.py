"""Who has which address: pods, interfaces and places at one moment, read live or from a saved file."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.ports import PortRange


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with its addresses.

    Attributes:
        labels: Sorted pairs.
        addresses: In canonical form; its node's where it runs on the host network.
        node: The address of its node; empty where it is not known.
        since: When it was started, in seconds since 1970; None where it is not known.
        until: When it ended; None while it runs.
    """

    namespace: str
    name: str
    labels: Labels
    addresses: tuple[str, ...]
    node: str
    since: float | None
    until: float | None


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the VPC (DescribeNetworkInterfaces).

    Attributes:
        id: ``eni-...``.
        addresses: In canonical form, private ones.
        groups: The ids of its security groups, sorted.
    """

    id: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterService:
    """A Kubernetes Service: logs of what filters before DNAT show its address instead of a pod's.

    Attributes:
        addresses: Its cluster addresses, in canonical form; none for a headless one.
        selector: The labels of its pods, sorted pairs; empty where it selects none.
        ports: The Service's port with the port of the pods; a named one of these is left out.
    """

    namespace: str
    name: str
    addresses: tuple[str, ...]
    selector: Labels
    ports: tuple[tuple[PortRange, int], ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """One stack's addresses and what stood at one moment.

    Attributes:
        taken: When, in seconds since 1970.
        environment: The binding's places, found; None where only pods were saved.
        deployed: What stood in the cluster and the account; None where that was not saved.
        services: The cluster's Services; empty where they were not saved.
        listed: When the first of the listings of pods was taken that this was merged from; None for ``taken`` alone.
    """

    taken: float
    environment: Environment | None
    deployed: Deployed | None
    pods: tuple[Pod, ...]
    interfaces: tuple[Interface, ...]
    services: tuple[ClusterService, ...] = ()
    listed: float | None = None


TELLING_KEYS = ("app.kubernetes.io/name", "app", "k8s-app", "name")
"""What names an application, best first (Kubernetes documentation, "Recommended Labels", and what is usual)."""

_OF_ONE_ROLLOUT = {"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"}


def telling(labels: Labels) -> Labels:
    """Return the one label that names an application; all that outlast a rollout where none is known to."""
    known = dict(labels)
    return next((((key, known[key]),) for key in TELLING_KEYS if known.get(key)), lasting(labels))


def lasting(labels: Labels) -> Labels:
    """Return the labels that a pod's successor will have too."""
    return tuple(each for each in labels if each[0] not in _OF_ONE_ROLLOUT)


def free_name(wanted: str, taken: Container[str]) -> str:
    """Return a name that traffic.yaml takes and that is not taken: small letters, digits and dashes (RFC 1123)."""
    small = "".join(each if each.isascii() and each.isalnum() else "-" for each in wanted.lower())
    name = small.strip("-")[:56].rstrip("-") or "stranger"
    return next(each for each in _numbered(name) if each not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1
