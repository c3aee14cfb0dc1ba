"""What a deployment or a suspension opens, closes and interrupts, in the few lines that are shown before it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from flash_ticket.firewall.change.impact import FirewallDifference, Impact, difference
from flash_ticket.firewall.compile.pod_layer import NetworkPolicy
from flash_ticket.firewall.compile.suspended import opens
from flash_ticket.firewall.declare.suspensions import Suspension, Suspensions
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.changes import Change
from flash_ticket.firewall.terms.input_error import escaped, escaped_lines

_MOST_LINES = 30


def impact_text(impact: Impact) -> str:
    """Return which connections a deployment changes; one line if it changes none."""
    if impact.difference is None:
        return "Nothing is deployed yet: this opens what is declared and closes the rest."
    text = difference_text(impact.difference)
    if not impact.difference:
        return text
    return f"{text}\nIf no resource below changes this, somebody changed it outside Pulumi: add --refresh."


def difference_text(difference: FirewallDifference) -> str:
    """Return which connections open and close; one line if none do."""
    if not difference:
        return "No connection is opened or closed."
    lines = ["What this opens and closes:", *indented(difference.through_both, "through both layers")]
    through_both = {(change.source, change.destination) for change in difference.through_both}
    for layer, changes in difference.by_layer.items():
        alone = [change for change in changes if (change.source, change.destination) not in through_both]
        if alone:
            other = "stopped by the other" if difference.is_known else "as far as known without the account"
            lines += indented(alone, f"in the {layer.value} layer only, {other}")
    return "\n".join(lines)


def impact_warnings(impact: Impact) -> Iterator[str]:
    """Yield what a deployment interrupts, and what NetworkPolicies of others open."""
    yield from map(str, impact.interruptions)
    # Before the first deployment, a policy of others may allow what ours do not allow yet.
    when = "When this update has succeeded, remove" if impact.difference is None else "Remove"
    for name, changes in impact.foreign.items():
        lines = "\n".join(indented(changes, f"This program did not create the NetworkPolicy {name}, which opens more"))
        yield f"{lines.lstrip()}\n{when} it, or declare its flows in traffic.yaml."
    for joint in impact.joint:
        names = " and ".join(joint.policies)
        lines = "\n".join(indented(joint.changes, f"The NetworkPolicies {names} of others open more together"))
        yield f"{lines.lstrip()}\n{when} one of them, or declare the flows in traffic.yaml."
    if impact.replaced:
        yield (
            f"NetworkPolicies that this program did not create have the names of its own: "
            f"{escaped(', '.join(impact.replaced))}. "
            "A deployment replaces their rules, and destroy removes them."
        )
    for label, group in ((escaped(label), group) for label, group in impact.unfinished):
        yield (
            f"The security group {group} of {label} allows all egress: AWS creates a group with that rule, and the "
            "deployment that created it ended before it removed the rule. Before anything else, run:\n"
            f"  aws ec2 revoke-security-group-egress --group-id {group} "
            "--ip-permissions 'IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]'"
        )


def indented(changes: Sequence[Change], heading: str) -> list[str]:
    """Return changes as lines below a heading: at most as many as a person reads."""
    if not changes:
        return [f"  {heading}: nothing"]
    lines = [f"  {escaped(heading)}:", *(f"    {escaped(str(change))}" for change in changes[:_MOST_LINES])]
    if len(changes) > _MOST_LINES:
        lines.append(f"    and {len(changes) - _MOST_LINES} more")
    return lines


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
