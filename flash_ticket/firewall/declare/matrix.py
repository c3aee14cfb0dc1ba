"""The traffic matrix: the services, the externals, and the flows between them.

Values only; ``flash_ticket.firewall.declare.traffic_file`` reads and checks the file. Traffic without a flow is denied.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import combinations

from flash_ticket.firewall.declare.built_in import BuiltIn, LookedUp
from flash_ticket.firewall.declare.fields import LONGEST_REASON, default_deny_of
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import PortRange, listing
from flash_ticket.firewall.terms.verdict import Direction

WARNED_BEFORE = timedelta(days=14)
"""How long before its end a flow is named at each preview and check."""

Labels = tuple[tuple[str, str], ...]
"""Label keys with their values, sorted."""


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as kubectl writes them: ``app=api, tier=front``."""
    return ", ".join(f"{key}={value}" for key, value in labels)


@dataclass(frozen=True, slots=True)
class Service:
    """Pods of one namespace that do one job.

    Attributes:
        name: The name that flows use.
        pods: The pod labels as sorted pairs. No pod can match two services.
        ports: The container ports, sorted; empty if the pods only call.
        ingress_policy: Name of the one NetworkPolicy for connections to these pods; without ports there is none.
        egress_policy: Name of the one NetworkPolicy for connections from these pods.
        stacks: The stacks that have this service; empty for all.
        namespace: Its namespace if that is not the matrix's own; see ``Matrix.namespace_of``.
    """

    name: str
    pods: Labels
    ports: tuple[PortRange, ...]
    ingress_policy: str
    egress_policy: str
    stacks: tuple[str, ...] = ()
    namespace: str | None = None

    @property
    def policies(self) -> tuple[tuple[Direction, str], ...]:
        """The direction and name of each policy of the service. Default-deny alone closes the way to no ports."""
        egress = (Direction.EGRESS, self.egress_policy)
        return ((Direction.INGRESS, self.ingress_policy), egress) if self.ports else (egress,)

    @property
    def domains_policy(self) -> str:
        """Name of the one policy for domain names that these pods reach; without such a flow there is none."""
        return f"{self.egress_policy}-domains"


@dataclass(frozen=True, slots=True)
class External:
    """Something outside the namespaces of the services: a place of a stack, domain names, or pods of another namespace.

    Attributes:
        name: The name that flows use.
        ports: The ports it listens on, sorted; empty if it only opens connections.
        namespace: The other namespace if these are pods; None outside the cluster.
        pods: The labels of the pods there as sorted pairs; empty means every pod of that namespace.
        stacks: The stacks that have this external; empty for all.
        looked_up: What the program looks up itself, so that no stack binds it; None for all else.
        domains: The names it is known by, sorted; empty for addresses and pods. ``*.`` stands for all names below.
    """

    name: str
    ports: tuple[PortRange, ...]
    namespace: str | None
    pods: Labels
    stacks: tuple[str, ...] = ()
    looked_up: LookedUp | None = None
    domains: tuple[str, ...] = ()

    @property
    def has_place(self) -> bool:
        """Whether an environment has a place for it: it is neither pods nor domain names."""
        return self.namespace is None and not self.domains


DeclaredEndpoint = Service | External


def share_no_pod(first: DeclaredEndpoint, second: DeclaredEndpoint) -> bool:
    """Return whether no pod of one namespace can match both: a label key has different values."""
    labels = dict(first.pods)
    return any(labels.get(key, value) != value for key, value in second.pods)


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """One permission: ``source`` may open connections to ``target`` on ``ports`` (sorted, never empty).

    Attributes:
        because: Why, in a person's words; empty if the file does not say.
    """

    source: str
    target: str
    ports: tuple[PortRange, ...]
    because: str = ""


