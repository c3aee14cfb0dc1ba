"""Pods, interfaces, Services and places with their addresses at one moment, and names for applications."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address, ip_network

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.overruling import OtherPolicy
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.ports import PortRange

APPLICATION_KEYS = ("app.kubernetes.io/name", "app", "k8s-app", "name")
"""Labels that name an application, best first (Kubernetes documentation, "Recommended Labels", and common usage)."""
_OF_ONE_ROLLOUT = {"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with its addresses.

    Attributes:
        labels: Sorted pairs.
        addresses: In canonical form; for a pod on the host network, those of its node.
        node: The address of its node; empty if it is not known.
        since: When it started, in seconds since 1970; None if it is not known.
        until: When it ended, in seconds since 1970; None while it runs.
        owner: The kind and name of what owns it; empty if nothing does, None if that was not saved.
    """

    namespace: str
    name: str
    labels: Labels
    addresses: tuple[str, ...]
    node: str
    since: float | None
    until: float | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the VPC (DescribeNetworkInterfaces).

    Attributes:
        id: ``eni-...``.
        addresses: The private addresses, in canonical form.
        groups: The ids of its security groups, sorted.
        prefixes: Delegated blocks with more addresses than a list should hold: of IPv6, a /80 (EC2 User Guide, "Prefix
            delegation"). Pods of an IPv6 cluster get their addresses from them.
    """

    id: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...]
    prefixes: tuple[Network, ...] = ()


@dataclass(frozen=True)
class Interfaces:
    """The network interfaces of a VPC by address."""

    every: tuple[Interface, ...]

    def at(self, address: str) -> Interface | None:
        """Return the interface that has an address itself or in a delegated block; None if there is none."""
        found = self._by_address.get(address)
        if found is None and self._lengths:
            try:
                parsed = ip_address(address)
            except ValueError:
                return None
            blocks = (ip_network((parsed, length), strict=False) for length in self._lengths.get(parsed.version, ()))
            found = next((self._by_prefix[block] for block in blocks if block in self._by_prefix), None)
        return found

    @cached_property
    def _by_address(self) -> Mapping[str, Interface]:
        return {address: each for each in self.every for address in each.addresses}

    @cached_property
    def _by_prefix(self) -> Mapping[Network, Interface]:
        return {block: each for each in self.every for block in each.prefixes}

    @cached_property
    def _lengths(self) -> Mapping[int, frozenset[int]]:
        """The lengths of delegated blocks by IP version."""
        versions = {block.version for block in self._by_prefix}
        return {
            each: frozenset(block.prefixlen for block in self._by_prefix if block.version == each) for each in versions
        }


@dataclass(frozen=True, slots=True)
class ClusterService:
    """A Kubernetes Service: logs of filters before DNAT show its address instead of that of a pod.

    Attributes:
        addresses: Its cluster addresses, in canonical form; a headless Service has none.
        selector: The labels of its pods, sorted pairs; empty if it selects none.
        ports: Each port of the Service with the port of the pods; named pod ports are left out.
    """

    namespace: str
    name: str
    addresses: tuple[str, ...]
    selector: Labels
    ports: tuple[tuple[PortRange, int], ...]


@dataclass(frozen=True, slots=True)
class NameRule:
    """A DNS rule of a Cilium policy: pods that it selects may ask for these names, and for no others.

    Attributes:
        policy: ``CiliumNetworkPolicy shop/pay-names``.
        place: Where it is in the policy: ``spec.egress[0].toPorts[0].rules.dns``.
        namespace: The namespace of the pods; empty for all.
        labels: Labels that the pods have; sorted pairs.
        names: The names and patterns, as they are written.
    """

    policy: str
    place: str
    namespace: str
    labels: Labels
    names: tuple[str, ...]

    def selects(self, namespace: str, labels: Labels) -> bool:
        """Return whether it may apply to a pod. Expressions of its selector are not judged here."""
        return self.namespace in {"", namespace} and set(self.labels) <= set(labels)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The addresses of one stack and what was deployed at one moment.

    Attributes:
        taken: The moment, in seconds since 1970.
        environment: The places of the binding, as found; None if only pods were saved.
        deployed: What was deployed in the cluster and the account; None if that was not saved.
        services: The Services of the cluster; empty if they were not saved.
        listed: When the first listing of pods was taken, if several were merged; None if there is only ``taken``.
        others: Policies of other APIs that may decide about the same pods; None if they were not saved.
        namespaces: The labels of the firewalled namespace, and of others if a policy selects namespaces by label.
        name_rules: The DNS rules of Cilium's policies; empty if they were not saved.
    """

    taken: float
    environment: Environment | None
    deployed: Deployed | None
    pods: tuple[Pod, ...]
    interfaces: tuple[Interface, ...]
    services: tuple[ClusterService, ...] = ()
    listed: float | None = None
    others: tuple[OtherPolicy, ...] | None = None
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    name_rules: tuple[NameRule, ...] = ()


def application_labels(labels: Labels) -> Labels:
    """Return the label that names an application; if no known one does, all labels that outlast a rollout."""
    known = dict(labels)
    return next((((key, known[key]),) for key in APPLICATION_KEYS if known.get(key)), lasting(labels))


def lasting(labels: Labels) -> Labels:
    """Return the labels that the successor of a pod has too."""
    return tuple(each for each in labels if each[0] not in _OF_ONE_ROLLOUT)


def free_name(wanted: str, taken: Container[str]) -> str:
    """Return a free name that is valid in traffic.yaml: lowercase letters, digits and dashes (RFC 1123)."""
    small = "".join(each if each.isascii() and each.isalnum() else "-" for each in wanted.lower())
    name = small.strip("-")[:56].rstrip("-") or "stranger"
    return next(each for each in _numbered(name) if each not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1
