"""What policies of other APIs than NetworkPolicy change for our pods: each cluster has some of these APIs.

Policies of administrators (policy.networking.k8s.io) are judged together with ours: a declared flow that they deny, and
an undeclared one that they allow, are named with the policy. Policies of network plug-ins are named if they may reach
our pods. Sources: Cilium documentation, "Layer 3 Policies" and "Deny Policies": allow rules add up, deny rules come
first. Calico documentation, "NetworkPolicy" and "GlobalNetworkPolicy": in their order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from flash_ticket.firewall.analyse.admin.admin_policy import GROUP
from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.change.impact import openings
from flash_ticket.firewall.change.reach import OurPods
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.terms.changes import changes_between
from flash_ticket.firewall.terms.connections import words
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Layer, Outcome, Verdict

_DECIDING = {"Accept", "Allow", "Deny"}
_MOST_SHOWN = 5
_NOT_COVERED = "nothing here covers what it decides"


class Effect(Enum):
    """What a policy of others does to our pods."""

    OPENS = "it opens what is not declared"
    CUTS = "it cuts what is declared"
    UNKNOWN = "nobody judges it here"


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
        policies: Those of the firewalled namespace and of the whole cluster.
        namespaces: The labels of each known namespace.
        unread: The refusals to lists that this identity may not read.
    """

    policies: tuple[OtherPolicy, ...]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unread: tuple[InputError, ...] = ()


@dataclass(frozen=True, slots=True)
class Overruling(Notice):
    """What one policy of others changes.

    Attributes:
        effect: Whether it opens or cuts something.
    """

    effect: Effect


def overruling(others: Others, planned: BothLayers) -> Iterator[Overruling]:
    """Yield what policies of other APIs change for our pods.

    Args:
        others: The policies, and the labels of namespaces.
        planned: Both layers as planned.
    """
    namespace = planned.matrix.namespace
    ours = OurPods.of(planned.matrix, others.namespaces.get(namespace, {}))
    judged: list[OtherPolicy] = []
    for policy in others.policies:
        if policy.api.group != GROUP:
            if any(ours.are_reached_by(policy.api, spec) for spec in policy.specs):
                yield _named(policy)
            continue
        try:
            cluster_from([policy.manifest])
        except InputError as error:
            if ours.are_reached_by(policy.api, policy.spec) and _comes_first(policy):
                yield _unknown(policy, error)
        else:
            judged.append(policy)
    while judged:
        joined = _Joined(tuple(judged), planned, others.namespaces)
        try:
            found = list(joined.effects())
        except InputError as error:
            unclear = next((each for each in judged if f"{each.api.kind} {each.name}" == error.key), judged[0])
            judged.remove(unclear)
            yield _unknown(unclear, error)
        else:
            yield from found
            return


def perhaps_overruling(names: Iterable[str]) -> Iterator[Overruling]:
    """Yield the policies of administrators of a saved inventory, which contains only their names."""
    of_clusters, of_administrators, *_ = OVERRULING_APIS
    for name in names:
        api = of_administrators if name.startswith(f"{of_administrators.kind} ") else of_clusters
        policy = OtherPolicy(api, {"metadata": {"name": name.removeprefix(f"{of_administrators.kind} ")}})
        yield _notice(policy, "it may decide before any NetworkPolicy does", _NOT_COVERED, Effect.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Joined:
    """Our layers together with policies of administrators."""

    policies: tuple[OtherPolicy, ...]
    planned: BothLayers
    namespaces: Mapping[str, Mapping[str, str]]

    def effects(self) -> Iterator[Overruling]:
        """Yield what each policy cuts and opens.

        Raises:
            InputError: A policy cannot be judged; the key of the error names it.
        """
        manifests = tuple(each.manifest for each in self.policies)
        alone = replace(self.planned, beside=manifests, namespace_labels=self.namespaces)
        joined = replace(alone, manifests=(*alone.manifests, *manifests))
        found: dict[tuple[str, Effect], list[str]] = defaultdict(list)
        for flow, owner in _cuts(alone, joined):
            found[owner, Effect.CUTS].append(flow)
        for flow, owner in _opened(alone, joined):
            found[owner, Effect.OPENS].append(flow)
        for policy in self.policies:
            for effect, verb in ((Effect.CUTS, "cuts declared traffic"), (Effect.OPENS, "opens")):
                flows = list(dict.fromkeys(found.get((f"{policy.api.kind} {policy.name}", effect), ())))
                if flows:
                    yield _notice(policy, f"it {verb}: {_listed(flows)}", _why(policy), effect)


def _cuts(alone: BothLayers, joined: BothLayers) -> Iterator[tuple[str, str]]:
    """Yield each declared connection that a rule of an administrator denies, with the policy of the rule."""
    declared = {(one.name, other.name): ports for (one, other), ports in declared_connections(alone).items()}
    for (source, destination), ports in declared.items():
        for port in ports:
            verdict = joined.verdict(Layer.POD, joined.named[source], joined.named[destination], port)
            for policy in _deciding(verdict, Effect.CUTS):
                yield f"{source} => {destination} : {port}", policy


def _opened(alone: BothLayers, joined: BothLayers) -> Iterator[tuple[str, str]]:
    """Yield each connection that only a rule of an administrator allows, with the policy of the rule."""
    for change in changes_between(openings(alone, Layer.POD), openings(joined, Layer.POD)):
        for port in change.opened:
            source, destination = (joined.named[words(end)] for end in (change.source, change.destination))
            verdict = joined.answer(Layer.POD, source, destination, port)
            for policy in _deciding(verdict, Effect.OPENS):
                yield f"{words(change.source)} => {words(change.destination)} : {PortSet((port,))}", policy


def _deciding(verdict: Verdict | None, effect: Effect) -> Iterator[str]:
    """Yield the policies of administrators whose rules decide a verdict."""
    outcome = Outcome.DENIED if effect is Effect.CUTS else Outcome.ALLOWED
    for side in (verdict.egress, verdict.ingress) if verdict else ():
        if side.outcome is outcome:
            yield from (rule.owner for rule in side.rules if " " in rule.owner)  # ours are namespace/name


def _listed(flows: list[str]) -> str:
    more = [f"and {len(flows) - _MOST_SHOWN} more"] if len(flows) > _MOST_SHOWN else []
    return ", ".join([*flows[:_MOST_SHOWN], *more])


def _why(policy: OtherPolicy) -> str:
    if _is_baseline(policy):
        return "it decides about pods that no NetworkPolicy selects, and the proof covers our policies alone"
    return "it decides before every NetworkPolicy, and the proof covers our policies alone"


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
    if effect is not Effect.UNKNOWN:
        remedy = f"Read it: {policy.read}; change or remove its rule, or declare what it does in traffic.yaml"
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
