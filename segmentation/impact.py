"""What a deployment opens and closes, by layer, against what stands now; and what others would add to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from segmentation.connection import Party
from segmentation.deployed import Deployed
from segmentation.diff import Change, changes_between
from segmentation.layers import Layers
from segmentation.port_set import PortSet
from segmentation.position import Role
from segmentation.verdict import Layer


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two states of both layers, of connections with a service at one end.

    Attributes:
        through_both: What passes both layers and changes.
        by_layer: The same for each layer alone.
    """

    through_both: tuple[Change, ...]
    by_layer: Mapping[Layer, tuple[Change, ...]]

    def __bool__(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.through_both) or any(self.by_layer.values())


@dataclass(frozen=True, slots=True)
class Impact:
    """What a deployment changes.

    Attributes:
        difference: Between what stands and what would; None if nothing stands yet, so that all undeclared closes.
        foreign: What NetworkPolicies of others open beyond the declared, by their names.
        overruling: ClusterNetworkPolicies, which may overrule all of it.
    """

    difference: Difference | None
    foreign: Mapping[str, tuple[Change, ...]]
    overruling: tuple[str, ...]


def difference(before: Layers, after: Layers) -> Difference:
    """Compare two states of both layers."""
    return Difference(
        changes_between(before.connections().as_map(), after.connections().as_map()),
        {layer: changes_between(_openings(before, layer), _openings(after, layer)) for layer in Layer},
    )


def impact(deployed: Deployed, planned: Layers) -> Impact:
    """Compare what stands with what would be deployed.

    Raises:
        InputError: A policy that stands is not understood.
    """
    before = deployed.layers(planned.matrix, planned.environment)
    after = Layers(before.matrix, planned.environment, planned.manifests, planned.firewall)
    changed = None if deployed.is_first else difference(before, after)
    return Impact(changed, dict(_foreign(deployed, after)), deployed.overruling)


def _foreign(deployed: Deployed, planned: Layers) -> Iterator[tuple[str, tuple[Change, ...]]]:
    alone = _openings(planned, Layer.POD)
    for policy in deployed.foreign_policies:
        joined = Layers(planned.matrix, planned.environment, (*planned.manifests, policy), planned.firewall)
        changes = changes_between(alone, _openings(joined, Layer.POD))
        if changes:
            yield policy["metadata"]["name"], changes


def _openings(layers: Layers, layer: Layer) -> dict[tuple[Party, Party], PortSet]:
    return {
        (source.name, destination.name): ports
        for (source, destination), ports in layers.openings(layer).items()
        if Role.SERVICE in {source.role, destination.role}
    }
