"""Holds what packets do against what the product says, for every pair of ends and every port in play."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.prove.endpoint import KUBELET
from flash_ticket.firewall.terms.ports import DNS_PORTS, MAX_PORT, PortRange, Protocol, tcp, udp
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.traffic.attribution.address_book import PROTOCOLS
from lab.node.network import NODE_NAMESPACE
from lab.node.node import Node
from lab.node.programs import NodeError
from lab.packets.agent_log import Denial, Logged, denial, logged, wait_until_quiet
from lab.packets.connections import Answer, Ending, Tried, attempt_all, try_all
from lab.packets.declarations import Declaration
from lab.packets.layers import Layers
from lab.packets.verdicts import Analyzer, GroupsAnalyzer, Question, Said, is_said
from lab.packets.vpc_layer.layer import Packet, rejected, vpc_layer
from lab.packets.world import End, World
from lab.toolchain.node_kits import Enforcer
from lab.vpc.judge import Judge, JudgeError

_UNDECLARED = (tcp(9), udp(9))
_SECONDS = 2.2  # a lost SYN is sent again after one
_SAME_SECONDS, _MOST_SECONDS = 20.0, 120.0
_OPEN_SECONDS, _PAUSE_SECONDS = 30.0, 0.3
_LOOKS_LEFT = 3
_TRIED = {Protocol.TCP, Protocol.UDP}
_NUMBERS = {protocol: number for number, protocol in PROTOCOLS.items()}


@dataclass(frozen=True, slots=True)
class Seen:
    """What packets show of one connection.

    Attributes:
        answer: What came of it.
        stopper: The layer that stopped it; None if it got through.
    """

    answer: Answer
    stopper: Layer | None

    @classmethod
    def of(cls, question: Question, tried: Tried, by_groups: set[Packet]) -> "Seen":
        """Return what one attempt shows.

        Args:
            question: What was tried.
            tried: What came of it.
            by_groups: What the groups of interfaces rejected; whatever else is stopped, the pod layer stops.
        """
        number, port = _NUMBERS[question.port.protocol], question.port.first
        packet = number, tried.source_port, question.destination.address, port
        is_by_groups = any((source, *packet) in by_groups for source in (question.source.address, ""))
        stopper = Layer.VPC if is_by_groups else Layer.POD
        return cls(tried.answer, None if tried.answer.passes else stopper)

    def __str__(self) -> str:
        """Return ``connected``, or ``silent, by the vpc layer``."""
        return f"{self.answer}, by the {self.stopper} layer" if self.stopper else str(self.answer)


@dataclass(frozen=True, slots=True)
class Difference:
    """A connection on which packets and the product do not agree."""

    question: Question
    seen: Seen
    said: Said

    def row(self) -> dict[str, Any]:
        """Return it for a table."""
        return {
            "source": self.question.source.name,
            "destination": self.question.destination.name,
            "port": str(self.question.port),
            "way": self.question.way,
            "packets": str(self.seen),
            "analyzer": f"stopped, by the {self.said.stopper} layer" if self.said.stopper else "passes",
            "because": "; ".join(map(str, self.said.deciding)),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of one declaration.

    Attributes:
        ends: How many there are.
        ports: How many are in play.
        tried: How many connections were tried.
        passing: How many of them the product lets through.
        stopped: How many of them it stops, by the layers that stop them.
        dropped: How many packets show as stopped, by the layer that did it.
        differences: Those on which both do not agree, once the policies are in force.
        unsaid: Those that pass although the proof, which knows no single address, says that no address of them can.
        looks: How often everything was tried: policies take a moment.
        logged: What the agent of AWS logged of the last look; None with another enforcer.
    """

    ends: int
    ports: int
    tried: int
    passing: int
    stopped: Mapping[str, int]
    dropped: Mapping[str, int]
    differences: tuple[Difference, ...]
    unsaid: tuple[str, ...]
    looks: int
    logged: Logged | None = None


