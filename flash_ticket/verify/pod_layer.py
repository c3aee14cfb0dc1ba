"""The live pod layer compared with the declared one: missing, changed and left-over policies, and those of others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.change.adopting.taking_over import left_over
from flash_ticket.firewall.change.deployed import Described, identity
from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.change.object_difference import Difference, declared_part, differences
from flash_ticket.firewall.change.overruling import Effect, overruling, perhaps_overruling
from flash_ticket.firewall.change.rewriting import REWRITTEN, without_effect
from flash_ticket.firewall.compile.pod_layer import ANNOTATION_PREFIX, NetworkPolicy
from flash_ticket.firewall.prove.proof import Proof
from flash_ticket.firewall.terms.changes import Change
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

_MOST_CHANGES = 3
_KINDS = {
    Effect.OPENS: FindingKind.WIDENING,
    Effect.CUTS: FindingKind.CUT_OFF,
    Effect.UNKNOWN: FindingKind.OVERRULING,
    Effect.ACCEPTED: FindingKind.NOTED,
}


@dataclass(frozen=True, slots=True)
class PodLayer(Comparison):
    """The declared and the live policies of one stack."""

    observed: Observed
    proof: Proof

    def findings(self) -> Iterator[Finding]:
        """Yield each difference from the declaration.

        Raises:
            InputError: A live policy cannot be read.
        """
        live = self._by_name
        for policy in self.planned.deployed_pods.policies:
            found = live.get((policy.namespace, policy.name))
            yield from (self._missing(policy),) if found is None else self._changed(policy, found)
        names = {(policy.namespace, policy.name) for policy in self.planned.pods.policies}
        for manifest in self.observed.deployed.policies:
            if self._key(manifest) not in names:
                yield self._left_over(*self._key(manifest), str(manifest["kind"]))
        yield from self._of_others()
        yield from self._suspensions()

    @property
    def _by_name(self) -> Mapping[tuple[str, str], Described]:
        """All policies by namespace and name: somebody may have removed our label from one of ours."""
        deployed = self.observed.deployed
        return {self._key(each): each for each in (*deployed.foreign_policies, *deployed.policies)}

    def _key(self, manifest: Described) -> tuple[str, str]:
        namespace, name = identity(manifest)
        return namespace or self.planned.matrix.namespace, name

    def _missing(self, policy: NetworkPolicy) -> Finding:
        why = f"what it allows is cut: {policy.purpose}"
        if policy.service is None:
            why = "pods that no other policy selects are open"
        where = _where(policy.namespace, policy.name, policy.manifest()["kind"])
        return Finding(where, "it does not exist", why, self._policy_update, FindingKind.MISSING)

    def _changed(self, policy: NetworkPolicy, found: Described) -> Iterator[Finding]:
        declared = policy.manifest()
        dead = without_effect(found.get("spec", {}))
        live = {key: part for key, part in found.get("spec", {}).items() if key not in dead}
        spec = differences(declared["spec"], live, "spec")
        metadata = tuple(self._metadata(declared["metadata"], found["metadata"]))
        if spec:
            why = f"it no longer does what traffic.yaml declares: {policy.purpose}"
        else:
            why = "its labels and annotations mislead readers, and this program recognizes its own policies by them"
        if spec or metadata:
            what = "it is not as declared"
            yield Finding(
                _where(policy.namespace, policy.name, declared["kind"]),
                what,
                why,
                self._policy_update,
                FindingKind.CHANGED,
                (*spec, *metadata),
            )

    def _metadata(self, declared: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Difference]:
        """Yield differences in our labels and annotations; others may add their own."""
        for part in ("labels", "annotations"):
            found = live.get(part) or {}
            ours = declared_part(declared[part], found)
            # The deployment records when it last rewrote a policy. The declaration does not contain that.
            ours |= {key: found[key] for key in found if key.startswith(f"{ANNOTATION_PREFIX}/") and key != REWRITTEN}
            yield from differences(declared[part], ours, f"metadata.{part}")

    def _left_over(self, namespace: str, name: str, kind: str) -> Finding:
        why = "what it allows is no longer declared, but still open"
        delete = f"kubectl delete {kind.lower()} --namespace {namespace} {name}"
        owner = "what applies the rendered files" if self._is_rendered else "Pulumi"
        remedy = f"{self._policy_update}; if it is still there afterwards, {owner} does not know it: {delete}"
        return Finding(_where(namespace, name, kind), "nothing declares it", why, remedy, FindingKind.LEFT_OVER)

    def _of_others(self) -> Iterator[Finding]:
        # Policies add up, and default-deny selects every pod: a policy of others can open something, but cut nothing.
        home = self.planned.matrix.namespace
        found = impact(self.observed.deployed, self.planned.layers())
        for title, changes in found.foreign.items():
            elsewhere, _, name = title.rpartition("/")
            namespace = elsewhere or home
            yield Finding(
                _where(namespace, name),
                f"this program did not create it, and it opens {_listed(changes)}",
                "policies add up: ours cannot close what another one opens",
                f"kubectl delete networkpolicy --namespace {namespace} {name}, or declare its flows in traffic.yaml",
                FindingKind.WIDENING,
            )
        for joint in found.joint:
            names = ", ".join(joint.policies)
            elsewhere, _, first = joint.policies[0].rpartition("/")
            more = "" if elsewhere else f"{home}/"
            yield Finding(
                f"NetworkPolicies {more}{names}",
                f"this program did not create them, and together they open {_listed(joint.changes)}",
                "policies add up: ours cannot close what others open",
                f"kubectl delete networkpolicy --namespace {elsewhere or home} {first} closes it; or declare the "
                "flows in traffic.yaml",
                FindingKind.WIDENING,
            )
        for title in left_over(self.planned, self.observed.deployed):
            if title not in found.foreign:
                elsewhere, _, name = title.rpartition("/")
                yield Finding(
                    _where(elsewhere or home, name),
                    "it was here before this program, and opens nothing beyond what is declared",
                    "nothing needs it, and after pulumi destroy it may deny what no policy allows any more",
                    f"kubectl delete networkpolicy --namespace {elsewhere or home} {name}",
                    FindingKind.NOTED,
                )
        others = self.observed.policies_of_others(home)
        unnamed = perhaps_overruling(found.overruling)
        for each in unnamed if others is None else overruling(others, self.planned.matrix, self.proof):
            yield Finding(each.where, each.what, each.why, each.remedy, _KINDS[each.effect])

    def _suspensions(self) -> Iterator[Finding]:
        suspensions, live = self.planned.suspensions, self._by_name
        for each in suspensions.open:
            yield Finding(
                _where(*self._suspended(each.policy)),
                f"it is suspended until {each.end}, {each.said()}",
                "its pods are open in its direction; the VPC layer still applies",
                f"flash-firewall resume {each.policy} --stack {self.planned.environment.name}",
                FindingKind.SUSPENDED,
            )
        for each in suspensions.over:
            annotations = live.get(self._suspended(each.policy), {}).get("metadata", {}).get("annotations") or {}
            still = f"{ANNOTATION_PREFIX}/suspended-until" in annotations
            yield Finding(
                _where(*self._suspended(each.policy)),
                f"its suspension ended at {each.end} and {'it is still open' if still else 'is still listed'}, "
                f"{each.said()}",
                "it opens more than is declared" if still else "readers of the stack's settings think that it is open",
                f"flash-firewall resume {each.policy} --stack {self.planned.environment.name}",
                FindingKind.EXPIRED,
            )

    def _suspended(self, name: str) -> tuple[str, str]:
        return self.planned.matrix.namespace_of_policy(name), name


def _where(namespace: str, name: str, kind: str = "NetworkPolicy") -> str:
    return f"{kind} {namespace}/{name}"


def _listed(changes: tuple[Change, ...]) -> str:
    shown = ", ".join(f"{each.source} => {each.destination} : {each.opened}" for each in changes[:_MOST_CHANGES])
    left = len(changes) - _MOST_CHANGES
    return f"{shown} and {left} more" if left > 0 else shown
