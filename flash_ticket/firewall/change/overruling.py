"""What policies of other APIs than NetworkPolicy change for our pods: each cluster has some of these APIs.

The proof judges policies of administrators (policy.networking.k8s.io) together with ours. A declared flow that they
deny, and an undeclared one that they allow, are named here with the policy. Policies of network plug-ins are named if
they may reach our pods. Sources: Cilium documentation, "Layer 3 Policies" and "Deny Policies": allow rules add up, deny
rules come first. Calico documentation, "NetworkPolicy" and "GlobalNetworkPolicy": in their order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import product

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Described, can_be_judged, is_ours, namespace_of
from flash_ticket.firewall.change.reach import OurPods
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi, Reach
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.administrators import Administrators, policies_of
from flash_ticket.firewall.prove.proof import Proof
from flash_ticket.firewall.prove.violation import Fault
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import PortSet

_DECIDING = {"Accept", "Allow", "Deny"}
_MOST_SHOWN = 5
_NOT_COVERED = "nothing here covers what it decides"


class Effect(Enum):
    """What a policy of others does to our pods."""

    OPENS = "it opens what is not declared"
    CUTS = "it cuts what is declared"
    UNKNOWN = "it is not judged here"
    ACCEPTED = "it opens or cuts something, and the settings accept it"


_EFFECTS = {Fault.CUT: (Effect.CUTS, "cuts declared traffic"), Fault.OPEN: (Effect.OPENS, "opens")}


@dataclass(frozen=True, slots=True)
class OtherPolicy:
    """A policy of one of these APIs, as the API server returns it."""

    api: OverrulingApi
    object: Described

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def key(self) -> str:
        """Its kind and name."""
        return f"{self.api.kind} {self.name}"

    def is_in(self, namespace: str) -> bool:
        """Return whether it can concern a namespace: it is there, or it is one of the whole cluster."""
        return self.api.reach is not Reach.NAMESPACE or namespace_of(self.object) in {None, namespace}

    @property
    def spec(self) -> Described:
        """Its specification; empty if it has none."""
        found = self.object.get("spec")
        return found if isinstance(found, Mapping) else {}

    @property
    def specs(self) -> tuple[Described, ...]:
        """Its specification, or several: a policy of Cilium can have a list of them."""
        several = self.object.get("specs")
        listed = tuple(each for each in several if isinstance(each, Mapping)) if isinstance(several, list) else ()
        return (*((self.spec,) if self.spec or not listed else ()), *listed)

    @property
    def manifest(self) -> Described:
        """The policy with its kind, which the items of a list do not have."""
        return {**self.object, "apiVersion": f"{self.api.group}/{self.api.version}", "kind": self.api.kind}

    @property
    def read(self) -> str:
        """The command that shows it."""
        return f"kubectl get {self.api.plural}.{self.api.group} {self.name} --output yaml"


@dataclass(frozen=True, slots=True)
class Others:
    """Policies of other APIs in a cluster.

    Attributes:
        policies: Those of the firewalled namespaces and of the whole cluster.
        namespaces: The labels of each known namespace.
        unread: The refusals to lists that this identity may not read.
    """

    policies: tuple[OtherPolicy, ...]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unread: tuple[InputError, ...] = ()

    @property
    def administrators(self) -> Administrators:
        """The policies of administrators, which the proof judges."""
        found = tuple(policy.manifest for policy in self.policies if policy.api.group == GROUP)
        return Administrators(found, self.namespaces)


@dataclass(frozen=True, slots=True)
class Overruling(Notice):
    """What one policy of others changes.

    Attributes:
        effect: Whether it opens or cuts something.
    """

    effect: Effect


def overruling(others: Others, matrix: Matrix, proof: Proof) -> Iterator[Overruling]:
    """Yield what policies of other APIs change for our pods.

    Args:
        others: The policies, and the labels of namespaces.
        matrix: The declaration.
        proof: The proof with the policies of administrators.
    """
    everywhere = OurPods.of(matrix, others.namespaces)
    flows = {fault: _flows(proof, fault) for fault in _EFFECTS}
    accepted = {name for each in proof.accepted for name in policies_of(each)}
    for policy in others.policies:
        here = [ours for ours in everywhere if policy.is_in(ours.namespace)]
        is_reached = any(ours.are_reached_by(policy.api, spec) for ours in here for spec in policy.specs)
        if policy.api.group != GROUP:
            if is_reached and not (is_ours(policy.object) and can_be_judged(policy.manifest)):
                yield _named(policy)
            continue
        error = proof.unjudged.get(policy.key)
        if error and (error.key == policy.key or (is_reached and _comes_first(policy))):
            yield _unknown(policy, error)
        for fault, (effect, verb) in _EFFECTS.items():
            if found := flows[fault].get(policy.key):
                said = Effect.ACCEPTED if policy.key in accepted else effect
                yield _notice(policy, f"it {verb}: {_listed(found)}", _why(policy, said), said)


def absent_policies(others: Others, environment: Environment) -> Iterator[Notice]:
    """Yield a notice for each accepted policy that the cluster does not have: another one could take its name."""
    known = {policy.key for policy in others.policies}
    for name in environment.accepted_policies if not others.unread else ():
        if name not in known:
            yield Notice(
                f"{stack_file(environment.name)}: {BINDING_KEY}.acceptedPolicies",
                f"the cluster has no {name}, and what a later policy with this name decides would stay unseen",
                "Remove it from the list",
            )


def _flows(proof: Proof, fault: Fault) -> Mapping[str, list[str]]:
    """Return what each policy of an administrator stops or lets through, in words."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in (*proof.violations, *proof.accepted):
        for name in policies_of(each) if each.fault is fault else ():
            for source, destination, port in product(each.sources, each.destinations, each.ports):
                found[name].add(f"{source} => {destination} : {PortSet((port,))}")
    return {name: sorted(flows) for name, flows in found.items()}


