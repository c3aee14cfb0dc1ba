"""Holds what packets do against what the analyzer says, for every pair of ends and every port in play."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flash_ticket.firewall.analyse.cluster import AnalysedCluster, cluster_from
from flash_ticket.firewall.analyse.enforcement import Enforcement, Way
from flash_ticket.firewall.analyse.reachability import Party, Reachability
from flash_ticket.firewall.analyse.selection import HostNetwork
from flash_ticket.firewall.analyse.workload import PodNetwork, Workload
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import DNS_PORTS, MAX_PORT, PortRange, PortSet, Protocol, tcp, udp
from flash_ticket.firewall.terms.verdict import Layer, Verdict
from lab.node.network import NODE_NAMESPACE
from lab.node.node import Node
from lab.node.programs import NodeError
from lab.packets.agent_log import Denial, Logged, denial, logged, wait_until_quiet
from lab.packets.connections import Answer, Attempt, attempt_all
from lab.packets.world import End, World
from lab.toolchain.node_kits import Enforcer

_UNDECLARED = (tcp(9), udp(9))
_SECONDS = 2.2  # a lost SYN is sent again after one
_SAME_SECONDS, _MOST_SECONDS = 20.0, 120.0
_OPEN_SECONDS, _PAUSE_SECONDS = 30.0, 0.3
_ENFORCEMENT = {
    Enforcer.AWS: Enforcement.BEFORE_SERVICES,
    Enforcer.KUBE_ROUTER: Enforcement.AFTER_SERVICES,
    Enforcer.CILIUM: Enforcement.IDENTITIES,
}
_TRIED = {Protocol.TCP, Protocol.UDP}


@dataclass(frozen=True, slots=True)
class Question:
    """One connection that packets and analyzer are both asked about.

    Attributes:
        by_service: The address of the destination's Service, where it is tried; else the destination's own is.
    """

    source: End
    destination: End
    port: PortRange
    by_service: str = ""

    def __str__(self) -> str:
        """Return ``api => pay : TCP 3100 by its Service``."""
        return f"{self.source.name} => {self.destination.name} : {self.port} {self.way}"

    @property
    def way(self) -> str:
        """The address that the destination is called by, in words."""
        return "by its Service" if self.by_service else "by its address"

    @property
    def attempt(self) -> Attempt:
        """What is tried."""
        return Attempt(self.source.namespace, self.by_service or self.destination.address, self.port)


@dataclass(frozen=True, slots=True)
class Difference:
    """A connection on which packets and analyzer do not agree."""

    question: Question
    answer: Answer
    verdict: Verdict

    def row(self) -> dict[str, Any]:
        """Return it for a table."""
        return {
            "source": self.question.source.name,
            "destination": self.question.destination.name,
            "port": str(self.question.port),
            "way": self.question.way,
            "packets": str(self.answer),
            "analyzer": "passes" if self.verdict.passes else "stopped",
            "because": "; ".join(map(str, self.verdict.deciding)),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of one declaration.

    Attributes:
        ends: How many there are.
        ports: How many are in play.
        tried: How many connections were tried.
        passing: How many of them the analyzer lets through.
        differences: Those on which both do not agree, once the policies are in force.
        unsaid: Those that pass although the proof, which knows no single address, says that no address of them can.
        looks: How often everything was tried: policies take a moment.
        logged: What the agent of AWS logged of the last look; None with another enforcer.
    """

    ends: int
    ports: int
    tried: int
    passing: int
    differences: tuple[Difference, ...]
    unsaid: tuple[str, ...]
    looks: int
    logged: Logged | None = None


@dataclass(slots=True)
class Oracle:
    """Compares declarations on one node, one after the other."""

    node: Node
    world: World
    generation: int = 0

    def compare(
        self, firewall: CompiledFirewall, in_force: Callable[[Sequence[End]], None] | None = None
    ) -> Comparison:
        """Deploy a declaration's pod layer, try everything, take it away, and return what differs.

        Args:
            firewall: The declaration.
            in_force: Called with all ends once everything has been tried, before the policies are taken away.

        Raises:
            NodeError: The node is not as it must be; before the policies stand, everything has to connect.
        """
        self.generation += 1
        layers = firewall.layers()
        ports = ports_in_play(firewall)
        ends = self.world.make(layers, ports, self.generation)
        questions = list(_questions(ends, ports))
        self._require_open(questions)
        policies = [policy.manifest() for policy in firewall.deployed_pods.policies]
        for manifest in policies:
            self.node.api.apply(manifest)
        analyzer = Analyzer(cluster_from([*self.world.objects, *policies], "the node"), ends, self.node.enforcer)
        says = [analyzer.verdict(each) for each in questions]
        found, looks, since = self._look(questions, says)
        is_logged = self.node.enforcer is Enforcer.AWS
        log = logged(_stopped(questions, says, found), ports, since) if is_logged else None
        if in_force:
            in_force(ends)
        for manifest in policies:
            self.node.api.delete(manifest)
        self.world.clear()
        self.node.check()
        differences = tuple(Difference(questions[number], answer, says[number]) for number, answer in found.items())
        passing = [
            question
            for number, (question, verdict) in enumerate(zip(questions, says, strict=True))
            if (found[number].passes if number in found else verdict.passes)
        ]
        unsaid = tuple(str(each) for each in passing if not _is_said(layers, each))
        count = sum(verdict.passes for verdict in says)
        return Comparison(len(ends), len(ports), len(questions), count, differences, unsaid, looks, log)

    def _require_open(self, questions: Sequence[Question]) -> None:
        left, end = list(questions), time.monotonic() + _OPEN_SECONDS
        while time.monotonic() < end:
            answers = attempt_all([each.attempt for each in left], _SECONDS)
            left = [each for each, answer in zip(left, answers, strict=True) if not answer.passes]
            if not left:
                return
            time.sleep(_PAUSE_SECONDS)  # kube-proxy needs a moment for Services
        raise NodeError(f"before any policy {len(left)} connections fail, such as {left[0]}")

    def _look(self, questions: Sequence[Question], says: Sequence[Verdict]) -> tuple[dict[int, Answer], int, float]:
        """Return the answers that differ, by their questions' numbers, how many looks it took, and when the last began.

        Each look is at everything: before the policies are in force, a connection that they stop still passes. On a
        busy machine that takes a while, so a difference counts once it has stayed the same for some time.
        """
        found: dict[int, Answer] = {}
        looks = 0
        begun = same_since = time.monotonic()
        while True:
            looks, since, asked = looks + 1, time.time(), time.monotonic()
            before, found = found, _differing(range(len(questions)), questions, says)
            self.node.check()
            if found != before:
                same_since = asked
            now = time.monotonic()
            if not found or now - same_since > _SAME_SECONDS or now - begun > _MOST_SECONDS:
                break
            if self.node.enforcer is Enforcer.AWS:
                wait_until_quiet()  # what it says of this look is not about the next one
        # A packet may be lost; what differs is tried once more, alone.
        return (_differing(found, questions, says) if found else {}), looks, since


