"""What an update does with the pod layer: deploys it, lets go of it in two steps, or leaves it to what applies files.

Pulumi deletes what is no longer declared. So the first update with ``cluster.podLayer: rendered`` still declares the
policies, and marks them to be kept. The next one no longer declares them, and Pulumi forgets them without deletion.
"""

from collections.abc import Iterator
from enum import Enum, auto

from flash_ticket.firewall.change.deployed import Deployed, identity
from flash_ticket.firewall.change.object_difference import differences
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.notice import Notice

_MOST_NAMES = 5


class PoliciesInState(Enum):
    """What the state of a stack holds of its NetworkPolicies."""

    NONE = auto()
    OWNED = auto()
    KEPT = auto()
    """Pulumi keeps them in the cluster if they are no longer declared."""


class PodLayerStep(Enum):
    """What one update does with the NetworkPolicies."""

    DEPLOY = auto()
    LET_GO = auto()
    """Deploy them, and mark them to be kept when they are no longer declared."""
    LEAVE = auto()
    """Declare none."""


def pod_layer_step(planned: CompiledFirewall, held: PoliciesInState) -> PodLayerStep:
    """Return what the next update does with the NetworkPolicies."""
    if planned.environment.cluster.pod_layer is PodLayerOwner.PULUMI:
        return PodLayerStep.DEPLOY
    return PodLayerStep.LET_GO if held is PoliciesInState.OWNED else PodLayerStep.LEAVE


def pod_layer_notices(planned: CompiledFirewall, deployed: Deployed, held: PoliciesInState) -> Iterator[Notice]:
    """Yield what a person must do about a pod layer that Pulumi does not apply, or no longer."""
    if planned.environment.cluster.pod_layer is PodLayerOwner.PULUMI:
        return
    render = f"flash-firewall render --stack {planned.environment.name} --out DIR"
    if held is PoliciesInState.OWNED:
        yield Notice(
            "cluster.podLayer",
            "this update lets go of the NetworkPolicies, and the next one forgets them without deleting them",
            f"Run {render}, commit DIR, have it applied, and then run pulumi up once more",
        )
        return
    if unlike := tuple(_unlike(planned, deployed)):
        names = ", ".join(unlike[:_MOST_NAMES])
        more = f" and {len(unlike) - _MOST_NAMES} more" if len(unlike) > _MOST_NAMES else ""
        yield Notice(
            "cluster.podLayer",
            f"the cluster does not hold the pod layer that traffic.yaml declares: {names}{more}",
            why="This update does not change it",
            remedy=f"Run {render}, commit what changes there, and apply it or let Argo CD sync it",
        )


def _unlike(planned: CompiledFirewall, deployed: Deployed) -> Iterator[str]:
    live = {identity(each): each for each in (*deployed.foreign_policies, *deployed.policies)}
    declared = {(policy.namespace, policy.name): policy for policy in planned.pods.policies}
    for key, policy in declared.items():
        if key not in live:
            yield f"{policy.name} is missing"
        elif differences(policy.manifest()["spec"], live[key].get("spec", {})):
            yield f"{policy.name} is not as declared"
    for each in deployed.policies:
        if identity(each) not in declared:
            yield f"{each['metadata']['name']} is not declared"
