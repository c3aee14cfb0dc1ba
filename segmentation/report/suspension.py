"""What a suspension opens and who asked for it, and what ends with it."""

from collections.abc import Sequence
from dataclasses import replace

from segmentation.compiled_firewall import CompiledFirewall
from segmentation.escape import escaped_lines
from segmentation.impact import difference
from segmentation.network_policy import NetworkPolicy
from segmentation.report.impact import difference_text
from segmentation.suspension import Suspension, Suspensions, opens


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
