"""What a part changes and leaves open if a program declares it alone."""

from collections.abc import Iterator
from dataclasses import replace

from flash_ticket.firewall.change.adopting.taken_groups import TakenGroups
from flash_ticket.firewall.change.adopting.taking_over import Step
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.change.parts.part import Part
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, StoppedOnce, stopped_once
from flash_ticket.firewall.terms.verdict import Layer


def step_alone(part: Part, whole: Step, planned: CompiledFirewall, deployed: Deployed) -> Step | None:
    """Return what a part changes while everything else stays as it is deployed; None if it opens and closes nothing.

    Args:
        part: The part.
        whole: What the whole firewall changes.
        planned: The whole firewall.
        deployed: What the cluster and the account hold of it now.

    Raises:
        InputError: A deployed policy cannot be read.
    """
    layers, taking = planned.layers(), whole.taking
    if part is Part.NETWORK_POLICIES:
        found = impact(deployed, replace(layers, firewall=deployed.firewall(planned.environment)))
        return Step(replace(found, unfinished=()), taking and replace(taking, groups=TakenGroups()))
    if part is Part.SECURITY_GROUPS:
        found = impact(deployed, replace(layers, manifests=deployed.judged))
        own = replace(found, foreign={}, replaced=(), overruling=(), joint=())
        return Step(own, taking and replace(taking, policies=(), changes=(), left_over=()))
    return None


def open_without_the_rest(part: Part, planned: CompiledFirewall, deployed: Deployed) -> Iterator[StoppedOnce]:
    """Yield the undeclared connections that only the other layer stops, if nothing of that layer is deployed."""
    stands = {Layer.POD: deployed.policies, Layer.VPC: deployed.rules}
    if part.layer and any(not stands[layer] for layer in Layer if layer is not part.layer):
        yield from (each for each in stopped_once(planned.layers()) if each.by is not part.layer)
