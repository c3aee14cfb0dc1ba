"""Stopped traffic: who tried it, which layer stopped it and why, and whether it is declared.

A flow log shows what security groups and network ACLs stop, but never the drop of a NetworkPolicy. The logs of the pod
layer show that, but never the drop of a security group. Traffic that a flow log shows as accepted and never answered is
listed separately, because it is a weaker sign.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.prove.both_layers import BothLayers, has_say
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import NO_PORTS, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Layer, Verdict
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.attribution import Conversation
from flash_ticket.traffic.attribution.examples import MOST_EXAMPLES
from flash_ticket.traffic.denials.allowance import Allowance, allowance
from flash_ticket.traffic.denials.cause import Cause
from flash_ticket.traffic.denials.causes import TO_ALLOW, DeniedAsDeclared, denied_by
from flash_ticket.traffic.denials.near_miss import NearMisses
from flash_ticket.traffic.denials.refusals import Refusal, is_governed, refusals
from flash_ticket.traffic.records.hubble_decision import is_audited, is_policys
from flash_ticket.traffic.records.record import Disposition, Evidence, PodIdentity

_Key = tuple[Endpoint, Endpoint, PortRange | None, int]


class Question(StrEnum):
    """Which traffic to list."""

    DENIED = "what was denied"
    AUDITED = "what would be denied"
    """What passed only because Cilium audits its policies and enforces none (PolicyAuditMode)."""


class Standing(StrEnum):
    """Whether what was denied should have passed."""

    DECLARED = "declared"
    UNDECLARED = "not declared"


@dataclass(frozen=True, slots=True)
class Denial:
    """Traffic of one pair on one port that one layer stopped, or that got no answer.

    Attributes:
        source: The endpoint that called.
        destination: The endpoint that was called.
        port: A range of one port; None for a protocol without ports.
        protocol: IANA's number.
        disposition: Stopped, allowed by the VPC layer and unanswered, or passed: then Cilium only audited it.
        layer: The layer that stopped it, or would; for unanswered traffic the pod layer, which may have stopped it.
        evidence: The kinds of log that show it, sorted.
        count: How many lines show it.
        unanswered: How many lines of flow logs show the same pair and port without an answer.
        passed: How many lines show the same pair and port passing the same layer, audited ones left out.
        first: Seconds since 1970, UTC.
        last: Seconds since 1970, UTC.
        sources: A few addresses of the source, sorted.
        destinations: A few addresses of the destination, sorted.
        callers: A few pods of the source.
        called: A few pods of the destination.
        standing: Whether it is declared.
        decided: What decides on each side of the compiled layer: a policy or rule, or that there is none.
        causes: Why it was stopped, most likely first; never empty for a declared connection.
        allowance: How to allow it; None for a declared connection.
    """

    source: Endpoint
    destination: Endpoint
    port: PortRange | None
    protocol: int
    disposition: Disposition
    layer: Layer
    evidence: tuple[Evidence, ...]
    count: int
    unanswered: int
    passed: int
    first: float
    last: float
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    callers: tuple[PodIdentity, ...]
    called: tuple[PodIdentity, ...]
    standing: Standing
    decided: tuple[str, ...]
    causes: tuple[Cause, ...]
    allowance: Allowance | None


@dataclass(frozen=True, slots=True)
class Denied:
    """All traffic from or to what this firewall governs that was stopped.

    Attributes:
        denials: Stopped traffic, declared first, then by count.
        unanswered: Traffic that the VPC layer allowed and nobody answered, declared first.
        passed: How many lines show traffic that passed, and not only because Cilium audits its policies.
        audited: How many lines show traffic of what this firewall governs that passed for that reason alone.
        question: Whether ``denials`` are what was stopped, or what would be.
        beside: How many lines show stopped or unanswered traffic between ends that this firewall does not govern.
        refused: Names that a DNS rule refused to pods of the namespace.
        aside: How many lines show undeclared traffic that Cilium dropped although no policy said so, by its reason.
    """

    denials: tuple[Denial, ...]
    unanswered: tuple[Denial, ...]
    passed: int
    beside: int
    audited: int = 0
    question: Question = Question.DENIED
    refused: tuple[Refusal, ...] = ()
    aside: Mapping[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing declared was stopped, or would be."""
        return not any(each.standing is Standing.DECLARED for each in self.denials)