def perhaps_overruling(names: Iterable[str]) -> Iterator[Overruling]:
    """Yield the policies of administrators of an inventory that contains only their names, as older ones do."""
    of_clusters, of_administrators, *_ = OVERRULING_APIS
    for name in names:
        api = of_administrators if name.startswith(f"{of_administrators.kind} ") else of_clusters
        policy = OtherPolicy(api, {"metadata": {"name": name.removeprefix(f"{of_administrators.kind} ")}})
        yield _notice(policy, "it may decide before any NetworkPolicy does", _NOT_COVERED, Effect.UNKNOWN)


def _listed(flows: list[str]) -> str:
    more = [f"and {len(flows) - _MOST_SHOWN} more"] if len(flows) > _MOST_SHOWN else []
    return ", ".join([*flows[:_MOST_SHOWN], *more])


def _why(policy: OtherPolicy, effect: Effect) -> str:
    when = "it decides before every NetworkPolicy"
    if _is_baseline(policy):
        when = "it decides about pods that no NetworkPolicy selects"
    return f"{when}, and acceptedPolicies accepts it" if effect is Effect.ACCEPTED else when


def _named(policy: OtherPolicy) -> Overruling:
    says = {
        "cilium.io": "what it allows is added to our policies, and what it denies takes precedence over them",
        "networking.k8s.aws": "the agent of AWS applies it together with our policies, or before them",
    }.get(policy.api.group, "Calico applies it in its order, before or after our policies")
    return _notice(policy, says, _NOT_COVERED, Effect.UNKNOWN)


def _unknown(policy: OtherPolicy, error: InputError) -> Overruling:
    place = error.key.partition(": ")[2]
    cause = f"{place}: {error.problem}" if place else error.problem
    verbs = " and ".join(sorted({action.lower() for action in _actions(policy)})) or "decide"
    return _notice(policy, f"it can {verbs} before any NetworkPolicy does", f"{_NOT_COVERED}: {cause}", Effect.UNKNOWN)


def _notice(policy: OtherPolicy, what: str, why: str, effect: Effect) -> Overruling:
    remedy = f"Read it: {policy.read}; remove it if it opens or cuts anything against the declaration"
    if effect is Effect.ACCEPTED:
        remedy = f"Read it: {policy.read}; remove it from acceptedPolicies as soon as you can"
    elif effect is not Effect.UNKNOWN:
        remedy = (
            f"Read it: {policy.read}; change or remove its rule, or declare what it does in traffic.yaml; to deploy "
            f"with it, add {policy.key!r} to acceptedPolicies in the settings of the stack"
        )
    return Overruling(f"{policy.api.kind}.{policy.api.group} {policy.name}", what, remedy, effect, why=why)


def _comes_first(policy: OtherPolicy) -> bool:
    """Return whether it decides before a NetworkPolicy; a Baseline policy does not: default-deny selects all pods."""
    return not _is_baseline(policy) and bool(_actions(policy))


def _is_baseline(policy: OtherPolicy) -> bool:
    return "Baseline" in {policy.spec.get("tier"), policy.api.kind.removesuffix("AdminNetworkPolicy")}


def _actions(policy: OtherPolicy) -> set[str]:
    lists = (policy.spec.get(direction) for direction in ("ingress", "egress"))
    rules = [rule for each in lists if isinstance(each, list) for rule in each if isinstance(rule, Mapping)]
    return {str(rule.get("action")) for rule in rules} & _DECIDING
