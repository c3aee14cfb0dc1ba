"""What a deployment opens and closes in each layer, compared with what is deployed, and what others add to it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from flash_ticket.firewall.change.adoption import unfinished_groups
from flash_ticket.firewall.change.deployed import Deployed, Described, identity, title_of
from flash_ticket.firewall.change.interruption import Interruption, interruptions
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import INTERNET, KUBELET, Role
from flash_ticket.firewall.terms.changes import Change, changes_between
from flash_ticket.firewall.terms.connections import PartyName
from flash_ticket.firewall.terms.domain_names import narrowest
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Layer

_FEWEST_TO_JOIN = 2


@dataclass(frozen=True, slots=True)
class FirewallDifference:
    """The difference between two states of both layers.

    Attributes:
        through_both: Changes of what passes both layers, with a service or the load balancer at one end.
        by_layer: Changes in each layer, with any pod of the namespaces at one end.
        is_known: Whether all rules are known that decide in the VPC layer; without an account some may not be.
    """

    through_both: tuple[Change, ...]
    by_layer: Mapping[Layer, tuple[Change, ...]]
    is_known: bool = True

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(self.through_both) or any(self.by_layer.values())


@dataclass(frozen=True, slots=True)
class JointOpening:
    """What several NetworkPolicies of others open only together, such as one for each end of a connection.

    Attributes:
        policies: The names of those that are all needed for it: without any one, it is closed.
    """

    policies: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """The effect of a deployment.

    Attributes:
        difference: The difference to what is deployed; None for a first deployment, which only closes traffic.
        foreign: What NetworkPolicies of others open beyond the declaration, by their names (see ``title_of``).
        replaced: The names of NetworkPolicies of others that this program replaces, and that nobody asked it to take
            over.
        overruling: The names of ClusterNetworkPolicies and, with their kind, of AdminNetworkPolicies.
        unfinished: Label and id of this stack's security groups that still allow all egress traffic.
        interruptions: Declared traffic that the deployment interrupts on its way.
        joint: What NetworkPolicies of others open beyond that only together.
    """

    difference: FirewallDifference | None
    foreign: Mapping[str, tuple[Change, ...]]
    replaced: tuple[str, ...]
    overruling: tuple[str, ...]
    unfinished: tuple[tuple[str, str], ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    joint: tuple[JointOpening, ...] = ()


def difference(before: BothLayers, after: BothLayers) -> FirewallDifference:
    """Compare two states of both layers."""
    names = {*before.names.patterns, *after.names.patterns}
    alone, joined = ({layer: _with_names(side, layer, names) for layer in Layer} for side in (before, after))
    through = [_through_both(side) | _named_through_both(side, names) for side in (before, after)]
    return FirewallDifference(
        changes_between(*through),
        {layer: changes_between(alone[layer], joined[layer]) for layer in Layer},
        not before.perhaps_passing and not after.perhaps_passing,
    )


def _with_names(layers: BothLayers, layer: Layer, names: Iterable[str]) -> dict[tuple[PartyName, PartyName], PortSet]:
    """Return what a layer opens, in the pod layer also to each domain name: the VPC layer knows no names."""
    return openings(layers, layer) | (_of_names(layers, names) if layer is Layer.POD else {})


def _of_names(layers: BothLayers, names: Iterable[str]) -> dict[tuple[PartyName, PartyName], PortSet]:
    """Return what the pod layer opens to each of some domain names; layers that do not have it may cover it."""
    known = {name: narrowest(layers.names.patterns, name) for name in names}
    callers = {caller for caller, _ in layers.openings_of_names}
    found = layers.openings_of_names
    return {
        (caller, name): found[caller, of]
        for caller in callers
        for name, of in known.items()
        if of and (caller, of) in found
    }


def _named_through_both(layers: BothLayers, names: Iterable[str]) -> dict[tuple[PartyName, PartyName], PortSet]:
    """Return what both layers open to each of some domain names: these can be at any address of the internet."""
    found = {}
    for (caller, name), ports in _of_names(layers, names).items():
        source, internet = layers.named[str(caller)], layers.named[INTERNET]
        if source.role is Role.SERVICE and (left := ports & layers.opened(Layer.VPC, source, internet)):
            found[caller, name] = left
    return found


def impact(deployed: Deployed, planned: BothLayers) -> Impact:
    """Compare what is deployed with what is planned.

    Raises:
        InputError: A deployed policy cannot be read.
    """
    gone, new = _unlike(deployed.judged, planned.manifests), _unlike(planned.manifests, deployed.judged)
    before = replace(deployed.layers(planned.matrix, planned.environment), beside=new)
    after = BothLayers(before.matrix, before.environment, planned.manifests, planned.firewall, gone)
    changed = None if deployed.is_first else difference(before, after)
    home, names = planned.matrix.namespace, {identity(policy) for policy in planned.manifests}
    replaced = [policy for policy in deployed.foreign_policies if identity(policy) in names]
    others = tuple(policy for policy in deployed.foreign_policies if policy not in replaced)
    adopting = planned.environment.adopting
    asked = adopting.policies if adopting else frozenset[str]()
    foreign = dict(_foreign(others, after))
    return Impact(
        changed,
        foreign,
        tuple(title_of(policy, home) for policy in replaced if policy["metadata"]["name"] not in asked),
        deployed.overruling,
        tuple(unfinished_groups(deployed)),
        interruptions(deployed, planned),
        tuple(_jointly(others, after, foreign)),
    )


def _unlike(policies: tuple[Described, ...], others: tuple[Described, ...]) -> tuple[Described, ...]:
    """Return the policies without an equal one among the others: only they can select pods that the others do not."""
    known = {identity(policy): policy["spec"] for policy in others}
    return tuple(policy for policy in policies if known.get(identity(policy)) != policy["spec"])


def _foreign(others: tuple[Described, ...], planned: BothLayers) -> Iterator[tuple[str, tuple[Change, ...]]]:
    alone = replace(planned, beside=others)
    for policy in others:
        joined = replace(alone, manifests=(*alone.manifests, policy))
        changes = changes_between(openings(alone, Layer.POD), openings(joined, Layer.POD))
        if changes:
            yield title_of(policy, planned.matrix.namespace), changes


def _jointly(
    others: tuple[Described, ...], planned: BothLayers, alone: Mapping[str, tuple[Change, ...]]
) -> Iterator[JointOpening]:
    """Yield what policies of others open that none of them opens alone."""
    if len(others) < _FEWEST_TO_JOIN:
        return
    closed = openings(replace(planned, beside=others), Layer.POD)

    def beyond(policies: tuple[Described, ...]) -> dict[tuple[PartyName, PartyName], PortSet]:
        joined = replace(planned, manifests=(*planned.manifests, *policies), beside=others)
        return {
            (each.source, each.destination): each.opened
            for each in changes_between(closed, openings(joined, Layer.POD))
        }

    found = beyond(others)
    for changes in alone.values():
        for each in changes:
            pair = each.source, each.destination
            found[pair] = found.get(pair, NO_PORTS) - each.opened
    left = {pair: ports for pair, ports in found.items() if ports}
    if not left:
        return
    without = {
        title_of(each, planned.matrix.namespace): beyond(tuple(other for other in others if other is not each))
        for each in others
    }
    by_policies: dict[tuple[str, ...], list[Change]] = {}
    for pair, ports in left.items():
        names = tuple(sorted(name for name, still in without.items() if ports - still.get(pair, NO_PORTS)))
        by_policies.setdefault(names or tuple(sorted(without)), []).append(Change(*pair, NO_PORTS, ports))
    yield from (
        JointOpening(names, tuple(changes)) for names, changes in sorted(by_policies.items(), key=lambda x: x[0])
    )


def _through_both(layers: BothLayers) -> dict[tuple[PartyName, PartyName], PortSet]:
    fronts = [layers.named[name] for name in layers.environment.fronts]
    at_fronts = (
        pair
        for front in fronts
        for other in layers.endpoints
        if other is not front
        for pair in ((other, front), (front, other))
    )
    found: dict[tuple[PartyName, PartyName], PortSet] = {
        (source.name, destination.name): ports for (source, destination), ports in layers.passing.items()
    }
    # A kubelet reaches pods that share the group of its node without crossing a network interface.
    if kubelet := layers.named.get(KUBELET):
        for each in layers.endpoints:
            if not each.has_own_group:
                for pair in ((kubelet, each), (each, kubelet)):
                    found.pop((pair[0].name, pair[1].name), None)
    for pair in at_fronts:
        ports = layers.opened(Layer.POD, *pair) & layers.opened(Layer.VPC, *pair)
        if ports:
            found[pair[0].name, pair[1].name] = ports
    return found


def openings(layers: BothLayers, layer: Layer) -> dict[tuple[PartyName, PartyName], PortSet]:
    """Return the ports that a layer opens, by the names of both ends; a pod of our namespaces is at one end."""
    return {
        (source.name, destination.name): ports
        for (source, destination), ports in layers.openings(layer).items()
        if any(end.workload and end.workload.namespace in layers.matrix.namespaces for end in (source, destination))
    }
