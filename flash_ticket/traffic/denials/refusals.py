"""Names that a DNS rule of Cilium refused, with the rules that can have done so."""

from collections.abc import Iterator
from dataclasses import dataclass

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.inventory import NameRule
from flash_ticket.traffic.attribution.name_rules import rules_in
from flash_ticket.traffic.attribution.refused_names import OTHER_NAMES, RefusedName
from flash_ticket.traffic.records.record import UNKNOWN_NAME

_FIND_RULES = "kubectl get ciliumnetworkpolicies,ciliumclusterwidenetworkpolicies --all-namespaces --output yaml"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused name.

    Attributes:
        asked: Who asked for which name.
        rules: The known DNS rules that select the endpoint that asked. None of them allows the name.
    """

    asked: RefusedName
    rules: tuple[NameRule, ...]

    @property
    def is_known(self) -> bool:
        """Whether it is about one name, which the log shows."""
        return self.asked.name not in {UNKNOWN_NAME, OTHER_NAMES}

    @property
    def decided(self) -> tuple[str, ...]:
        """The rules, in words; how to find them if none is known."""
        if not self.rules:
            return (f"the DNS rule is not in the inventory; find it with {_FIND_RULES}",)
        return tuple(f"{each.policy}, {each.place} allows only {', '.join(each.names)}" for each in self.rules)

    @property
    def line(self) -> str:
        """The line that a rule needs to allow the name; empty if no rule or no name is known."""
        return f"- matchName: {self.asked.name}" if self.rules and self.is_known else ""


def refusals(traffic: AttributedTraffic, service: str | None = None) -> Iterator[Refusal]:
    """Yield the names that were refused to pods of the firewalled namespaces, most queries first.

    Args:
        traffic: The recorded and attributed traffic.
        service: Only names that this service asked for; None for all.
    """
    for each in traffic.attribution.refused:
        if is_governed(each.source, traffic.firewall.matrix) and service in {None, each.source.name}:
            yield Refusal(each, tuple(_rules(each, traffic)))


def is_governed(source: Endpoint, matrix: Matrix) -> bool:
    """Return whether an endpoint is pods of a firewalled namespace."""
    return source.workload is not None and source.workload.namespace in matrix.namespaces


def _rules(asked: RefusedName, traffic: AttributedTraffic) -> Iterator[NameRule]:
    workload = asked.source.workload
    declared = tuple(workload.labels.items()) if workload else ()
    namespace = workload.namespace if workload else traffic.firewall.matrix.namespace
    callers = [(pod.namespace, pod.labels) for pod in asked.callers] or [(namespace, tuple(sorted(declared)))]
    for rule in rules_in(traffic.inventory):
        if any(rule.selects(*caller) for caller in callers):
            yield rule