@dataclass(slots=True)
class Look:
    """Tries connections again and again, while something may judge them that counts what it rejects.

    Attributes:
        questions: What is tried.
        says: What the product says of each.
        judge: What judges by groups; None if nothing does.
    """

    questions: Sequence[Question]
    says: Sequence[Said]
    judge: Judge | None = None

    def differing(self, numbers: Iterable[int]) -> dict[int, Seen]:
        """Try some connections by their numbers, and return what is not as the product says."""
        tried = list(numbers)
        for _ in range(_LOOKS_LEFT):
            with suppress(JudgeError):  # the kernel has not counted every packet: look again
                return self._differing(tried)
        return self._differing(tried)

    def _differing(self, tried: Sequence[int]) -> dict[int, Seen]:
        if self.judge:
            self.judge.window()
        answers = try_all([self.questions[number].attempt for number in tried], _SECONDS, Ending.RESET)
        return differing(dict(zip(tried, answers, strict=True)), self, self.by_groups())

    def by_groups(self) -> set[Packet]:
        """Return what the groups of interfaces rejected since the last call."""
        return rejected(self.judge.window(), self.judge.pods.node) if self.judge else set()


def differing(tried: Mapping[int, Tried], look: Look, by_groups: set[Packet]) -> dict[int, Seen]:
    """Return what is not as the product says, by the numbers of the questions."""
    seen = {number: Seen.of(look.questions[number], each, by_groups) for number, each in tried.items()}
    return {number: each for number, each in seen.items() if each.stopper is not look.says[number].stopper}


@dataclass(slots=True)
class Oracle:
    """Compares declarations on one node, one after the other.

    Attributes:
        node: The node that the pods run on.
        world: The ends of connections.
        layers: What is put in force.
    """

    node: Node
    world: World
    layers: Layers = Layers.BOTH
    generation: int = 0

    def compare(self, declaration: Declaration, in_force: Callable[[Sequence[End]], None] | None = None) -> Comparison:
        """Deploy a declaration, try everything, take it away, and return what differs.

        Args:
            declaration: The declaration, and what else is in its VPC.
            in_force: Called with all ends once everything has been tried, before the policies are taken away.

        Raises:
            NodeError: The node is not as it must be; before the policies stand, everything has to connect.
        """
        self.generation += 1
        with ExitStack() as stack:
            vpc = None
            firewalls = [declaration.firewall, *declaration.neighbours]
            if self.layers is Layers.BOTH:
                entered = vpc_layer(firewalls, declaration.others, declaration.site, self.node.addresses)
                vpc = stack.enter_context(entered)
                firewalls = vpc.firewalls
            ports = sorted({port for each in firewalls for port in ports_in_play(each)})
            first, *neighbours = (each.layers() for each in firewalls)
            made = self.world.make(first, ports, self.generation, neighbours)
            ends = [end for end in made if vpc or end.name != KUBELET]  # no pod layer judges the kubelet
            questions = list(_questions(ends, ports))
            self._require_open(questions)
            policies = [policy.manifest() for each in firewalls for policy in each.deployed_pods.policies]
            for manifest in policies:
                self.node.api.apply(manifest)
            pods = [IPv4Network(end.address) for end in ends if end.pod]
            groups, judge = (vpc.attach(ends), vpc.judge(pods)) if vpc else (None, None)
            analyzer = Analyzer(cluster_from([*self.world.objects, *policies], "the node"), ends, self.node.enforcer)
            says = [_said(each, analyzer, groups) for each in questions]
            look = Look(questions, says, stack.enter_context(judge) if judge else None)
            found, looks, since = self._look(look)
            is_logged = self.node.enforcer is Enforcer.AWS
            log = logged(_stopped(look, found), ports, since) if is_logged else None
            if in_force:
                in_force(ends)
            for manifest in policies:
                self.node.api.delete(manifest)
        self.world.clear()
        self.node.check()
        proven = (vpc.firewalls if vpc else firewalls)[0].layers()
        return Comparison(
            len(ends),
            len(ports),
            len(questions),
            sum(said.stopper is None for said in says),
            dict(Counter(" and ".join(said.stoppers) for said in says if said.stopper)),
            dict(Counter(str(stopper) for stopper in _stoppers(look, found) if stopper)),
            tuple(Difference(questions[number], seen, says[number]) for number, seen in found.items()),
            tuple(_unsaid(look, found, proven, groups)),
            looks,
            log,
        )

    def _require_open(self, questions: Sequence[Question]) -> None:
        left, end = list(questions), time.monotonic() + _OPEN_SECONDS
        while time.monotonic() < end:
            answers = attempt_all([each.attempt for each in left], _SECONDS, Ending.RESET)
            left = [each for each, answer in zip(left, answers, strict=True) if not answer.passes]
            if not left:
                return
            time.sleep(_PAUSE_SECONDS)  # kube-proxy needs a moment for Services
        raise NodeError(f"before any policy {len(left)} connections fail, such as {left[0]}")

    def _look(self, look: Look) -> tuple[dict[int, Seen], int, float]:
        """Return what differs, by the questions' numbers, how many looks it took, and when the last began.

        Each look is at everything: before the policies are in force, a connection that they stop still passes. On a
        busy machine that takes a while, so a difference counts once it has stayed the same for some time.
        """
        found: dict[int, Seen] = {}
        looks = 0
        begun = same_since = time.monotonic()
        while True:
            looks, since, asked = looks + 1, time.time(), time.monotonic()
            before, found = found, look.differing(range(len(look.questions)))
            self.node.check()
            if found != before:
                same_since = asked
            now = time.monotonic()
            if not found or now - same_since > _SAME_SECONDS or now - begun > _MOST_SECONDS:
                break
            if self.node.enforcer is Enforcer.AWS:
                wait_until_quiet()  # what it says of this look is not about the next one
        # A packet may be lost; what differs is tried once more, alone.
        return (look.differing(found) if found else {}), looks, since


