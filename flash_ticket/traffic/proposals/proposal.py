"""A proposed matrix and today's matrix, compiled for one environment and with the same endpoints.

An endpoint that only one of them declares keeps its name: traffic of a service that the proposal removes or adds is
still reported as traffic of that service.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, External, Flow, Matrix, Service
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.traffic.attribution.attributed_traffic import (
    AttributedTraffic,
    attribute_logs_to,
    known_environment,
    refuse_unplaced,
)
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.records.record import Log

_OF_TODAY = " of today"


@dataclass(frozen=True)
class Proposal:
    """Two matrices and an environment with the places of both.

    Attributes:
        today: The current matrix.
        proposed: The proposed matrix.
        environment: An environment with the places of both.
        source: The file of the proposed matrix, for errors.

    Raises:
        InputError: The two have different namespaces. When the layers are computed: an external has no place.
    """

    today: Matrix
    proposed: Matrix
    environment: Environment
    source: str

    def __post_init__(self) -> None:
        if self.today.namespace != self.proposed.namespace:
            raise InputError(
                self.source,
                "namespace",
                f"{self.proposed.namespace} is not the namespace of today's matrix, {self.today.namespace}",
                "Propose a matrix for the same pods",
            )

    @staticmethod
    def of(today: Matrix, proposed: Matrix, inventory: Inventory, source: str) -> "Proposal":
        """Return the proposal in the environment of an inventory.

        Raises:
            InputError: The inventory contains none, or the two matrices have different namespaces.
        """
        return Proposal(today, proposed, known_environment(inventory), source)

    def attribute(self, inventory: Inventory, logs: Sequence[Log], since: float | None = None) -> AttributedTraffic:
        """Read logs and attribute their records to the endpoints of both matrices.

        Args:
            inventory: The inventory of the environment.
            logs: The logs; each is read once.
            since: Only traffic that ended at this time or later, in seconds since 1970; None for all.

        Raises:
            InputError: An external of either matrix has no place in the environment, or a log cannot be read.
        """
        return attribute_logs_to(self._compiled_proposed, self.after, inventory, logs, since)

    @cached_property
    def before(self) -> BothLayers:
        """Both layers from today's matrix."""
        return self._layers(self._compiled_today, self._compiled_proposed)

    @cached_property
    def after(self) -> BothLayers:
        """Both layers from the proposed matrix; their endpoints have the names of those of ``before``."""
        return self._layers(self._compiled_proposed, self._compiled_today)

    @cached_property
    def _compiled_today(self) -> CompiledFirewall:
        return compile_firewall(self.today, fitted(self.environment, self.today, MATRIX_FILE))

    @cached_property
    def _compiled_proposed(self) -> CompiledFirewall:
        return compile_firewall(self.proposed, fitted(self.environment, self.proposed, self.source))

    def _layers(self, decisive: CompiledFirewall, other: CompiledFirewall) -> BothLayers:
        manifests = [tuple(policy.manifest() for policy in each.pods.policies) for each in (decisive, other)]
        matrix = together(self.today, self.proposed)
        places = dict(self.environment.places)
        known = {each.name: places[each.name.removesuffix(_OF_TODAY)] for each in matrix.externals if each.has_place}
        environment = replace(self.environment, places=tuple(sorted(known.items(), key=lambda place: place[0])))
        return BothLayers(matrix, environment, manifests[0], decisive.vpc, beside=manifests[1])


def together(today: Matrix, proposed: Matrix) -> Matrix:
    """Return the proposed matrix with the services, externals, ports and flows that only today's matrix has.

    A service of today whose pods all belong to a proposed service gets the name of that service. Ports and flows are
    used to tell calls from replies, and externals at the same addresses apart; no firewall is compiled from them.
    """
    names = {each.name: _name(each, proposed) for each in today.endpoints.values()}
    kept = [each for each in today.endpoints.values() if names[each.name] not in proposed.endpoints]
    services = (replace(each, name=names[each.name]) for each in kept if isinstance(each, Service))
    externals = (replace(each, name=names[each.name]) for each in kept if isinstance(each, External))
    ports: dict[str, set[PortRange]] = defaultdict(set)
    flows: dict[tuple[str, str], set[PortRange]] = defaultdict(set)
    for matrix, called in ((proposed, {name: name for name in proposed.endpoints}), (today, names)):
        for endpoint in matrix.endpoints.values():
            ports[called[endpoint.name]].update(endpoint.ports)
        for flow in matrix.flows:
            flows[called[flow.source], called[flow.target]].update(flow.ports)
    return Matrix(
        proposed.namespace,
        tuple(replace(each, ports=_sorted(ports[each.name])) for each in (*proposed.services, *services)),
        tuple(replace(each, ports=_sorted(ports[each.name])) for each in (*proposed.externals, *externals)),
        tuple(Flow(*ends, _sorted(found)) for ends, found in sorted(flows.items())),
    )


def _sorted(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    return tuple(sorted(ports))


def _name(former: DeclaredEndpoint, proposed: Matrix) -> str:
    """Return the name of an endpoint of today among the proposed ones."""
    same = proposed.endpoints.get(former.name)
    if isinstance(former, Service):
        there = proposed.services_in(former.namespace or proposed.namespace)
        covering = [each for each in there if set(each.pods) <= set(former.pods)]
        if covering:
            return covering[0].name
    elif isinstance(same, External) and _where(same) == _where(former):
        return former.name
    return former.name if same is None else f"{former.name}{_OF_TODAY}"


def _where(external: External) -> tuple[object, ...]:
    return external.namespace, external.pods, external.domains


def fitted(environment: Environment, matrix: Matrix, source: str) -> Environment:
    """Return the environment with exactly the places that a matrix names.

    Args:
        environment: An environment with these places, and maybe others.
        matrix: The declared traffic.
        source: The file of the matrix, for the error.

    Raises:
        InputError: An external has no place, or no external is the load balancer.
    """
    refuse_unplaced(matrix, environment, source)
    outside = {external.name for external in matrix.externals if external.has_place}
    return replace(environment, places=tuple(place for place in environment.places if place[0] in outside))
