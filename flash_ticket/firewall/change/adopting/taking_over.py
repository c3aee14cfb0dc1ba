"""What a deployment takes over from others, what that changes, and what is left over afterwards."""

from dataclasses import dataclass, field, replace

from flash_ticket.firewall.change.adopting.taken_groups import TakenGroups
from flash_ticket.firewall.change.adopting.taken_policies import taken_policies
from flash_ticket.firewall.change.deployed import Deployed, identity, title_of
from flash_ticket.firewall.change.impact import Impact, impact, openings
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.changes import Change, changes_between
from flash_ticket.firewall.terms.verdict import Layer


@dataclass(frozen=True, slots=True)
class TakingOver:
    """What becomes of the NetworkPolicies of others in the namespace.

    Attributes:
        namespace: The namespace that the firewall is named after.
        policies: The names of those that a deployment takes over.
        changes: What it changes in the pod layer, compared with everything that the namespace holds now.
        left_over: The names of those that stay, although nothing declared needs them.
        groups: The security groups of others.
    """

    namespace: str
    policies: tuple[str, ...]
    changes: tuple[Change, ...]
    left_over: tuple[str, ...]
    groups: TakenGroups = field(default_factory=TakenGroups)


@dataclass(frozen=True, slots=True)
class Step:
    """Everything that a deployment changes and leaves, for the preview.

    Attributes:
        impact: What it opens, closes and interrupts.
        taking: What it takes over; None if the binding does not ask for it.
    """

    impact: Impact
    taking: TakingOver | None


def step(deployed: Deployed, planned: CompiledFirewall, groups: TakenGroups) -> Step:
    """Compare what is deployed, and what others have there, with what is planned.

    Args:
        deployed: What is deployed.
        planned: The firewall to deploy.
        groups: The security groups of others that it takes over.

    Raises:
        InputError: A deployed policy, or one of others, cannot be read.
    """
    return Step(impact(deployed, planned.layers()), taking_over(planned, deployed, groups))


def taking_over(planned: CompiledFirewall, deployed: Deployed, groups: TakenGroups | None = None) -> TakingOver | None:
    """Return what a deployment takes over and leaves; None if the binding does not ask for it.

    Raises:
        InputError: A policy of others cannot be read.
    """
    if planned.environment.adopting is None:
        return None
    found = taken_policies(planned, deployed)
    taken = tuple(policy["metadata"]["name"] for policy in found)
    changes: tuple[Change, ...] = ()
    if taken:
        layers = planned.layers()
        # A policy that nobody listed, but that does what ours of its name does, becomes ours as well.
        ours = {identity(each) for each in layers.manifests}
        others = tuple(each for each in deployed.foreign_policies if identity(each) not in ours)
        now = (*deployed.policies, *deployed.foreign_policies)
        before = replace(layers, manifests=now, beside=layers.manifests)
        after = replace(layers, manifests=(*layers.manifests, *others), beside=now)
        changes = changes_between(openings(before, Layer.POD), openings(after, Layer.POD))
    return TakingOver(planned.matrix.namespace, taken, changes, left_over(planned, deployed), groups or TakenGroups())


def left_over(planned: CompiledFirewall, deployed: Deployed) -> tuple[str, ...]:
    """Return the names of the policies of others that nothing takes over; none if the binding does not adopt any.

    A name has its namespace before it if that is not the one that the firewall is named after.
    """
    if planned.environment.adopting is None:
        return ()
    home = planned.matrix.namespace
    ours = {title_of(policy.manifest(), home) for policy in planned.pods.policies}
    return tuple(sorted({title_of(each, home) for each in deployed.foreign_policies} - ours))
