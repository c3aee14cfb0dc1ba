"""What a suspension opens and who asked for it, and what ends with it."""

from collections.abc import Sequence
from dataclasses import replace

from flash_ticket.firewall.change.impact import difference
from flash_ticket.firewall.compile.pod_layer import NetworkPolicy
from flash_ticket.firewall.compile.suspended import opens
from flash_ticket.firewall.declare.suspensions import Suspension, Suspensions
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.report.impact import difference_text


def suspending_text(firewall: CompiledFirewall, new: Sequence[Suspension], wanted: Suspensions) -> str:
    """Return what suspensions open, in lines."""
    opened = difference(firewall.layers(), replace(firewall, suspensions=wanted).layers())
    lines = [f"{each.policy}, open until {each.end}, {each.said()}" for each in new]
    return escaped_lines(lines) + difference_text(opened) + "\n"


def consent_text(policies: Sequence[NetworkPolicy]) -> str:
    """Return the question that comes before much is opened."""
    return f"{policies[-1].name}: {opens(policies[-1].name)}. Open it?"


def resuming_text(ended: Sequence[Suspension]) -> str:
    """Return what is closed, in lines."""
    lines = [f"{each.policy}: closed, was open until {each.end}, {each.said()}" for each in ended]
    return escaped_lines(lines or ["Nothing is suspended."])