def _differing(numbers: Iterable[int], questions: Sequence[Question], says: Sequence[Verdict]) -> dict[int, Answer]:
    tried = list(numbers)
    answers = attempt_all([questions[number].attempt for number in tried], _SECONDS)
    return {
        number: answer for number, answer in zip(tried, answers, strict=True) if answer.passes != says[number].passes
    }


def _is_said(layers: BothLayers, question: Question) -> bool:
    """Return whether the pod layer of the proof opens a connection; a host may have several names.

    The proof is about the pods of the firewalled namespaces.
    """
    inside = layers.matrix.namespaces
    if not any(end.pod and end.pod[0] in inside for end in (question.source, question.destination)):
        return True
    names = [[end.name] if end.pod else end.name.split(", ") for end in (question.source, question.destination)]
    return any(
        layers.opened(Layer.POD, layers.named[source], layers.named[destination]).covers(PortSet((question.port,)))
        for source in names[0]
        for destination in names[1]
    )


def _stopped(
    questions: Sequence[Question], says: Sequence[Verdict], found: Mapping[int, Answer]
) -> dict[Denial, set[Denial]]:
    """Return the connections that packets say are stopped, each with the forms in which a log may name it."""
    stopped: dict[Denial, set[Denial]] = {}
    for number, question in enumerate(questions):
        if not (found[number].passes if number in found else says[number].passes):
            source, attempt = question.source.address, question.attempt
            addresses = (attempt.address, question.destination.address)
            forms = {denial(source, address, attempt.port) for address in addresses}
            stopped.setdefault(denial(source, attempt.address, attempt.port), set()).update(forms)
    return stopped


def ports_in_play(firewall: CompiledFirewall) -> list[PortRange]:
    """Return single ports: the ends of each declared range and what lies beside, those of DNS, and undeclared ones."""
    matrix = firewall.matrix
    declared = [port for endpoint in matrix.endpoints.values() for port in endpoint.ports]
    found = {*DNS_PORTS, *_UNDECLARED}
    for port in declared:
        if port.protocol in _TRIED:
            numbers = {port.first, port.last}
            if port.first != port.last:
                numbers |= {port.first - 1, (port.first + port.last) // 2, port.last + 1} & set(range(1, MAX_PORT + 1))
            found |= {PortRange(protocol, number, number) for number in numbers for protocol in _TRIED}
    return sorted(found)


def _questions(ends: Sequence[End], ports: Sequence[PortRange]) -> Iterator[Question]:
    for source in ends:
        for destination in ends:
            if source is destination or not (source.pod or destination.pod) or source.namespace == NODE_NAMESPACE:
                continue
            for port in ports:
                yield Question(source, destination, port)
                if destination.cluster_ip and source.pod:
                    yield Question(source, destination, port, destination.cluster_ip)


class Analyzer:
    """The analyzer's answers to questions, with the addresses of the node's pods and the node's enforcer."""

    def __init__(self, cluster: AnalysedCluster, ends: Iterable[End], enforcer: Enforcer) -> None:
        at = {end.pod: end for end in ends if end.pod}
        workloads = tuple(_addressed(each, at.get((each.namespace, each.pod))) for each in cluster.workloads)
        self._pods = {(workload.namespace, workload.pod): workload for workload in workloads}
        self._reachability = Reachability(
            replace(cluster, workloads=workloads), HostNetwork.NODES, _ENFORCEMENT[enforcer]
        )

    def verdict(self, question: Question) -> Verdict:
        """Return the verdict of the pod layer."""
        source, destination = self._party(question.source), self._party(question.destination)
        way = Way.SERVICE if question.by_service else Way.OWN
        return self._reachability.verdict(source, destination, question.port, way)

    def _party(self, end: End) -> Party:
        if end.namespace == NODE_NAMESPACE:
            return _on_node(end)
        return self._pods[end.pod] if end.pod else _host(end.address)


def _addressed(workload: Workload, end: End | None) -> Workload:
    if end is None:
        return workload
    services = (_host(end.cluster_ip),) if end.cluster_ip else ()
    return replace(workload, addresses=(_host(end.address),), cluster_ips=services)


def _on_node(end: End) -> Workload:
    """Return what answers on the node itself: an enforcer may know it as the node, whatever its address is."""
    return Workload("kube-system", "node-dns", "Pod", {}, network=PodNetwork.HOST, addresses=(_host(end.address),))


def _host(address: str) -> AddressRange:
    return AddressRange.of(f"{address}/32")
