"""The shop while events come to its pods, behind one firewall after the other."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

from flash_ticket.firewall.declare.matrix import Matrix, Service
from lab.node.node import Node
from lab.node.programs import NodeError
from lab.on_the_way.probe import Look
from lab.packets.declarations import Declaration
from lab.packets.world import End
from lab.restarts.firewall import Firewall, in_force
from lab.restarts.replicas import ENDING_SECONDS, Replica, Replicas
from lab.restarts.situation import Event, Standing
from lab.restarts.traffic import Traffic
from lab.restarts.trial import Happened, Trial, judged

_REPLICAS = 2
_SETTLED_SECONDS, _AGAIN_SECONDS, _MOST_SECONDS = 2.0, 1.0, 60.0
_PROGRAMS = count(100)  # numbers that nothing else gives to the agent's programs


@dataclass(slots=True)
class Shop:
    """The shop's pods, and connections that are tried all the time.

    Attributes:
        node: Where the pods run.
        declarations: What each firewall enforces.
        hosts: What is outside the cluster.
        replicas: The pods.
        traffic: The connections.
    """

    node: Node
    declarations: Mapping[Standing, Declaration]
    hosts: Sequence[End]
    replicas: Replicas
    traffic: Traffic
    _firewall: Firewall | None = None

    @contextmanager
    def behind(self, standing: Standing) -> Iterator[None]:
        """Run all pods behind a firewall while the block lasts."""
        with ExitStack() as stack:
            self.replicas.begin_addresses()
            if standing is not Standing.NONE:
                entered = in_force(self.node, self.declarations[standing], self.hosts)
                self._firewall = stack.enter_context(entered)
            self._start_all()
            yield
            gone = list(self.replicas.running.values())
            self.replicas.end_all()
            self._leave(gone)
            self._firewall = None

    def trial(self, event: Event) -> Trial:
        """Have an event happen, and return what became of the connections.

        Raises:
            NodeError: A declared connection does not work before, or a pod does not start.
        """
        self._settle()
        restarted = most_connected(self.replicas.matrix).name
        gone, begun, until = list[Replica](), dict[Replica, float](), time.monotonic()
        match event:
            case Event.RESTART:
                gone = self.replicas.of(restarted)[:1]
                begun = self._start(restarted, 1, deleted=gone)
                until += ENDING_SECONDS
            case Event.SCALE_OUT:
                begun = self._start(restarted, _REPLICAS + 1)
            case Event.SCALE_IN:
                self.replicas.scale(restarted, _REPLICAS)
                while not gone:
                    gone = self.replicas.ending()
                until += ENDING_SECONDS
            case Event.NODE_LOST:
                gone = list(self.replicas.running.values())
                self.replicas.end_all()
                self.node.enforcing.kill()
                self.node.aws.change_programs(next(_PROGRAMS))
                self.node.enforcing.restart()
                begun = self._start_all()
        ready = {each: self.replicas.ready(each) for each in begun}
        if event is not Event.NODE_LOST:
            self.replicas.wait_gone(gone)
        look = self._look(gone)
        services = frozenset(each.service for each in (*gone, *begun))
        found = judged(self.traffic.flows, look, Happened(until, begun, ready, gone, services), self.traffic.interval)
        self._leave(gone)
        return found

    def _start_all(self) -> dict[Replica, float]:
        """Start the pods of one service after the other: so it is known which address each gets."""
        begun: dict[Replica, float] = {}
        for service in callees_first(self.replicas.matrix):
            chosen = service == most_connected(self.replicas.matrix)
            begun |= self._start(service.name, _REPLICAS if chosen else 1)
        return begun

    def _start(self, service: str, wanted: int, deleted: Sequence[Replica] = ()) -> dict[Replica, float]:
        """Have a service have so many pods, and return when the containers of the new ones started.

        Args:
            service: The service.
            wanted: How many pods it has then; with deleted ones, how many take their place.
            deleted: Pods to delete.
        """
        number = wanted if deleted else wanted - len(self.replicas.of(service))
        expected = self.replicas.next_addresses(number)
        if self._firewall:
            self._firewall.expect(service, expected)
        for each in deleted:
            self.replicas.delete(each)
        if not deleted:
            self.replicas.scale(service, wanted)
        begun: dict[Replica, float] = {}
        while len(begun) < number:
            new = self.replicas.started(service, number - len(begun))
            if self._firewall:
                self._firewall.follow(service, expected, [each.pod.address for each in new])
            self.traffic.follow(new)
            starts = {each: self.replicas.serve(each) for each in new}
            begun |= {each: start for each, start in starts.items() if start is not None}
            failed = [each for each, start in starts.items() if start is None]
            self.traffic.leave(failed)
            expected = [each.pod.address for each in failed]
        return begun

    def _settle(self) -> None:
        """Wait until every declared connection passes, and keep one of each."""
        end = time.monotonic() + _MOST_SECONDS
        while True:
            time.sleep(_AGAIN_SECONDS)
            closed = self.traffic.closed(self.traffic.probe.look())
            if not closed:
                break
            if time.monotonic() > end:
                raise NodeError(f"{closed[0].name} does not connect before anything happens")
        self.traffic.keep()
        time.sleep(_AGAIN_SECONDS)
        self.traffic.probe.look()

    def _look(self, gone: Sequence[Replica]) -> Look:
        """Return what was seen, once everything connects again or has had its time."""
        end = time.monotonic() + _MOST_SECONDS
        time.sleep(_SETTLED_SECONDS)
        look = self.traffic.probe.look()
        while any(not each.has(gone) for each in self.traffic.closed(look)) and time.monotonic() < end:
            time.sleep(_SETTLED_SECONDS)
            look = look.continued(self.traffic.probe.look())
        return look

    def _leave(self, gone: Sequence[Replica]) -> None:
        self.traffic.leave(gone)
        if self._firewall:
            self._firewall.forget(each.pod.address for each in gone)


def most_connected(matrix: Matrix) -> Service:
    """Return the service with the most flows from and to other services: its pods restart."""
    services = {each.name: each for each in matrix.services}
    between = [{flow.source, flow.target} for flow in matrix.flows if {flow.source, flow.target} <= services.keys()]
    return max(services.values(), key=lambda each: sum(each.name in ends for ends in between))


def callees_first(matrix: Matrix) -> list[Service]:
    """Return the services, each after those that it calls, as far as they do not call each other in a circle."""
    services, found = {each.name: each for each in matrix.services}, dict[str, Service]()

    def visit(name: str, above: frozenset[str]) -> None:
        if name in services and name not in found and name not in above:
            for flow in matrix.flows:
                if flow.source == name:
                    visit(flow.target, above | {name})
            found[name] = services[name]

    for name in services:
        visit(name, frozenset())
    return list(found.values())
