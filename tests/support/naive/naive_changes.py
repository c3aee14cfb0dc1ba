"""What a change of NetworkPolicies opens and closes, by asking the naive evaluator about one connection at a time.

The questions cover one of each kind: every endpoint of the matrix, undeclared endpoints, a pod or interface for each
selector and group in either output, and addresses and ports inside and just outside every range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

from flash_ticket.firewall.bind.environment import Environment, LoadBalancer, PrefixList
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.ports import MAX_PORT, Protocol
from tests.support.mutants.mutations import Compiled
from tests.support.mutants.policy_mutations import Manifest
from tests.support.naive.naive_evaluator import Address, Pod, Question, isolates, side_passes

Names = frozenset[str]
"""The names that the matrix or the proof may give an endpoint; empty if it has none."""

_End = tuple[Names, Pod | Address]
_NAME = "kubernetes.io/metadata.name"
_CONTAINER_PORTS = ({"name": "http", "containerPort": 7777},)
_FAR = ("198.51.100.200", "2001:db8:ffff::1")
NOBODY: Names = frozenset()


class Effect(StrEnum):
    """What a change has an effect on."""

    NONE = "nothing"
    ONE_END = "one end, the other still denies it"
    REACHABILITY = "the allowed connections"


@dataclass(frozen=True, slots=True)
class Changed:
    """A connection that one end or the whole layer now allows or denies, and did not before."""

    source: Names
    destination: Names
    protocol: Protocol
    port: int
    effect: Effect
    opened: bool


def pod_changes(before: Compiled, after: Compiled) -> Iterator[Changed]:
    """Yield every connection that the pod layer treats differently."""
    old, new = before.manifests, after.manifests
    differing = [each for each in (*old, *new) if not (each in old and each in new)]
    pods: list[_End] = [
        *named_pods(before),
        *((NOBODY, pod) for pod in _meant_pods(differing, before.matrix.namespace)),
    ]
    hosts: list[_End] = [
        (at(before, address), Address(address)) for address in addresses(before.environment, _blocks(differing))
    ]
    asked_ports = list(ports(_bounds((*old, *new))))
    source_policies, target_policies = (
        [[_governing(policies, end, way) for policies in (old, new, differing)] for _, end in (*pods, *hosts)]
        for way in ("Egress", "Ingress")
    )
    for ((source, one), leaving), ((destination, other), entering) in product(
        zip((*pods, *hosts), source_policies, strict=True), zip((*pods, *hosts), target_policies, strict=True)
    ):
        if not (leaving[-1] or entering[-1]):
            continue  # no changed policy governs either end
        for protocol, port in asked_ports:
            asked = Question(one, other, protocol, port)
            egress, ingress = _at_both_times(leaving, "Egress", asked), _at_both_times(entering, "Ingress", asked)
            if any(end and end[0] != end[1] for end in (egress, ingress)):
                # An end that no changed policy governs answers alike at both times; most pairs need no such question.
                out = egress or (side_passes(leaving[0], "Egress", asked),) * 2
                into = ingress or (side_passes(entering[0], "Ingress", asked),) * 2
                was, now = zip(out, into, strict=True)
                effect = Effect.ONE_END if all(was) == all(now) else Effect.REACHABILITY
                opened = any(after and not before for before, after in zip(was, now, strict=True))
                yield Changed(source, destination, protocol, port, effect, opened=opened)


def _at_both_times(governing: Sequence[list[Manifest]], way: str, asked: Question) -> tuple[bool, bool] | None:
    """Return whether the policies before and after let one end pass; None if no changed policy governs it."""
    old, new, differing = governing
    return (side_passes(old, way, asked), side_passes(new, way, asked)) if differing else None


def _governing(policies: Sequence[Manifest], endpoint: Pod | Address, direction: str) -> list[Manifest]:
    return [each for each in policies if isinstance(endpoint, Pod) and isolates(each, endpoint, direction)]


def _pod(namespace: str, labels: Mapping[str, str], of_namespace: Mapping[str, str] | None = None) -> Pod:
    return Pod(namespace, of_namespace or {_NAME: namespace}, dict(labels), _CONTAINER_PORTS)


def firewalled(matrix: Matrix) -> set[str]:
    """Return the namespaces of a matrix."""
    return {matrix.namespace, *(service.namespace for service in matrix.services if service.namespace)}


def named_pods(compiled: Compiled) -> Iterator[tuple[Names, Pod]]:
    matrix = compiled.matrix
    for service in matrix.services:
        yield frozenset({service.name}), _pod(service.namespace or matrix.namespace, dict(service.pods))
    for external in matrix.externals:
        if external.namespace:
            yield frozenset({external.name}), _pod(external.namespace, dict(external.pods))
    yield frozenset({"DNS"}), _pod("kube-system", {"k8s-app": "kube-dns"})
    for namespace in firewalled(matrix):
        yield frozenset({f"another pod of {namespace}"}), _pod(namespace, {})
    yield frozenset({"a pod elsewhere in the cluster"}), _pod("elsewhere", {})


def _meant_pods(policies: Sequence[Manifest], namespace: str) -> list[Pod]:
    """Return pods that selectors match or almost match: each set of labels in each namespace."""
    selectors = [*_found(policies, "podSelector"), {}]
    wheres = [{_NAME: name} for name in (namespace, "elsewhere", *(each["metadata"]["namespace"] for each in policies))]
    wheres += [each for selector in _found(policies, "namespaceSelector") for each in labels(selector)]
    pods = [
        _pod(where.get(_NAME, "elsewhere"), each, {_NAME: "elsewhere", **where})
        for where in wheres
        for selector in selectors
        for each in labels(selector)
    ]
    return list({repr(pod): pod for pod in pods}.values())


def labels(selector: Manifest) -> Iterator[dict[str, str]]:
    every = dict(selector.get("matchLabels", {}))
    yield every
    for key in every:
        yield {other: every[other] for other in every if other != key}
        yield {**every, key: "another"}
    for expression in selector.get("matchExpressions", []):
        for value in (*expression.get("values", ()), "another"):
            yield {**every, expression["key"]: value}


def _found(value: Any, key: str) -> Iterator[Any]:  # noqa: ANN401 - any part of a manifest
    """Yield every value of a key, at any depth."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _found(each, key)


