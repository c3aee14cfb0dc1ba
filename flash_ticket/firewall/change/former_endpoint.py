"""Services and externals that a deployment still speaks of and the matrix no longer declares.

What they were is told by the objects themselves: labels and annotations of policies, descriptions of rules.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_network
from typing import Any

from flash_ticket.firewall.analyse.cluster import NAME_LABEL as NAMESPACE_NAME
from flash_ticket.firewall.bind.environment import Environment, Group, Network, Place, PrefixList
from flash_ticket.firewall.compile.pod_layer import ANNOTATION_PREFIX, NAME_LABEL
from flash_ticket.firewall.compile.vpc_layer import Rule
from flash_ticket.firewall.declare.matrix import External, Labels, Matrix, Service
from flash_ticket.firewall.prove.endpoint import DNS
from flash_ticket.firewall.terms.direction import Direction

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class FormerEndpoints:
    """What one deployment says of endpoints that are gone.

    Attributes:
        declared: What is declared now.
        policies: This program's NetworkPolicies as they stand.
        rules: This program's rules as they stand.
    """

    declared: Matrix
    policies: tuple[Manifest, ...]
    rules: tuple[Rule, ...]

    def matrix(self) -> Matrix:
        """Return the declared matrix with the former endpoints, without flows of theirs."""
        services, externals = self._services.values(), (external for external, _ in self._externals)
        return replace(
            self.declared,
            services=(*self.declared.services, *services),
            externals=(*self.declared.externals, *externals),
        )

    def environment(self, bound: Environment) -> Environment:
        """Return the environment with the places of former externals."""
        former = ((external.name, place) for external, place in self._externals if place)
        return replace(bound, places=tuple(sorted((*bound.places, *former), key=lambda named: named[0])))

    @cached_property
    def _services(self) -> dict[str, Service]:
        return {
            name: Service(self._free(name, "in the cluster"), labels_of(policy["spec"]), (), "", "")
            for policy in self.policies
            if (name := policy["metadata"].get("labels", {}).get(NAME_LABEL))
            and name not in {service.name for service in self.declared.services}
        }

    @cached_property
    def _externals(self) -> tuple[tuple[External, Place | None], ...]:
        known = {*(external.name for external in self.declared.externals), DNS}
        return tuple(
            self._external(name, peers)
            for name, peers in sorted(self._peers.items())
            if name not in known and any({"ipBlock", "namespaceSelector"} & set(peer) for peer in peers)
        )

    @cached_property
    def _peers(self) -> dict[str, list[Manifest]]:
        """The peers of rules by the name of the flow's other end."""
        found: dict[str, list[Manifest]] = {}
        for policy in self.policies:
            for name, peers in _rules_of(policy):
                found.setdefault(name, []).extend(peer for peer in peers if peer not in found.get(name, ()))
        return found

    def _external(self, name: str, peers: Iterable[Manifest]) -> tuple[External, Place | None]:
        free = self._free(name, "outside the cluster")
        for peer in peers:
            if "namespaceSelector" in peer:
                namespace = dict(labels_of(peer, "namespaceSelector")).get(NAMESPACE_NAME, "")
                return External(free, (), namespace, labels_of(peer)), None
        networks: tuple[Network, ...] = tuple(
            ip_network(peer["ipBlock"]["cidr"], strict=False) for peer in peers if "ipBlock" in peer
        )
        ends = {rule.peer for rule in self.rules if name in _other_ends(rule)}
        groups = sorted(end for end in ends if isinstance(end, Group))
        listed = next((replace(end, networks=networks) for end in ends if isinstance(end, PrefixList)), None)
        return External(free, (), None, ()), Place(networks, listed, tuple(groups))

    def _free(self, name: str, where: str) -> str:
        return f"{name} {where}" if name in self.declared.endpoints else name


def labels_of(holder: Manifest, selector: str = "podSelector") -> Labels:
    """Return the labels that a selector of an object names, as far as it names values."""
    return tuple(sorted(holder.get(selector, {}).get("matchLabels", {}).items()))


def _rules_of(policy: Manifest) -> Iterator[tuple[str, list[Manifest]]]:
    """Yield the flow's other end and the peers of each rule that an annotation explains."""
    annotations = policy["metadata"].get("annotations", {})
    for direction, side in ((Direction.INGRESS, "from"), (Direction.EGRESS, "to")):
        for index, rule in enumerate(policy["spec"].get(direction.value, ())):
            flow = annotations.get(f"{ANNOTATION_PREFIX}/{direction.value}.{index}", "").partition(" : ")[0]
            source, arrow, target = flow.partition(" -> ")
            if arrow:
                yield source if direction is Direction.INGRESS else target, list(rule.get(side, ()))


def _other_ends(rule: Rule) -> Iterator[str]:
    """Yield what the peer of a rule is called by the flows that the rule is for."""
    for flow in rule.flows:
        source, _, target = flow.partition(" to ")
        yield source if rule.direction is Direction.INGRESS else target.partition(" ")[0]
