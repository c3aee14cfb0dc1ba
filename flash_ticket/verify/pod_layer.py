"""The pod layer as it stands against what is declared: missing, changed and left-over policies, and those of others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.change.object_difference import Difference, declared_part, differences
from flash_ticket.firewall.change.rewriting import REWRITTEN
from flash_ticket.firewall.compile.pod_layer import ANNOTATION_PREFIX, NetworkPolicy
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.changes import Change
from flash_ticket.verify.finding import Finding, FindingKind, update_of
from flash_ticket.verify.observed import Described, Observed
from flash_ticket.verify.overruling import overruling, perhaps_overruling

_MOST_CHANGES = 3


@dataclass(frozen=True, slots=True)
class PodLayer:
    """The policies of one stack, declared and live."""

    planned: CompiledFirewall
    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield what is not as declared.

        Raises:
            InputError: A policy that stands is not understood.
        """
        live = self._by_name
        for policy in self.planned.deployed_pods.policies:
            found = live.get(policy.name)
            yield from (self._missing(policy),) if found is None else self._changed(policy, found)
        names = {policy.name for policy in self.planned.pods.policies}
        for manifest in self.observed.deployed.policies:
            if manifest["metadata"]["name"] not in names:
                yield self._left_over(manifest["metadata"]["name"])
        yield from self._of_others()
        yield from self._suspensions()

    @property
    def _by_name(self) -> Mapping[str, Described]:
        """All policies of the namespace: somebody may have taken our label from one."""
        deployed = self.observed.deployed
        return {each["metadata"]["name"]: each for each in (*deployed.foreign_policies, *deployed.policies)}

    def _missing(self, policy: NetworkPolicy) -> Finding:
        why = f"what it allows is cut: {policy.purpose}"
        if policy.name == DEFAULT_DENY:
            why = "nothing closes the pods that no other policy selects"
        return Finding(FindingKind.MISSING, self._where(policy.name), "it does not stand", why, self._update)

    def _changed(self, policy: NetworkPolicy, found: Described) -> Iterator[Finding]:
        declared = policy.manifest()
        spec = differences(declared["spec"], found.get("spec", {}), "spec")
        words = tuple(self._words(declared["metadata"], found["metadata"]))
        if spec:
            why = f"it decides otherwise than traffic.yaml: {policy.purpose}"
        else:
            why = "what it says of itself misleads whoever reads it, and this program knows its own by it"
        if spec or words:
            what = "it is not as declared"
            yield Finding(FindingKind.CHANGED, self._where(policy.name), what, why, self._update, (*spec, *words))

    def _words(self, declared: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Difference]:
        """Yield what differs of labels and annotations that are ours; others may add theirs."""
        for part in ("labels", "annotations"):
            found = live.get(part) or {}
            ours = declared_part(declared[part], found)
            # When a policy was last written anew is a deployment's to say, and declared nowhere.
            ours |= {key: found[key] for key in found if key.startswith(f"{ANNOTATION_PREFIX}/") and key != REWRITTEN}
            yield from differences(declared[part], ours, f"metadata.{part}")

    def _left_over(self, name: str) -> Finding:
        why = "what it allows is not declared any more, and open all the same"
        delete = f"kubectl delete networkpolicy --namespace {self.planned.matrix.namespace} {name}"
        remedy = f"{self._update}; if it stays, Pulumi does not know it: {delete}"
        return Finding(FindingKind.LEFT_OVER, self._where(name), "nothing declares it", why, remedy)

    def _of_others(self) -> Iterator[Finding]:
        # Policies add up, and default-deny selects every pod: one of others can open something, and cut nothing.
        namespace = self.planned.matrix.namespace
        found = impact(self.observed.deployed, self.planned.layers())
        for name, changes in found.foreign.items():
            yield Finding(
                FindingKind.WIDENING,
                self._where(name),
                f"it is not this program's, and opens {_listed(changes)}",
                "policies add up: what one of them opens none of ours closes",
                f"kubectl delete networkpolicy --namespace {namespace} {name}, or declare its flows in traffic.yaml",
            )
        if self.observed.others is None:
            yield from perhaps_overruling(found.overruling)
        else:
            yield from overruling(self.observed.others, self.observed.namespace_labels)

    def _suspensions(self) -> Iterator[Finding]:
        suspensions, live = self.planned.suspensions, self._by_name
        for each in suspensions.open:
            yield Finding(
                FindingKind.SUSPENDED,
                self._where(each.policy),
                f"it is suspended until {each.end}, {each.said()}",
                "its pods are open in its direction; the VPC layer still decides",
                f"flash-firewall resume {each.policy} --stack {self.planned.environment.name}",
            )
        for each in suspensions.over:
            annotations = live.get(each.policy, {}).get("metadata", {}).get("annotations") or {}
            still = f"{ANNOTATION_PREFIX}/suspended-until" in annotations
            yield Finding(
                FindingKind.EXPIRED,
                self._where(each.policy),
                f"its suspension ended at {each.end} and {'it is still open' if still else 'is still listed'}, "
                f"{each.said()}",
                "it opens more than is declared" if still else "whoever reads the stack's settings takes it for open",
                f"flash-firewall resume {each.policy} --stack {self.planned.environment.name}",
            )

    def _where(self, name: str) -> str:
        return f"NetworkPolicy {self.planned.matrix.namespace}/{name}"

    @property
    def _update(self) -> str:
        return update_of(self.planned.environment.name)


def _listed(changes: tuple[Change, ...]) -> str:
    told = ", ".join(f"{each.source} => {each.destination} : {each.opened}" for each in changes[:_MOST_CHANGES])
    left = len(changes) - _MOST_CHANGES
    return f"{told} and {left} more" if left > 0 else told
