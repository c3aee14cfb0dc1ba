"""The traffic matrix: which services there are, what lies outside, and who may talk to whom.

Values only; ``flash_ticket.firewall.declare.traffic_file`` reads and checks the file. Whatever is not a flow here is
denied.
"""

from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.terms.ports import PortRange

Labels = tuple[tuple[str, str], ...]
"""Label keys with their values, sorted."""


@dataclass(frozen=True, slots=True)
class Service:
    """Pods of the declared namespace that do one job.

    Attributes:
        name: The name that flows use.
        pods: The pod labels, sorted pairs. No two services can match one pod.
        ports: The container ports, sorted.
        ingress_policy: Name of the one NetworkPolicy that says who may reach these pods.
        egress_policy: Name of the one NetworkPolicy that says whom these pods may reach.
    """

    name: str
    pods: Labels
    ports: tuple[PortRange, ...]
    ingress_policy: str
    egress_policy: str


@dataclass(frozen=True, slots=True)
class External:
    """Something outside the namespace: a place that a stack binds, or pods of another namespace.

    Attributes:
        name: The name that flows use.
        ports: The ports it listens on, sorted; empty for something that only calls.
        namespace: The other namespace when this is pods, None for a place outside the cluster.
        pods: The pod labels there, sorted pairs; empty means every pod of that namespace.
    """

    name: str
    ports: tuple[PortRange, ...]
    namespace: str | None
    pods: Labels


DeclaredEndpoint = Service | External


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """One permission: ``source`` may open connections to ``target`` on ``ports`` (sorted, never empty)."""

    source: str
    target: str
    ports: tuple[PortRange, ...]


@dataclass(frozen=True)
class Matrix:
    """The whole declaration, in an order that does not depend on how the file was written.

    Attributes:
        namespace: The one namespace whose pods are firewalled.
        services: Sorted by name.
        externals: Sorted by name.
        flows: Sorted; at most one for each pair of endpoints.
    """

    namespace: str
    services: tuple[Service, ...]
    externals: tuple[External, ...]
    flows: tuple[Flow, ...]

    @cached_property
    def endpoints(self) -> dict[str, DeclaredEndpoint]:
        """Every service and external by its name."""
        every: list[DeclaredEndpoint] = [*self.services, *self.externals]
        return {endpoint.name: endpoint for endpoint in every}

    @cached_property
    def flows_into(self) -> dict[str, tuple[Flow, ...]]:
        """The flows by target; an endpoint nobody may reach has an empty entry."""
        return {name: tuple(found) for name, found in self._grouped("target").items()}

    @cached_property
    def flows_out_of(self) -> dict[str, tuple[Flow, ...]]:
        """The flows by source; an endpoint that may reach nobody has an empty entry."""
        return {name: tuple(found) for name, found in self._grouped("source").items()}

    def _grouped(self, end: str) -> dict[str, list[Flow]]:
        grouped: dict[str, list[Flow]] = {name: [] for name in self.endpoints}
        for flow in self.flows:
            grouped[getattr(flow, end)].append(flow)
        return grouped