def _said(question: Question, analyzer: Analyzer, groups: GroupsAnalyzer | None) -> Said:
    of_pods = None if question.source.name == KUBELET else analyzer.verdict(question)
    return Said(of_pods, groups.verdict(question) if groups else None)


def _stoppers(look: Look, found: Mapping[int, Seen]) -> Iterator[Layer | None]:
    """Yield what packets show for each question: the layer that stops it, or None."""
    for number, said in enumerate(look.says):
        yield found[number].stopper if number in found else said.stopper


def _unsaid(look: Look, found: Mapping[int, Seen], layers: BothLayers, groups: GroupsAnalyzer | None) -> Iterator[str]:
    """Yield what passes by packets, or a layer by its verdict, although the proof says that it cannot.

    The proof is about the groups of pods, and not about those of a node that gives connections its own source.
    """
    for question, said, stopper in zip(look.questions, look.says, _stoppers(look, found), strict=True):
        if not question.source.project and not question.destination.project:
            proven = (said.pod,) if groups and groups.is_of_node(question) else (said.pod, said.vpc)
            for verdict in proven:
                if verdict and (verdict.passes or stopper is None) and not is_said(layers, verdict.layer, question):
                    yield f"{question} ({verdict.layer} layer)"


def _stopped(look: Look, found: Mapping[int, Seen]) -> dict[Denial, set[Denial]]:
    """Return the connections that the pod layer stops by packets, each with the forms in which a log may name it."""
    stopped: dict[Denial, set[Denial]] = {}
    for question, stopper in zip(look.questions, _stoppers(look, found), strict=True):
        if stopper is Layer.POD:
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
            if source is destination or destination.name == KUBELET or not (source.pod or destination.pod):
                continue
            if source.namespace == NODE_NAMESPACE and source.name != KUBELET:
                continue  # what the node's DNS sends, its node sends
            for port in ports:
                yield Question(source, destination, port)
                if destination.cluster_ip and source.pod:
                    yield Question(source, destination, port, destination.cluster_ip)
