"""Recorded traffic, attributed to the endpoints of one environment: the input of denied, replay and learn."""

from collections.abc import Sequence
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.built_in import BuiltIn, written_name
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.attribution.address_book import AddressBook
from flash_ticket.traffic.attribution.attribution import Attribution, SourceTotals, attribute, scope
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.records.record import Log

_BIND = "Bind it in the stack's settings"


@dataclass(frozen=True, slots=True)
class AttributedTraffic:
    """The traffic in logs, attributed to endpoints.

    Attributes:
        firewall: The firewall, compiled for the environment of the inventory.
        layers: Its layers; the endpoints of the conversations belong to them and are compared by identity.
        inventory: The inventory that the addresses were looked up in.
        attribution: The traffic of all logs together.
        totals: The counts of each log.
    """

    firewall: CompiledFirewall
    layers: BothLayers
    inventory: Inventory
    attribution: Attribution
    totals: tuple[SourceTotals, ...]


def attribute_logs(
    matrix: Matrix, inventory: Inventory, logs: Sequence[Log], since: float | None = None, until: float | None = None
) -> AttributedTraffic:
    """Read logs and attribute their records.

    Args:
        matrix: The services and externals that the traffic is attributed to.
        inventory: An inventory with an environment that has a place for each external of the matrix.
        logs: The logs; each is read once.
        since: Only traffic that ended at this time or later, in seconds since 1970; None for all.
        until: Only traffic that began before this time; None for all.

    Raises:
        InputError: There is no environment, an external has no place in it, or a log cannot be read.
    """
    environment = known_environment(inventory)
    refuse_unplaced(matrix, environment, MATRIX_FILE)
    firewall = compile_firewall(matrix, environment)
    return attribute_logs_to(firewall, firewall.layers(), inventory, logs, since, until)


def attribute_logs_to(  # noqa: PLR0913, PLR0917 - the last two are one period
    firewall: CompiledFirewall,
    layers: BothLayers,
    inventory: Inventory,
    logs: Sequence[Log],
    since: float | None = None,
    until: float | None = None,
) -> AttributedTraffic:
    """Read logs and attribute their records to the endpoints of these layers; otherwise like ``attribute_logs``."""
    book = AddressBook(layers, inventory)
    attribution, totals = attribute(logs, book, scope(book, since, until))
    return AttributedTraffic(firewall, layers, inventory, attribution, totals)


def known_environment(inventory: Inventory) -> Environment:
    """Return the environment of an inventory.

    Raises:
        InputError: It contains none.
    """
    if inventory.environment is None:
        raise InputError("--inventory", "", "it contains no environment", "Save one with flash-firewall inventory")
    return inventory.environment


def refuse_unplaced(matrix: Matrix, environment: Environment, source: str) -> None:
    """Check that every external outside the cluster has a place, and that every load balancer is one of them.

    Args:
        matrix: The declared traffic.
        environment: The environment with the places.
        source: The file of the matrix, for the error.

    Raises:
        InputError: An external has no place, or a load balancer is not declared.
    """
    known = {name for name, _ in (*environment.places, *environment.in_pods)}
    outside = {external.name for external in matrix.externals if external.has_place}
    for front in [each.external for each in environment.load_balancers if each.external not in outside]:
        raise InputError(
            source,
            f"externals.{front}",
            f"it is a load balancer of the environment {environment.name}, but is not declared",
            "Declare it, or bind another in the stack's settings and take the inventory again",
        )
    for external in matrix.externals:
        if external.has_place and external.name not in known:
            is_bound = external.looked_up is None
            raise InputError(
                source,
                "flows" if isinstance(external.looked_up, BuiltIn) else f"externals.{written_name(external.name)}",
                f"{'it' if is_bound else external.name} has no place in the environment {environment.name}",
                "Bind it in the stack's settings, and take the inventory again"
                if is_bound
                else "Take the inventory again",
            )


def refuse_other_stack(inventory: Inventory, stack: str | None) -> None:
    """Check that an inventory belongs to the named stack, if one is named.

    Raises:
        InputError: It belongs to another stack.
    """
    wanted, environment = (stack or "").rpartition("/")[2], inventory.environment
    if wanted and environment and environment.name != wanted:
        raise InputError(
            "--inventory", "", f"it is of the stack {environment.name}, not of {wanted}", "Name one of this stack"
        )