@dataclass(frozen=True, slots=True)
class LimitedFlow:
    """A flow that only some stacks have, or that ends.

    Attributes:
        stacks: The stacks that have it; empty for all.
        until: The last day on which it is open, in UTC; None if it does not end.
    """

    flow: Flow
    stacks: tuple[str, ...] = ()
    until: date | None = None

    def __str__(self) -> str:
        """Return ``api -> redis : TCP 6379 (because)``."""
        why = f" ({self.flow.because})" if self.flow.because else ""
        return f"{self.flow.source} -> {self.flow.target} : {listing(self.flow.ports)}{why}"


def merged(flows: Iterable[Flow]) -> tuple[Flow, ...]:
    """Return one flow for each pair of endpoints, sorted, with the ports and, sorted, the reasons of all."""
    by_pair: dict[tuple[str, str], list[Flow]] = {}
    for flow in flows:
        by_pair.setdefault((flow.source, flow.target), []).append(flow)
    return tuple(
        Flow(
            *ends,
            tuple(sorted({port for each in together for port in each.ports})),
            "; ".join(sorted({each.because for each in together if each.because}))[:LONGEST_REASON],
        )
        for ends, together in sorted(by_pair.items())
    )


def _with_others(home: str, services: Iterable[Service]) -> tuple[str, ...]:
    others = {service.namespace for service in services if service.namespace} - {home}
    return (home, *sorted(others))


