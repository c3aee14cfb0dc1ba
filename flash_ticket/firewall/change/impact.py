"""What a deployment opens and closes in each layer, compared with what is deployed, and what others add to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flash_ticket.firewall.change.adoption import unfinished_groups
from flash_ticket.firewall.change.deployed import Deployed, Described
from flash_ticket.firewall.change.interruption import Interruption, interruptions
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import KUBELET
from flash_ticket.firewall.terms.changes import Change, changes_between
from flash_ticket.firewall.terms.connections import PartyName
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Layer


@dataclass(frozen=True, slots=True)
class FirewallDifference:
    """The difference between two states of both layers.

    Attributes:
        through_both: Changes of what passes both layers, with a service or the load balancer at one end.
        by_layer: Changes in each layer, with any pod of the namespace at one end.
        is_known: Whether all rules are known that decide in the VPC layer; without an account some may not be.
    """

    through_both: tuple[Change, ...]
    by_layer: Mapping[Layer, tuple[Change, ...]]
    is_known: bool = True

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(self.through_both) or any(self.by_layer.values())


@dataclass(frozen=True, slots=True)
class Impact:
    """The effect of a deployment.

    Attributes:
        difference: The difference to what is deployed; None for a first deployment, which only closes traffic.
        foreign: What NetworkPolicies of others open beyond the declaration, by their names.
        replaced: The names of NetworkPolicies of others that this program replaces.
        overruling: The names of ClusterNetworkPolicies and, with their kind, of AdminNetworkPolicies.
        unfinished: Label and id of this stack's security groups that still allow all egress traffic.
        interruptions: Declared traffic that the deployment interrupts on its way.
    """

    difference: FirewallDifference | None
    foreign: Mapping[str, tuple[Change, ...]]
    replaced: tuple[str, ...]
    overruling: tuple[str, ...]
    unfinished: tuple[tuple[str, str], ...] = ()
    interruptions: tuple[Interruption, ...] = ()


def difference(before: BothLayers, after: BothLayers) -> FirewallDifference:
    """Compare two states of both layers."""
    return FirewallDifference(
        changes_between(_through_both(before), _through_both(after)),
        {layer: changes_between(openings(before, layer), openings(after, layer)) for layer in Layer},
        not before.perhaps_passing and not after.perhaps_passing,
    )


def impact(deployed: Deployed, planned: BothLayers) -> Impact:
    """Compare what is deployed with what is planned.

    Raises:
        InputError: A deployed policy cannot be read.
    """
    gone, new = _unlike(deployed.policies, planned.manifests), _unlike(planned.manifests, deployed.policies)
    before = replace(deployed.layers(planned.matrix, planned.environment), beside=new)
    after = BothLayers(before.matrix, before.environment, planned.manifests, planned.firewall, gone)
    changed = None if deployed.is_first else difference(before, after)
    names = {policy["metadata"]["name"] for policy in planned.manifests}
    replaced = [policy for policy in deployed.foreign_policies if policy["metadata"]["name"] in names]
    others = tuple(policy for policy in deployed.foreign_policies if policy not in replaced)
    return Impact(
        changed,
        dict(_foreign(others, after)),
        tuple(policy["metadata"]["name"] for policy in replaced),
        deployed.overruling,
        tuple(unfinished_groups(deployed)),
        interruptions(deployed, planned),
    )


def _unlike(policies: tuple[Described, ...], others: tuple[Described, ...]) -> tuple[Described, ...]:
    """Return the policies without an equal one among the others: only they can select pods that the others do not."""
    known = {policy["metadata"]["name"]: policy["spec"] for policy in others}
    return tuple(policy for policy in policies if known.get(policy["metadata"]["name"]) != policy["spec"])


def _foreign(others: tuple[Described, ...], planned: BothLayers) -> Iterator[tuple[str, tuple[Change, ...]]]:
    alone = replace(planned, beside=others)
    for policy in others:
        joined = replace(alone, manifests=(*alone.manifests, policy))
        changes = changes_between(openings(alone, Layer.POD), openings(joined, Layer.POD))
        if changes:
            yield policy["metadata"]["name"], changes


def _through_both(layers: BothLayers) -> dict[tuple[PartyName, PartyName], PortSet]:
    front = layers.named[layers.environment.load_balancer.external]
    at_front = (pair for other in layers.endpoints if other is not front for pair in ((other, front), (front, other)))
    found: dict[tuple[PartyName, PartyName], PortSet] = {
        (source.name, destination.name): ports for (source, destination), ports in layers.passing.items()
    }
    # A kubelet reaches pods that share the group of its node without crossing a network interface.
    if kubelet := layers.named.get(KUBELET):
        for each in layers.endpoints:
            if not each.has_own_group:
                for pair in ((kubelet, each), (each, kubelet)):
                    found.pop((pair[0].name, pair[1].name), None)
    for pair in at_front:
        ports = layers.opened(Layer.POD, *pair) & layers.opened(Layer.VPC, *pair)
        if ports:
            found[pair[0].name, pair[1].name] = ports
    return found


def openings(layers: BothLayers, layer: Layer) -> dict[tuple[PartyName, PartyName], PortSet]:
    """Return the ports that a layer opens, by the names of both ends; a pod of the namespace is at one end."""
    return {
        (source.name, destination.name): ports
        for (source, destination), ports in layers.openings(layer).items()
        if any(end.workload and end.workload.namespace == layers.matrix.namespace for end in (source, destination))
    }
