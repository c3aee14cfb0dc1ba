"""The verbs that change a deployed firewall, one after the other on the engine, while connections are tried."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.endpoint import DNS
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from lab.node.node import Node
from lab.node.pods import delete_pods_without_node
from lab.node.programs import NodeError
from lab.on_the_way.flows import UNDECLARED, Judge, flows_between, is_declared
from lab.on_the_way.judgement import Row, judged
from lab.on_the_way.policies import PolicyWatch
from lab.on_the_way.probe import Probe
from lab.on_the_way.way import Verb, Way
from lab.packets.world import End, World
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine, EngineError
from lab.running.firewall_command import flash_firewall
from lab.running.lab import Lab
from lab.running.program import copy_program, with_cilium
from lab.toolchain.node_kits import Enforcer

_REPOSITORY = Path(__file__).parents[2]
_SETTLE_SECONDS = 1.0
_LATE_LOOKS, _LATE_SECONDS = 6, 5.0
_OPEN_SECONDS = 60.0
_ADDED = "mail"
_REASON = "packets are tried"


@dataclass(frozen=True, slots=True)
class _Declared:
    """One declaration: the engine that deploys it, and its matrix."""

    engine: Engine
    matrix: Matrix


@dataclass(slots=True)
class Journey:
    """One stack from its first deployment to its removal.

    Attributes:
        lab: With the stack's cluster.
        node: Of that cluster.
        stack: Its name.
        matrix: The text of the file that declares the traffic.
    """

    lab: Lab
    node: Node
    stack: str
    matrix: str

    def rows(self, way: Way) -> Iterator[Row]:
        """Run verbs in their order, and yield what packets did during each.

        Raises:
            EngineError: A verb fails, or what it leaves is not as declared.
            NodeError: Something of the node has ended, or a connection does not work before the firewall stands.
        """
        first, second = self._declared("first", self.matrix), self._declared("second", with_a_change(self.matrix))
        delete_pods_without_node(self.node.api)
        world = World(self.node)
        ends = self._ends(world, second, (first.matrix, second.matrix))
        flows = flows_between(ends, (first.matrix, second.matrix))
        watch = PolicyWatch(self.node.api, first.matrix.namespace)
        watch.start()
        with Probe.start() as probe:
            numbers = probe.add([flow.attempt for flow in flows], way.interval)
            judge = Judge(world.objects, self.node.enforcer, dict(zip(numbers, flows, strict=True)))
            travelled = _Travelled(self, judge, watch, probe, first, second)
            travelled.require_open()
            for verb in way.verbs:
                yield travelled.row(verb)
                self.node.check()
        world.clear()

    def _declared(self, name: str, text: str) -> _Declared:
        folder = self.lab.folder / "on-the-way" / name
        settings = with_cilium(_REPOSITORY, self.stack) if self.node.enforcer is Enforcer.CILIUM else {}
        program = copy_program(_REPOSITORY, folder, {MATRIX_FILE: text, **settings})
        return _Declared(Engine(self.lab, self.stack, program), read_matrix(program / MATRIX_FILE))

    def _ends(self, world: World, widest: _Declared, matrices: Iterable[Matrix]) -> list[End]:
        """Return the ends. What the change adds has pods from the start: until then they are as any other pod."""
        layers = Surveyor.of(self.lab, self.stack).declared(widest.engine.program).layers()
        declared = [port for matrix in matrices for each in matrix.endpoints.values() for port in each.ports]
        single = [PortRange(each.protocol, each.first, each.first) for each in declared if each.protocol in Protocol]
        ends = world.make(layers, [*single, *UNDECLARED], 1)
        dns = str(self.node.addresses.dns)
        return [replace(end, cluster_ip=dns) if end.name == DNS else end for end in ends]


@dataclass(slots=True)
class _Travelled:
    journey: Journey
    judge: Judge
    watch: PolicyWatch
    probe: Probe
    first: _Declared
    second: _Declared
    now: _Declared | None = None

    def require_open(self) -> None:
        """Wait until everything connects: Services take a moment. Then keep a connection of each flow."""
        end = time.monotonic() + _OPEN_SECONDS
        while True:
            time.sleep(1.0)
            runs = self.probe.look().runs
            closed = [number for number, found in runs.items() if not found or not found[-1].passed]
            if not closed:
                break
            if time.monotonic() > end:
                raise NodeError(f"before the firewall, {self._name(closed[0])} does not connect")
        self._keep(dict.fromkeys(self.judge.flows, True))
        self.probe.look()

    def row(self, verb: Verb) -> Row:
        """Run a verb, and return what packets did."""
        before = self.watch.standing()
        begun = time.monotonic()
        self._run(verb)
        seconds = time.monotonic() - begun
        time.sleep(_SETTLE_SECONDS)
        look, writes = self.probe.look(), self.watch.take()
        expected = self.judge.expected(before, writes)
        for _ in range(_LATE_LOOKS):  # an enforcer without a processor is late
            if all(not runs or runs[-1].passed is expected[number].after for number, runs in look.runs.items()):
                break
            time.sleep(_LATE_SECONDS)
            look, writes = look.continued(self.probe.look()), [*writes, *self.watch.take()]
            expected = self.judge.expected(before, writes)
        after = {number: each.after for number, each in expected.items()}
        self._require_declared(verb, after)
        self._keep(after)
        return judged(verb, seconds, look, expected, {number: self._name(number) for number in after})

    def _run(self, verb: Verb) -> None:
        now = self.now or self.first
        match verb:
            case Verb.PREVIEW:
                now.engine.preview().checked()
            case Verb.UP | Verb.BACK:
                self.first.engine.up().checked()
                self.now = self.first
            case Verb.CHANGE:
                self.second.engine.up().checked()
                self.now = self.second
            case Verb.ROLLBACK:
                self._command("rollback", "--to", "1", "--yes")
                self.now = self.first
            case Verb.SUSPEND:
                self._command("suspend", self._suspended(), "--for", "30m", "--reason", _REASON)
            case Verb.RESUME:
                self._command("resume", self._suspended())
            case Verb.DESTROY:
                now.engine.destroy().checked()
                self.now = None

    def _suspended(self) -> str:
        """Return the egress policy of the service with the most flows."""
        matrix = self.first.matrix
        return max(matrix.services, key=lambda service: len(matrix.flows_out_of[service.name])).egress_policy

    def _command(self, *arguments: str) -> None:
        engine = (self.now or self.first).engine
        ran = flash_firewall(engine.lab, engine.stack, engine.program, *arguments, "--stack", engine.stack)
        if ran.returncode != 0:
            raise EngineError(f"flash-firewall {' '.join(arguments)} fails:\n{ran.stdout}\n{ran.stderr}")

    def _require_declared(self, verb: Verb, after: dict[int, bool]) -> None:
        """Check that the policies mean what the matrix declares; what a suspension opens is not in the matrix."""
        if self.now is None or verb is Verb.SUSPEND:
            return
        for number, passes in after.items():
            if passes is not is_declared(self.now.matrix, self.judge.flows[number]):
                raise EngineError(f"after {verb}, the policies do not mean the matrix: {self._name(number)}")

    def _keep(self, passing: dict[int, bool]) -> None:
        self.probe.keep(
            number
            for number, passes in passing.items()
            # The cluster's DNS ends a connection over which it gets no question.
            if passes
            and self.judge.flows[number].port.protocol is Protocol.TCP
            and self.judge.flows[number].destination.name != DNS
        )

    def _name(self, number: int) -> str:
        flow = self.judge.flows[number]
        way = " by its Service" if flow.by_service else ""
        return f"{flow.source.name} => {flow.destination.name} : {flow.port}{way}"


def with_a_change(text: str) -> str:
    """Return a declaration that has one service more, called by another one, and one flow less."""
    content: dict[str, Any] = yaml.safe_load(text)
    content["services"][_ADDED] = {"pods": {"app": _ADDED}, "ports": [2525]}
    for flow in reversed(content["flows"]):
        if isinstance(flow["to"], list) and len(flow["to"]) > 1:
            flow["to"] = flow["to"][:-1]
            break
    caller = next(name for name in content["services"] if name != _ADDED)
    content["flows"].append({"from": caller, "to": _ADDED})
    return str(yaml.safe_dump(content, sort_keys=False))
