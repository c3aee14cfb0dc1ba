"""Likely causes of the denial of a declared connection, from what is known about the environment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.change.deployed import identity
from flash_ticket.firewall.prove.both_layers import BothLayers, has_say
from flash_ticket.firewall.prove.endpoint import Role
from flash_ticket.firewall.terms.verdict import Layer, RuleReference
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.attribution import EARLY_SECONDS, Conversation
from flash_ticket.traffic.attribution.place_directory import PlaceDirectory
from flash_ticket.traffic.denials.cause import Cause, Suspect
from flash_ticket.traffic.denials.interface_groups import InterfaceGroups
from flash_ticket.traffic.records.hubble_decision import denying_policies, is_policys
from flash_ticket.traffic.records.record import Disposition, Evidence

TO_ALLOW = "Change or remove that rule: no NetworkPolicy can allow what it denies"

_TO_CHECK = {
    Layer.POD: (
        "whether the cluster is as declared (flash-firewall verify), the labels of both pods, the policy agent on "
        "their nodes, and connections that were open when the policies last changed"
    ),
    Layer.VPC: (
        "the groups on the interfaces of both ends, whether the account is as declared (flash-firewall verify), the "
        "network ACLs of both subnets, and connections that outlived a change of rules or the idle timeout of groups"
    ),
}


@dataclass(frozen=True)
class DeniedAsDeclared:
    """The knowledge about one environment that may explain why a declared connection was denied."""

    traffic: AttributedTraffic

    def causes(self, conversations: Sequence[Conversation], layer: Layer) -> tuple[Cause, ...]:
        """Return the likely causes, most likely first; if there is none, what to check.

        Args:
            conversations: Conversations of one pair on one port that one layer stopped; at least one.
            layer: The layer that stopped them.
        """
        first = conversations[0]
        early = list(self._early(conversations))
        found = [
            *self._no_policy(conversations),
            *self._deny_rules(conversations),
            *(cause for cause, all_of_it in early if all_of_it),
            *self._compiled(first, layer),
            *self._drifted(first, layer),
            *(self._overruled() if layer is Layer.POD else ()),
            *(self._groups.missing(conversations) if layer is Layer.VPC else self._outside(conversations)),
            *self._reject_reasons(conversations),
            *(cause for cause, all_of_it in early if not all_of_it),
        ]
        if layer is Layer.VPC and not found and self._groups.are_known(first):
            found.append(_network_acl(first))
        return tuple(found) or (_unknown(first, layer),)

    @staticmethod
    def _no_policy(conversations: Sequence[Conversation]) -> Iterator[Cause]:
        """Yield the reasons of drops that no policy caused."""
        reasons = {each.reason for each in conversations if each.evidence is Evidence.HUBBLE}
        for reason in sorted(reasons):
            if reason and not is_policys(reason):
                remedy = "Look the reason up in Cilium's documentation: no rule of this firewall changes it"
                yield Cause(Suspect.NO_POLICY, f"Cilium dropped it for {reason}, and no policy caused that", remedy)

    @staticmethod
    def _deny_rules(conversations: Sequence[Conversation]) -> Iterator[Cause]:
        """Yield the policies of Cilium whose deny rules stopped it."""
        for policy in denied_by(conversations):
            yield Cause(Suspect.OVERRULED, f"a deny rule of {policy} stopped it", TO_ALLOW)

    @staticmethod
    def _early(conversations: Sequence[Conversation]) -> Iterator[tuple[Cause, bool]]:
        early, count = sum(each.early for each in conversations), sum(each.count for each in conversations)
        if early:
            share = "all" if early == count else f"{early} of {count}"
            problem = (
                f"{share} lines are from a pod's first {EARLY_SECONDS} s, when its policies may not be enforced yet"
            )
            yield (
                Cause(Suspect.NOT_ENFORCED_YET, problem, "Let the pod try again: the problem ends by itself"),
                early == count,
            )

    def _compiled(self, about: Conversation, layer: Layer) -> Iterator[Cause]:
        if about.port and has_say(layer, about.source, about.destination):
            verdict = self.traffic.layers.answer(layer, about.source, about.destination, about.port)
            if verdict and verdict.stops:
                remedy = "Run flash-firewall check, and fix what it reports before anything else"
                problem = f"the compiled {layer} layer stops it, although it is declared"
                yield Cause(Suspect.COMPILED, problem, remedy)

    def _drifted(self, about: Conversation, layer: Layer) -> Iterator[Cause]:
        """Yield what differs from the declaration and stops this."""
        if not self._deployed_layers or not about.port:
            return
        ends = [self._deployed_layers.named.get(end.name) for end in (about.source, about.destination)]
        wanted = self.traffic.layers.answer(layer, about.source, about.destination, about.port)
        found = self._deployed_layers.answer(layer, ends[0], ends[1], about.port) if ends[0] and ends[1] else None
        if not wanted or not found or not found.stops or not wanted.passes:
            return
        sides = ((wanted.egress, found.egress), (wanted.ingress, found.ingress))
        names = [
            self._difference(rule, layer) for declared, deployed in sides if deployed.stops for rule in declared.rules
        ]
        causes = "; ".join(dict.fromkeys(name for name in names if name)) or "; ".join(map(str, found.deciding))
        yield Cause(
            Suspect.DRIFT,
            f"what is deployed denies it too: {causes}",
            f"Run pulumi up --refresh --stack {self.traffic.firewall.environment.name}",
        )

    def _difference(self, rule: RuleReference, layer: Layer) -> str:
        """Return how a declared rule differs from the deployed one; empty if it does not."""
        if layer is Layer.VPC:
            return "" if rule.rule in self._deployed_rules else f"the rule {rule.rule} of {rule.owner} is missing"
        namespace, _, name = rule.owner.rpartition("/")
        if (namespace, name) not in self._deployed_policies:
            return f"the NetworkPolicy {name} is missing"
        declared = next(each.manifest() for each in self.traffic.firewall.pods.policies if each.name == name)
        is_same = declared["spec"] == self._deployed_policies[namespace, name]
        return "" if is_same else f"the NetworkPolicy {name} was changed"

    def _overruled(self) -> Iterator[Cause]:
        deployed = self.traffic.inventory.deployed
        if deployed and deployed.overruling:
            problem = f"policies of administrators can overrule every NetworkPolicy: {', '.join(deployed.overruling)}"
            yield Cause(Suspect.OVERRULED, problem, "Read them: no NetworkPolicy can allow what they deny")

    def _outside(self, conversations: Sequence[Conversation]) -> Iterator[Cause]:
        """Yield addresses of a place that are outside the networks that policies have for it."""
        outside = {
            address: endpoint
            for each in conversations
            for endpoint, addresses in ((each.source, each.sources), (each.destination, each.destinations))
            for address in addresses
            if endpoint.role is Role.EXTERNAL and not endpoint.workload
            if not self._places.within(address, endpoint.ranges)
        }
        for address, endpoint in sorted(outside.items()):
            problem = f"{address} is outside the networks that the stack's settings give {endpoint.name}"
            yield Cause(Suspect.OUTSIDE, problem, f"Add its subnet to places.{endpoint.name}, and deploy")

    @staticmethod
    def _reject_reasons(conversations: Sequence[Conversation]) -> Iterator[Cause]:
        reasons = {each.reason for each in conversations if each.evidence is Evidence.FLOW_LOG and each.reason}
        for reason in sorted(reasons):
            remedy = "Look it up under reject-reason in the VPC User Guide, flow log records"
            yield Cause(Suspect.REJECT_REASON, f"the flow log gives the reason {reason}", remedy)

    @cached_property
    def _groups(self) -> InterfaceGroups:
        return InterfaceGroups(self.traffic.inventory)

    @cached_property
    def _places(self) -> PlaceDirectory:
        return PlaceDirectory(self.traffic.layers, self.traffic.inventory)

    @cached_property
    def _deployed_layers(self) -> BothLayers | None:
        inventory = self.traffic.inventory
        if not inventory.deployed or not inventory.environment:
            return None
        return inventory.deployed.layers(self.traffic.firewall.matrix, inventory.environment)

    @cached_property
    def _deployed_rules(self) -> frozenset[str]:
        return (
            frozenset(rule.name for rule in self._deployed_layers.firewall.rules)
            if self._deployed_layers
            else frozenset()
        )

    @cached_property
    def _deployed_policies(self) -> Mapping[tuple[str, str], object]:
        deployed, home = self.traffic.inventory.deployed, self.traffic.firewall.matrix.namespace
        found = {identity(each): each["spec"] for each in deployed.policies} if deployed else {}
        return {(namespace or home, name): spec for (namespace, name), spec in found.items()}


def denied_by(conversations: Sequence[Conversation]) -> tuple[str, ...]:
    """Return the policies whose deny rules stopped something, sorted: Hubble names them."""
    found = (each.reason for each in conversations if each.evidence is Evidence.HUBBLE)
    return tuple(sorted({policy for reason in found for policy in denying_policies(reason)}))


def _unknown(about: Conversation, layer: Layer) -> Cause:
    if about.disposition is Disposition.UNANSWERED:
        problem = "a NetworkPolicy stopped it at the pod, or nothing listens on the port"
        remedy = "Read the pod layer's log of that time too, and check whether the pod listens on the port"
        return Cause(Suspect.UNKNOWN, problem, remedy)
    return Cause(Suspect.UNKNOWN, "nothing that is known here explains it", f"Check in this order: {_TO_CHECK[layer]}")


def _network_acl(about: Conversation) -> Cause:
    problem = "the groups on both interfaces and their deployed rules allow it: a network ACL may stop it"
    return Cause(
        Suspect.NETWORK_ACL,
        problem,
        f"Read the network ACLs of the subnets of {about.source.name} and {about.destination.name}, both ways",
    )
