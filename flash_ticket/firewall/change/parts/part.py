"""The parts of a firewall that a program can declare alone: their names, and what the binding must ask for."""

from enum import StrEnum

from flash_ticket.firewall.change.resource_names import ALERTS, POLICIES, joined
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.verdict import Layer


class Part(StrEnum):
    """A part of a firewall. Its value is the end of the name of its component."""

    NETWORK_POLICIES = POLICIES
    SECURITY_GROUPS = "groups"
    FLOW_LOGS = "flow-logs"
    ALERTS = ALERTS
    GUARD_RAILS = "guard"

    @property
    def layer(self) -> Layer | None:
        """The layer that it is; None if it opens and closes nothing."""
        return _LAYERS.get(self)


_LAYERS = {Part.NETWORK_POLICIES: Layer.POD, Part.SECURITY_GROUPS: Layer.VPC}

_KEYS = {Part.FLOW_LOGS: "flowLogs", Part.ALERTS: "alerts", Part.GUARD_RAILS: "guardRails"}
"""The key of the binding that asks for a part; the layers are always asked for."""


def component_name(name: str, part: Part | None) -> str:
    """Return the name of the component of a part alone, or of the whole firewall if there is no part."""
    return joined(name, part) if part else name


def refuse_empty(part: Part, planned: CompiledFirewall) -> None:
    """Refuse a part that the binding does not ask for: without this, its component would declare nothing.

    Raises:
        InputError: The binding asks for nothing of the part.
    """
    environment = planned.environment
    asked = {
        Part.FLOW_LOGS: environment.own_flow_log,
        Part.ALERTS: environment.alerting,
        Part.GUARD_RAILS: environment.guard_rails,
    }
    if part in asked and asked[part] is None:
        raise InputError(
            stack_file(environment.name),
            f"{BINDING_KEY}.{_KEYS[part]}",
            "it asks for nothing that this component could make",
            f"Write what {_KEYS[part]} should make, or remove the component from the program",
        )


def needs_location(planned: CompiledFirewall) -> bool:
    """Return whether the alerts watch a flow log that another part makes, so that they must know where it delivers."""
    return planned.watch.cloudwatch is not None and any(map(planned.environment.records_to, LogDestination))
