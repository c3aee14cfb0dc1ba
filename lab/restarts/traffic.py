"""The declared connections of the shop, tried all the time, between pods that come and go."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange, Protocol
from lab.on_the_way.probe import Look, Probe
from lab.packets.connections import Attempt
from lab.packets.world import End
from lab.restarts.replicas import Replica, Replicas

_DNS = "DNS"


@dataclass(frozen=True, slots=True)
class Flow:
    """One declared connection.

    Attributes:
        source: The pod that opens it; None for a host.
        target: The pod that it goes to; None for a host, and for what goes to a Service.
        service: The service whose ClusterIP it goes to; empty for an end's own address.
        attempt: What is tried.
        name: In words.
    """

    source: Replica | None
    target: Replica | None
    service: str
    attempt: Attempt
    name: str

    @property
    def is_kept(self) -> bool:
        """Whether one connection can stay open: the target is known, and sends back what it gets.

        The cluster's DNS ends a connection over which it gets no question.
        """
        return not self.service and self.attempt.port.protocol is Protocol.TCP and self.attempt.port not in DNS_PORTS

    def has(self, replicas: Iterable[Replica]) -> bool:
        """Return whether an end of it is one of some pods."""
        return any(each in (self.source, self.target) for each in replicas)


@dataclass(slots=True)
class Traffic:
    """Tries the connections.

    Attributes:
        matrix: Which declares them.
        hosts: What is outside the cluster, by the names in the matrix.
        dns: The ClusterIP of the cluster's DNS.
        replicas: The pods.
        probe: Tries.
        interval: After how many seconds each connection is opened again.
        flows: By the prober's numbers.
    """

    matrix: Matrix
    hosts: dict[str, list[End]]
    dns: str
    replicas: Replicas
    probe: Probe
    interval: float
    flows: dict[int, Flow] = field(default_factory=dict)

    def follow(self, new: Sequence[Replica]) -> None:
        """Try what is declared from and to some new pods from now on."""
        found = dict.fromkeys(flow for each in new for flow in self._flows(each))
        numbers = self.probe.add([flow.attempt for flow in found], self.interval)
        self.flows |= dict(zip(numbers, found, strict=True))

    def leave(self, gone: Sequence[Replica]) -> None:
        """Try nothing from and to some pods any more."""
        numbers = [number for number, flow in self.flows.items() if flow.has(gone)]
        self.probe.remove(numbers)
        for number in numbers:
            del self.flows[number]

    def keep(self) -> None:
        """Keep one connection open for each flow that can, unless one stands."""
        self.probe.keep(number for number, flow in self.flows.items() if flow.is_kept)

    def closed(self, look: Look) -> list[Flow]:
        """Return what did not connect at last."""
        return [flow for number, flow in self.flows.items() if not _passes_at_last(look, number)]

    def _flows(self, new: Replica) -> Iterator[Flow]:
        """Yield what is declared from and to a pod. Only hosts that call have a pod's own address."""
        for flow in self.matrix.flows:
            for port in flow.ports:
                if flow.source == new.service:
                    yield from self._out_of(new, flow.target, port)
                if flow.target == new.service:
                    yield from self._into(new, flow.source, port)
        for port in DNS_PORTS:
            yield Flow(new, None, "", Attempt(new.pod.network, self.dns, port), f"{new.service} => {_DNS} : {port}")

    def _out_of(self, new: Replica, target: str, port: PortRange) -> Iterator[Flow]:
        name = f"{new.service} => {target} : {port}"
        for host in self.hosts.get(target, ()):
            yield Flow(new, None, "", Attempt(new.pod.network, host.address, port), name)
        if target in self.replicas.addresses:
            attempt = Attempt(new.pod.network, self.replicas.addresses[target], port)
            yield Flow(new, None, target, attempt, f"{name} by its Service")
        for each in self.replicas.of(target):
            yield Flow(new, each, "", Attempt(new.pod.network, each.pod.address, port), name)

    def _into(self, new: Replica, source: str, port: PortRange) -> Iterator[Flow]:
        name = f"{source} => {new.service} : {port}"
        for host in self.hosts.get(source, ()):
            yield Flow(None, new, "", Attempt(host.namespace, new.pod.address, port), name)
        for each in self.replicas.of(source):
            yield Flow(each, new, "", Attempt(each.pod.network, new.pod.address, port), name)


def _passes_at_last(look: Look, number: int) -> bool:
    runs = look.runs.get(number, ())
    return bool(runs) and runs[-1].passed