def denied(traffic: AttributedTraffic, service: str | None = None, question: Question = Question.DENIED) -> Denied:
    """Return the traffic that was stopped, or that would be.

    Args:
        traffic: The recorded and attributed traffic.
        service: Only traffic from or to this service; None for all.
        question: What to list.

    Raises:
        InputError: The service does not exist, or the network plug-in cannot audit.
    """
    cni = traffic.firewall.environment.cluster.cni
    if question is Question.AUDITED and cni is not CniName.CILIUM:
        problem = f"cluster.cni.name is {cni.value}, and only Cilium can audit policies without enforcing them"
        remedy = "Run flash-firewall replay over flow logs: it lists the recorded traffic that the firewall would stop"
        raise InputError("--audit", "", problem, remedy)
    known = sorted(each.name for each in traffic.firewall.matrix.services)
    if service is not None and service not in known:
        raise InputError("--service", "", f"{service!r} is not a service", f"Name one of: {', '.join(known)}")
    return _Denials(traffic, service, question).denied()


@dataclass(frozen=True)
class _Denials:
    traffic: AttributedTraffic
    service: str | None
    question: Question

    def denied(self) -> Denied:
        stopped: dict[tuple[_Key, Layer], list[Conversation]] = defaultdict(list)
        unanswered: dict[_Key, list[Conversation]] = defaultdict(list)
        aside: Counter[str] = Counter()
        matrix, refused = self.traffic.firewall.matrix, self.traffic.attribution.refused
        beside = sum(each.count for each in refused if not is_governed(each.source, matrix))
        for each in self.traffic.attribution.conversations:
            if not self._is_asked(each):
                continue
            if self._is_no_denial(each):
                aside[each.reason] += each.count
            elif not (self._governs(each.source) or self._governs(each.destination)):
                beside += each.count
            elif self.service in {None, each.source.name, each.destination.name}:
                if each.disposition is Disposition.UNANSWERED:
                    unanswered[_key(each)].append(each)
                else:
                    stopped[_key(each), each.evidence.layer].append(each)
        by_pods = {key for key, layer in stopped if layer is Layer.POD}
        found = [
            self._denial(key, layer, conversations, unanswered.get(key, ()) if layer is Layer.POD else ())
            for (key, layer), conversations in stopped.items()
        ]
        left = [
            self._denial(key, Layer.POD, conversations, ())
            for key, conversations in unanswered.items()
            if key not in by_pods
        ]
        names = tuple(refusals(self.traffic, self.service)) if self.question is Question.DENIED else ()
        passed = sum(self._passed.values())
        return Denied(_sorted(found), _sorted(left), passed, beside, self._audited, self.question, names, aside)

    def _is_asked(self, each: Conversation) -> bool:
        if self.question is Question.AUDITED:
            return _is_audited(each)
        return each.disposition is not Disposition.PASSED

    def _is_no_denial(self, each: Conversation) -> bool:
        """Return whether Cilium dropped something for a reason of its own that no declaration says should pass."""
        by_cilium = each.evidence is Evidence.HUBBLE and each.disposition is Disposition.STOPPED and each.reason
        if not by_cilium or is_policys(each.reason):
            return False
        return not self._is_declared(each.source, each.destination, each.port)

    def _governs(self, endpoint: Endpoint) -> bool:
        """Return whether this firewall governs an endpoint: pods of its namespaces, and load balancers."""
        if endpoint.workload:
            return endpoint.workload.namespace in self.layers.matrix.namespaces
        return endpoint.name in self.layers.environment.fronts

    def _denial(
        self, key: _Key, layer: Layer, conversations: Sequence[Conversation], answerless: Sequence[Conversation]
    ) -> Denial:
        source, destination, port, _ = key
        is_declared = self._is_declared(source, destination, port)
        every = (*conversations, *answerless)
        return Denial(
            *key,
            conversations[0].disposition,
            layer,
            tuple(sorted({each.evidence for each in every})),
            sum(each.count for each in conversations),
            sum(each.count for each in answerless),
            self._passed.get((key, layer), 0),
            min(each.first for each in every),
            max(each.last for each in every),
            _few(address for each in every for address in each.sources),
            _few(address for each in every for address in each.destinations),
            _few_pods(pod for each in every for pod in each.callers),
            _few_pods(pod for each in every for pod in each.called),
            Standing.DECLARED if is_declared else Standing.UNDECLARED,
            tuple(self._decided(source, destination, port, layer)),
            self._as_declared.causes(conversations, layer) if is_declared else self._near.causes(conversations),
            None if is_declared else self._allowance(conversations),
        )

    def _allowance(self, conversations: Sequence[Conversation]) -> Allowance:
        found = allowance(self.layers, conversations)
        deny = (f"A deny rule of {policy} stopped it. {TO_ALLOW}" for policy in denied_by(conversations))
        return replace(found, before=(*found.before, *deny))

    def _is_declared(self, source: Endpoint, destination: Endpoint, port: PortRange | None) -> bool:
        ports = self._declared.get((source, destination), NO_PORTS)
        return port is not None and ports.covers(PortSet((port,)))

    def _decided(self, source: Endpoint, destination: Endpoint, port: PortRange | None, layer: Layer) -> Iterator[str]:
        if port is None:
            yield "it has no ports, and no rule here covers it"
        elif not has_say(layer, source, destination):
            yield f"the {layer} layer has no say between the two"
        elif verdict := self._verdict(source, destination, port, layer):
            if verdict.passes:
                yield f"the compiled {layer} layer allows it"
            yield from map(str, verdict.deciding)

    def _verdict(self, source: Endpoint, destination: Endpoint, port: PortRange, layer: Layer) -> Verdict | None:
        """Return the verdict that the denial is about.

        What is not declared may be open for other addresses of the same endpoint: those of the load balancer are also
        addresses of the VPC. What was stopped came from the part that is closed.
        """
        if self._is_declared(source, destination, port):
            return self.layers.answer(layer, source, destination, port)
        return self.layers.verdict(layer, source, destination, port)

    @property
    def layers(self) -> BothLayers:
        return self.traffic.layers

    @cached_property
    def _declared(self) -> Mapping[tuple[Endpoint, Endpoint], PortSet]:
        return declared_connections(self.layers)

    @cached_property
    def _as_declared(self) -> DeniedAsDeclared:
        return DeniedAsDeclared(self.traffic)

    @cached_property
    def _near(self) -> NearMisses:
        return NearMisses(self.traffic)

    @cached_property
    def _passed(self) -> Mapping[tuple[_Key, Layer], int]:
        found: dict[tuple[_Key, Layer], int] = defaultdict(int)
        for each in self.traffic.attribution.conversations:
            if each.disposition is Disposition.PASSED and not _is_audited(each):
                found[_key(each), each.evidence.layer] += each.count
        return found

    @property
    def _audited(self) -> int:
        found = filter(_is_audited, self.traffic.attribution.conversations)
        return sum(each.count for each in found if self._governs(each.source) or self._governs(each.destination))