def _blocks(policies: Sequence[Manifest]) -> list[Network]:
    excepted = (each for found in _found(policies, "except") for each in found)
    return [ip_network(each) for each in (*_found(policies, "cidr"), *excepted)]


def addresses(environment: Environment, blocks: Sequence[Network]) -> list[str]:
    """Return the first and last address of each network, the addresses next to them, and some addresses elsewhere."""
    networks = [*environment.vpc_networks, *environment.cluster.resolvers, *_clients(environment), *blocks]
    for _, place in environment.places:
        networks += place.networks
    found = set(_FAR)
    for network in networks:
        first, last = int(network[0]), int(network[-1])
        highest = (1 << network.max_prefixlen) - 1
        found |= {str(type(network[0])(each)) for each in (first - 1, first, last, last + 1) if 0 <= each <= highest}
    return sorted(found)


def _clients(environment: Environment) -> tuple[Network, ...]:
    found: list[Network] = []
    for front in environment.load_balancers:
        found += _of(front)
    return tuple(found)


def _of(front: LoadBalancer) -> tuple[Network, ...]:
    return front.clients.networks if isinstance(front.clients, PrefixList) else front.clients


def at(compiled: Compiled, address: str) -> Names:
    """Return the names of the places that contain an address."""
    environment = compiled.environment
    known = {name: place.networks for name, place in environment.places}
    known |= {f"clients of {front.external}": _of(front) for front in environment.load_balancers}
    known["DNS on the node"] = environment.cluster.resolvers
    known["another host of the VPC"] = environment.vpc_networks
    names = {name for name, networks in known.items() if any(ip_address(address) in each for each in networks)}
    return frozenset(names or {"the internet"})


def _bounds(policies: Sequence[Manifest]) -> Iterator[tuple[int, int]]:
    for entries in _found(policies, "ports"):
        for entry in entries:
            if isinstance(entry.get("port"), int):
                yield entry["port"], entry.get("endPort", entry["port"])


def ports(bounds: Iterator[tuple[int, int]]) -> Iterator[tuple[Protocol, int]]:
    """Yield the first port of each range that no bound cuts."""
    firsts = {1, 7777} | {each for first, last in bounds for each in (first, last + 1) if each <= MAX_PORT}
    return product(Protocol, sorted(firsts))
