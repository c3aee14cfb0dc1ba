"""Events that come to the shop's pods, with each firewall in turn, and what they cost declared connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flash_ticket.firewall.declare.choices import CniName
from lab.node.enforcers.aws.agent import Mode
from lab.on_the_way.probe import Probe
from lab.packets.declarations import with_attachment
from lab.packets.world import End, World
from lab.restarts.replicas import Replicas
from lab.restarts.row import Row
from lab.restarts.shop import Shop
from lab.restarts.situation import Event, Standing
from lab.restarts.traffic import Traffic
from lab.restarts.trial import Trial

_COLLECTED_SECONDS = 1.0  # as the controller of EKS does for changes of pods


@dataclass(slots=True)
class Restarts:
    """Measures on one node, which the agent of AWS enforces on.

    Attributes:
        world: Its hosts; its node runs.
        matrix: The file that declares the traffic.
        folder: Of the stack's file.
        stack: Its name.
        interval: After how many seconds each declared connection is tried again.
    """

    world: World
    matrix: Path
    folder: Path
    stack: str
    interval: float

    def rows(self, rounds: int) -> Iterator[Row]:
        """Go through all events so many times, under each firewall in turn, and yield what they cost.

        Raises:
            NodeError: Something of the node does not work, or a declared connection does not before an event.
        """
        node = self.world.node
        trials = {(standing, event): list[Trial]() for standing in _possible(node.mode) for event in Event}
        node.aws.collect_changes(_COLLECTED_SECONDS)
        with Probe.start() as probe, self._shop(probe) as shop:
            for _ in range(rounds):
                for standing in _possible(node.mode):
                    with shop.behind(standing):
                        for event in Event:
                            trials[standing, event].append(shop.trial(event))
                            node.check()
        node.aws.collect_changes(0.0)
        yield from (Row(node.mode, *key, tuple(found)) for key, found in trials.items())

    @contextmanager
    def _shop(self, probe: Probe) -> Iterator[Shop]:
        node = self.world.node
        declarations = {
            standing: with_attachment(self.matrix, self.folder, self.stack, CniName.VPC_CNI, standing)
            for standing in (Standing.PODS, Standing.NODES)
        }
        layers = declarations[Standing.PODS].firewall.layers()
        hosts, named = list(self.world.hosts([layers])), dict[str, list[End]]()
        for host in hosts:
            for name in host.name.split(", "):
                named.setdefault(name, []).append(host)
                endpoint = layers.matrix.endpoints.get(name)
                self.world.listen(host, endpoint.ports if endpoint else ())
        replicas = Replicas(node, layers.matrix)
        replicas.open()
        try:
            traffic = Traffic(layers.matrix, named, str(node.addresses.dns), replicas, probe, self.interval)
            yield Shop(node, declarations, hosts, replicas, traffic)
        finally:
            replicas.close()


def _possible(mode: Mode) -> tuple[Standing, ...]:
    """Return the firewalls that can stand: in strict mode nothing connects without one."""
    return tuple(Standing) if mode is Mode.STANDARD else (Standing.PODS, Standing.NODES)