@dataclass(frozen=True)
class Matrix:
    """The whole declaration, in an order that does not depend on the order in the file.

    Attributes:
        namespace: The namespace of the services that name no other one. The firewall is named after it.
        services: Sorted by name.
        externals: Sorted by name.
        flows: Sorted; at most one for each pair of endpoints.
        repeated: What the file gives more than once.
        limited: What only some stacks have, or what ends; ``within`` moves to ``flows`` what a stack has at a moment.
        timed: What of ``flows`` ends.
        ending: What of this ends soon, seen from that moment.
        over: What has ended.
    """

    namespace: str
    services: tuple[Service, ...]
    externals: tuple[External, ...]
    flows: tuple[Flow, ...]
    repeated: tuple[Flow, ...] = field(default=(), compare=False)
    limited: tuple[LimitedFlow, ...] = ()
    timed: tuple[LimitedFlow, ...] = field(default=(), compare=False)
    ending: tuple[LimitedFlow, ...] = field(default=(), compare=False)
    over: tuple[LimitedFlow, ...] = field(default=(), compare=False)

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces whose pods the firewall controls: the matrix's own, then the others, sorted."""
        return _with_others(self.namespace, self.services)

    def namespaces_in(self, stack: str) -> tuple[str, ...]:
        """Return the namespaces whose pods the firewall controls in a stack."""
        return _with_others(self.namespace, (each for each in self.services if not each.stacks or stack in each.stacks))

    def namespace_of(self, service: Service) -> str:
        """Return the namespace of a service's pods."""
        return service.namespace or self.namespace

    def services_in(self, namespace: str) -> tuple[Service, ...]:
        """Return the services of a namespace, sorted by name."""
        return tuple(service for service in self.services if self.namespace_of(service) == namespace)

    def namespace_of_policy(self, name: str) -> str:
        """Return the namespace of a policy of the firewall, by the policy's name."""
        for service in self.services:
            if name in {service.ingress_policy, service.egress_policy}:
                return self.namespace_of(service)
        denials = {default_deny_of(each, self.namespace): each for each in self.namespaces}
        return denials.get(name, self.namespace)

    def within(self, stack: str, at: datetime) -> "Matrix":
        """Return what a stack has at a moment.

        Args:
            stack: The stack, such as ``dev``.
            at: The moment, in UTC.
        """
        every: list[DeclaredEndpoint] = [*self.services, *self.externals]
        ends = [each for each in every if not each.stacks or stack in each.stacks]
        if not self.limited and len(ends) == len(every):
            return self
        names, today = {each.name for each in ends}, at.date()
        ours = [
            each
            for each in self.limited
            if (not each.stacks or stack in each.stacks) and {each.flow.source, each.flow.target} <= names
        ]
        held = [each for each in ours if each.until is None or each.until >= today]
        timed = tuple(each for each in held if each.until)
        flows = merged(
            each for each in (*self.flows, *(limited.flow for limited in held)) if {each.source, each.target} <= names
        )
        used = {end for flow in flows for end in (flow.source, flow.target)}
        names -= {each.name for each in self.externals if isinstance(each.looked_up, BuiltIn)} - used
        return replace(
            self,
            services=tuple(each for each in self.services if each.name in names),
            externals=tuple(each for each in self.externals if each.name in names),
            flows=flows,
            limited=(),
            timed=(*self.timed, *timed),
            ending=(*self.ending, *(each for each in timed if each.until and each.until - today <= WARNED_BEFORE)),
            over=(*self.over, *(each for each in ours if each not in held)),
        )

    def notices(self) -> Iterator[Notice]:
        """Yield what is allowed in a matrix, but may not be meant: entries that nothing uses, and flows given twice."""
        used = {name for flow in self.flows for name in (flow.source, flow.target)}
        for service in self.services:
            if service.name not in used:
                what = "no flow names this service, so its pods reach nothing but DNS, and nothing reaches them"
                yield Notice(f"services.{service.name}", what, "Add its flows, or remove it")
        for external in self.externals:
            if external.name not in used:
                yield Notice(f"externals.{external.name}", "no flow names this external", "Add its flows, or remove it")
        for first, second in self._pods_under_two_names():
            what = f"a pod of {first.namespace} can match both {first.name} and {second.name}, and has what both may do"
            remedy = "Give both one label key with different values, or declare these pods once"
            yield Notice(f"externals.{second.name}.pods", what, remedy)
        for flow in self.repeated:
            what = f"more than one flow allows {flow.source} to open {listing(flow.ports)} of {flow.target}"
            yield Notice("flows", what, "Keep one of them")
        for each in self.ending:
            what = f"it ends after {each.until} (UTC), and the next deployment then closes it"
            yield Notice(f"flow {each}", what, "Give it a later date, or remove it from traffic.yaml in time")
        for each in self.over:
            what = f"it ended after {each.until} (UTC), and this deployment closes it"
            yield Notice(f"flow {each}", what, "Remove it from traffic.yaml, or give it a later date")

    def _pods_under_two_names(self) -> Iterator[tuple[External, External]]:
        """Yield the pairs of externals that one pod of another namespace could match."""
        by_namespace: dict[str, list[External]] = {}
        for external in self.externals:
            if external.namespace is not None:
                by_namespace.setdefault(external.namespace, []).append(external)
        for found in by_namespace.values():
            yield from (pair for pair in combinations(found, 2) if not share_no_pod(*pair))

    @cached_property
    def reasons(self) -> dict[tuple[str, str], str]:
        """Why each flow is there, by its source and target, where the file says it."""
        return {(flow.source, flow.target): flow.because for flow in self.flows if flow.because}

    @cached_property
    def endpoints(self) -> dict[str, DeclaredEndpoint]:
        """Every service and external by its name."""
        every: list[DeclaredEndpoint] = [*self.services, *self.externals]
        return {endpoint.name: endpoint for endpoint in every}

    @cached_property
    def flows_into(self) -> dict[str, tuple[Flow, ...]]:
        """The flows by target; a target without flows has an empty entry."""
        return {name: tuple(found) for name, found in self._grouped("target").items()}

    @cached_property
    def flows_out_of(self) -> dict[str, tuple[Flow, ...]]:
        """The flows by source; a source without flows has an empty entry."""
        return {name: tuple(found) for name, found in self._grouped("source").items()}

    def _grouped(self, end: str) -> dict[str, list[Flow]]:
        grouped: dict[str, list[Flow]] = {name: [] for name in self.endpoints}
        for flow in self.flows:
            grouped[getattr(flow, end)].append(flow)
        return grouped
