"""The flows that are tried while a declaration changes, and what policies say of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.endpoint import DNS
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange, Protocol, tcp, udp
from lab.node.enforcers.aws.policy_endpoints import selects
from lab.node.network import NODE_NAMESPACE
from lab.on_the_way.judgement import Expected
from lab.on_the_way.policies import Policies, Written
from lab.packets.verdicts import Analyzer, Question
from lab.packets.world import End
from lab.toolchain.node_kits import Enforcer

UNDECLARED = (tcp(9), udp(9))


def flows_between(ends: Sequence[End], matrices: Sequence[Matrix]) -> list[Question]:
    """Return every declared flow of some matrices, and undeclared ones of each pair of ends.

    What a pod of the cluster declares towards a service is tried by the service's address in the cluster, too. At least
    one end is a pod of the declared namespace: nothing else is restricted. Of a place in several subnets one end is
    enough.
    """
    namespace, found = matrices[0].namespace, dict[Question, None]()
    single = {end.name: end for end in ends if end.namespace != NODE_NAMESPACE}.values()
    for source in single:
        for target in single:
            if source is not target and any(end.pod and end.pod[0] == namespace for end in (source, target)):
                found |= dict.fromkeys(_between(source, target, matrices))
    return list(found)


def _between(source: End, target: End, matrices: Sequence[Matrix]) -> Iterator[Question]:
    possible = {
        each
        for matrix in matrices
        for name in _names(target)
        if name in matrix.endpoints
        for port in matrix.endpoints[name].ports
        if (each := _single(port))
    }
    if DNS in _names(target):
        possible = set(DNS_PORTS)
    questions = [Question(source, target, port) for port in sorted(possible)]
    declared = [each for each in questions if any(is_declared(matrix, each) for matrix in matrices)]
    for question in declared:
        yield question
        if target.cluster_ip and source.pod:
            yield replace(question, by_service=target.cluster_ip)
    services = {service.name for matrix in matrices for service in matrix.services}
    if declared:
        yield Question(source, target, UNDECLARED[0])
    elif questions:
        yield questions[0]
        if source.name in services and target.cluster_ip and target.name in services:
            yield replace(questions[0], by_service=target.cluster_ip)
            yield Question(source, target, UNDECLARED[1])
    else:
        yield Question(source, target, UNDECLARED[0])


def is_declared(matrix: Matrix, question: Question) -> bool:
    """Return whether a matrix declares a connection. The addresses of places may be the same: any of them may be it."""
    services = {service.name for service in matrix.services}
    sources, targets = _names(question.source), _names(question.destination)
    if DNS in targets and sources & services:
        return question.port in DNS_PORTS
    return any(
        flow.source in sources and flow.target in targets and any(_covers(port, question.port) for port in flow.ports)
        for flow in matrix.flows
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """Knows the expected result of flows while policies change.

    Attributes:
        objects: The cluster's pods and namespaces.
        enforcer: Whose reading of policies counts.
        flows: By their numbers.
    """

    objects: Sequence[Mapping[str, Any]]
    enforcer: Enforcer
    flows: Mapping[int, Question]

    def verdicts(self, policies: Policies) -> dict[int, bool]:
        """Return whether each flow passes under some policies."""
        ends = {end for flow in self.flows.values() for end in (flow.source, flow.destination)}
        analyzer = Analyzer(cluster_from([*self.objects, *policies], "the node"), ends, self.enforcer)
        return {number: analyzer.verdict(question).passes for number, question in self.flows.items()}

    def expected(self, before: Policies, writes: Iterable[Written]) -> dict[int, Expected]:
        """Return the expected result of each flow while some writes change the policies."""
        first = self.verdicts(before)
        now, flips = first, {number: list[float]() for number in first}
        selected, freed = self._selected(before), dict[tuple[str, str], float]()
        for write in writes:
            then = self.verdicts(write.policies)
            for number in (number for number, passes in then.items() if passes is not now[number]):
                flips[number].append(write.at)
            still = self._selected(write.policies)
            freed |= dict.fromkeys(selected - still, write.at)
            now, selected = then, still
        is_aws = self.enforcer is Enforcer.AWS
        return {
            number: Expected(
                first[number],
                now[number],
                tuple(flips[number]),
                tuple(freed[pod] for pod in _pods(flow) if pod in freed) if is_aws else (),
            )
            for number, flow in self.flows.items()
        }

    def _selected(self, policies: Policies) -> set[tuple[str, str]]:
        """Return the pods that any policy selects."""
        return {
            (pod["metadata"]["namespace"], pod["metadata"]["name"])
            for pod in self.objects
            if pod["kind"] == "Pod"
            for policy in policies
            if policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and selects(policy["spec"].get("podSelector"), pod["metadata"].get("labels") or {})
        }


def _pods(flow: Question) -> list[tuple[str, str]]:
    return [end.pod for end in (flow.source, flow.destination) if end.pod]


def _single(port: PortRange) -> PortRange | None:
    is_tried = port.protocol in (Protocol.TCP, Protocol.UDP)
    return PortRange(port.protocol, port.first, port.first) if is_tried else None


def _covers(declared: PortRange, tried: PortRange) -> bool:
    return declared.protocol is tried.protocol and declared.first <= tried.first <= declared.last


def _names(end: End) -> set[str]:
    return set(end.name.split(", "))
