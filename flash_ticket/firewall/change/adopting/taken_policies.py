"""NetworkPolicies of others that have the names of ours: which ones a deployment takes over, and in which order.

The API server updates an object of that name in place (Kubernetes documentation, "Server-Side Apply"), so one write
gives it the rules of traffic.yaml. A policy of others may have allowed more than its new service needs. So each is
written only after the policies that then allow what it no longer does.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from flash_ticket.firewall.bind.bind_adopting import POLICIES
from flash_ticket.firewall.change.deployed import Deployed, Described, namespace_of
from flash_ticket.firewall.change.object_difference import differences
from flash_ticket.firewall.change.reach import may_match
from flash_ticket.firewall.compile.pod_layer import NetworkPolicy
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.fields import is_default_deny
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.firewall.terms.verdict import Direction

Waiting = Mapping[str, tuple[str, ...]]
"""The names of the policies that must be written before each policy that a deployment takes over."""

_MARKS = (
    ("annotations", "meta.helm.sh/release-name", "the Helm release"),
    ("annotations", "argocd.argoproj.io/tracking-id", "the Argo CD application"),
    ("labels", "argocd.argoproj.io/instance", "the Argo CD application"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "the Flux Kustomization"),
    ("labels", "helm.toolkit.fluxcd.io/name", "the Flux HelmRelease"),
    ("labels", "app.kubernetes.io/managed-by", ""),
)
"""What tools write on the objects that they apply again and again."""

_PULUMI = "pulumi-kubernetes"
"""How the field managers of Pulumi's Kubernetes provider begin."""


def taken_policies(planned: CompiledFirewall, deployed: Deployed) -> tuple[Described, ...]:
    """Return the policies that a deployment takes over because the binding asks for it, sorted by name."""
    ours = {(policy.namespace, policy.name) for policy in planned.pods.policies}
    asked = planned.environment.adopting.policies if planned.environment.adopting else frozenset()
    taken = (each for each in deployed.foreign_policies if _key(each, planned) in ours and _name(each) in asked)
    return tuple(sorted(taken, key=_name))


def require_fit_policies(planned: CompiledFirewall, deployed: Deployed, state: Collection[str]) -> None:
    """Refuse a deployment that would take over what it must not, or what nobody asked it to take over.

    Args:
        planned: The firewall to deploy.
        deployed: What the namespace holds.
        state: The ids of the resources in the stack's state: what is there belongs to this program.

    Raises:
        InputError: A listed policy does not exist; a policy belongs to something else, or the binding does not list it;
            or no order of single writes is safe.
    """
    if planned.environment.cluster.pod_layer is PodLayerOwner.RENDERED:
        return
    refuse_all(_unfit(planned, deployed, state))
    waiting_policies(planned, deployed)


def waiting_policies(planned: CompiledFirewall, deployed: Deployed) -> Waiting:
    """Return what each policy to take over waits for: the new policies, and those that allow what it no longer does.

    Raises:
        InputError: Some of them wait for each other.
    """
    taken = {_name(each): each for each in taken_policies(planned, deployed)}
    if not taken:
        return {}
    ours = {policy.name: policy for policy in planned.deployed_pods.allows}
    live = taken.keys() | {_name(each) for each in deployed.policies}
    new = tuple(name for name in ours if name not in live)
    needed = {name: _relieving(planned, ours[name], taken[name]) & taken.keys() for name in taken if name in ours}
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        (first, second, *_) = error.args[1]
        raise InputError(
            stack_file(planned.environment.name),
            POLICIES,
            f"{first} and {second} each allow something that the other one will allow, so the first write of both "
            "would interrupt it",
            f"Give the service of {second} another policy name in traffic.yaml, and delete {second} after the "
            "deployment",
        ) from None
    return {name: (*new, *sorted(needed[name])) for name in sorted(needed)}