def _is_audited(each: Conversation) -> bool:
    return each.evidence is Evidence.HUBBLE and is_audited(each.reason)


def _key(each: Conversation) -> _Key:
    return each.source, each.destination, each.port, each.protocol


def _sorted(denials: Iterable[Denial]) -> tuple[Denial, ...]:
    return tuple(sorted(denials, key=_order))


def _order(each: Denial) -> tuple[object, ...]:
    ends = (each.source.name, each.destination.name, each.protocol, each.port.first if each.port else 0)
    hopeful = each.standing is Standing.UNDECLARED and not each.causes
    return each.standing, hopeful, -each.count, *ends, each.layer


def _few(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(addresses))[:MOST_EXAMPLES])


def _few_pods(pods: Iterable[PodIdentity]) -> tuple[PodIdentity, ...]:
    return tuple(sorted(set(pods), key=lambda pod: (pod.namespace, pod.name, pod.labels))[:MOST_EXAMPLES])


@dataclass(slots=True)
class News:
    """Remembers which denials were reported, so that each look reports only new ones.

    Records arrive late and out of order, so each look has to read again what earlier looks read.
    """

    _reported: dict[object, float] = field(default_factory=dict)

    def of(self, denied: Denied) -> Iterator[Denial]:
        """Yield each denial of a pair, port and layer that was not reported yet, or that happened again later."""
        for each in (*denied.denials, *denied.unanswered):
            ends = (each.source.name, each.destination.name)
            if self._is_new((*ends, each.protocol, each.port, each.layer, each.disposition), each.last):
                yield each

    def names_of(self, denied: Denied) -> Iterator[Refusal]:
        """Yield each refused name of an endpoint that was not reported yet, or that was refused again later."""
        for each in denied.refused:
            if self._is_new((each.asked.source.name, each.asked.name), each.asked.last):
                yield each

    def _is_new(self, key: object, last: float) -> bool:
        found = key not in self._reported or self._reported[key] < last
        if found:
            self._reported[key] = last
        return found
