"""Recorded traffic held against one environment: what ``denied``, ``replay`` and ``learn`` start from."""

from collections.abc import Sequence
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.attribution.address_book import AddressBook
from flash_ticket.traffic.attribution.attribution import Attribution, SourceTotals, attribute, scope
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.records.record import Log


@dataclass(frozen=True, slots=True)
class AttributedTraffic:
    """What logs tell, by whom it concerns.

    Attributes:
        firewall: Compiled for the environment that the inventory tells.
        layers: Its layers; the endpoints of the conversations are theirs, and are compared by identity.
        inventory: What the addresses were known from.
        attribution: All logs together.
        totals: Of each log.
    """

    firewall: CompiledFirewall
    layers: BothLayers
    inventory: Inventory
    attribution: Attribution
    totals: tuple[SourceTotals, ...]


def attribute_logs(
    matrix: Matrix, inventory: Inventory, logs: Sequence[Log], since: float | None = None, until: float | None = None
) -> AttributedTraffic:
    """Read logs and attribute what they tell.

    Args:
        matrix: By whose services and externals the traffic is told.
        inventory: With an environment that has a place for each external of the matrix.
        logs: Each is read once.
        since: Only what ended at this time or later, in seconds since 1970; None for everything.
        until: Only what began before this time.

    Raises:
        InputError: There is no environment, an external has no place in it, or a log cannot be read.
    """
    environment = known_environment(inventory)
    refuse_unplaced(matrix, environment, MATRIX_FILE)
    firewall = compile_firewall(matrix, environment)
    return attribute_logs_to(firewall, firewall.layers(), inventory, logs, since, until)


def attribute_logs_to(  # noqa: PLR0913, PLR0917 - the period is the last two
    firewall: CompiledFirewall,
    layers: BothLayers,
    inventory: Inventory,
    logs: Sequence[Log],
    since: float | None = None,
    until: float | None = None,
) -> AttributedTraffic:
    """Read logs and attribute what they tell to the endpoints of these layers; else as ``attribute_logs``."""
    book = AddressBook(layers, inventory)
    attribution, totals = attribute(logs, book, scope(book, since, until))
    return AttributedTraffic(firewall, layers, inventory, attribution, totals)


def known_environment(inventory: Inventory) -> Environment:
    """Return the environment that an inventory tells.

    Raises:
        InputError: It tells none.
    """
    if inventory.environment is None:
        raise InputError("--inventory", "", "it contains no environment", "Save one with flash-firewall inventory")
    return inventory.environment


def refuse_unplaced(matrix: Matrix, environment: Environment, source: str) -> None:
    """Check that every external outside the cluster has a place, and that the load balancer is one of them.

    Args:
        matrix: What is declared.
        environment: With the places.
        source: The file that declares it, for the error.

    Raises:
        InputError: One has none.
    """
    known = {name for name, _ in environment.places}
    front = environment.load_balancer.external
    if front not in {external.name for external in matrix.externals if external.namespace is None}:
        raise InputError(
            source,
            f"externals.{front}",
            f"it is the load balancer of the environment {environment.name}, and is not declared",
            "Declare it, or bind another in the stack's settings and take the inventory again",
        )
    for external in matrix.externals:
        if external.namespace is None and external.name not in known:
            raise InputError(
                source,
                f"externals.{external.name}",
                f"it has no place in the environment {environment.name}",
                "Bind it in the stack's settings, and take the inventory again",
            )


def refuse_other_stack(inventory: Inventory, stack: str | None) -> None:
    """Check that an inventory is of the stack that was named, if one was.

    Raises:
        InputError: It is of another one.
    """
    wanted, environment = (stack or "").rpartition("/")[2], inventory.environment
    if wanted and environment and environment.name != wanted:
        raise InputError("--inventory", "", f"it is of {environment.name}, not of {wanted}", "Name one of this stack")