def _relieving(planned: CompiledFirewall, now: NetworkPolicy, before: Described) -> set[str]:
    """Return the names of the policies that will allow what a policy of others allows before, and no longer then."""
    spec = before["spec"]
    allowed = {direction for direction in _directions(spec) if spec.get(direction.value)}
    return {
        name
        for service in planned.matrix.services_in(now.namespace)
        if may_match(spec.get("podSelector"), dict(service.pods))
        for direction, name in service.policies
        if direction in allowed and name != now.name
    }


def _directions(spec: Described) -> Sequence[Direction]:
    """Return the directions of a policy; without policyTypes, egress counts if it has rules (API reference)."""
    written = spec.get("policyTypes")
    if written is None:
        return (Direction.INGRESS, Direction.EGRESS) if spec.get("egress") else (Direction.INGRESS,)
    return [Direction(each.lower()) for each in written]


def _unfit(planned: CompiledFirewall, deployed: Deployed, state: Collection[str]) -> Iterator[InputError]:
    file, matrix = stack_file(planned.environment.name), planned.matrix
    adopting = planned.environment.adopting
    listed = adopting.listed if adopting else ()
    live = {_key(each, planned) for each in (*deployed.foreign_policies, *deployed.policies)}
    for number, name in enumerate(listed):
        namespace = matrix.namespace_of_policy(name)
        if (namespace, name) not in live:
            yield InputError(
                file,
                f"{POLICIES}[{number}]",
                f"{namespace} has no NetworkPolicy {name}",
                "Remove it here: the deployment makes the policy; or apply the old one first",
            )
    for taken in taken_policies(planned, deployed):
        name = _name(taken)
        key = f"{POLICIES}[{listed.index(name)}]" if name in listed else POLICIES
        if taken["metadata"].get("deletionTimestamp"):
            yield InputError(file, key, f"{name} is being deleted", "Wait until it is gone, and remove it here")
        elif holder := _holder(taken, state, _key(taken, planned)[0]):
            yield InputError(
                file,
                key,
                f"{name} belongs to {holder}, which would write it again",
                "Let go of the object there without deleting it, remove its mark from the object, and deploy again",
            )
    yield from _not_asked(planned, deployed, state)


def _not_asked(planned: CompiledFirewall, deployed: Deployed, state: Collection[str]) -> Iterator[InputError]:
    """Yield an error for each policy of others with a name of ours that the binding does not list.

    A policy in the state, or one that does what ours does, is ours: somebody has removed its label.
    """
    ours = {(policy.namespace, policy.name): policy for policy in planned.deployed_pods.policies}
    taken = {_name(each) for each in taken_policies(planned, deployed)}
    for found in deployed.foreign_policies:
        namespace, name = _key(found, planned)
        if (namespace, name) not in ours or name in taken or f"{namespace}/{name}" in state:
            continue
        if differences(ours[namespace, name].manifest()["spec"], found.get("spec", {})):
            yield InputError(
                "Kubernetes",
                f"NetworkPolicy {namespace}/{name}",
                "this program did not create it, and it has the name of one of ours; a deployment would change it",
                f"List it under adopt.policies in {stack_file(planned.environment.name)} to take it over, or give "
                f"{'this program a namespace of its own' if is_default_deny(name) else 'ours another name'}",
            )


def _holder(policy: Described, state: Collection[str], namespace: str) -> str:
    """Return what else applies a policy; empty if nothing is known."""
    metadata = policy["metadata"]
    for part, key, what in _MARKS:
        if marked := (metadata.get(part) or {}).get(key):
            return f"{what} {marked} ({key})".strip()
    for each in metadata.get("ownerReferences") or ():
        return f"the {each.get('kind')} {each.get('name')} (ownerReferences)"
    managers = [str(each.get("manager")) for each in metadata.get("managedFields") or ()]
    if any(each.startswith(_PULUMI) for each in managers) and f"{namespace}/{_name(policy)}" not in state:
        return "another Pulumi program (managedFields)"
    return ""


def _key(policy: Described, planned: CompiledFirewall) -> tuple[str, str]:
    return namespace_of(policy) or planned.matrix.namespace, _name(policy)


def _name(policy: Described) -> str:
    return str(policy["metadata"]["name"])
