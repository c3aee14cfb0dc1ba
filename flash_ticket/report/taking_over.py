"""What a deployment takes over from others, and what is left over of theirs, in the lines that a preview shows."""

from collections.abc import Iterator

from flash_ticket.firewall.change.adopting.taken_groups import TakenGroups
from flash_ticket.firewall.change.adopting.taking_over import Step, TakingOver
from flash_ticket.firewall.change.ownership.rule_identity import opened_by, revoking
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.report.impact import impact_text, impact_warnings, indented


def step_text(step: Step) -> str:
    """Return what a deployment opens, closes, takes over and leaves over, in lines."""
    taken = taking_over_text(step.taking) if step.taking else ""
    return f"{impact_text(step.impact)}\n{taken}".rstrip("\n")


def step_warnings(step: Step) -> Iterator[str]:
    """Yield what a deployment interrupts, and what NetworkPolicies of others open."""
    return impact_warnings(step.impact)


def taking_over_text(taken: TakingOver) -> str:
    """Return what a deployment takes over, what that changes, and what to delete when; empty if there is nothing."""
    return "\n".join((*_policies(taken), *_groups(taken.groups), *_left_over(taken)))


def _policies(taken: TakingOver) -> Iterator[str]:
    if not taken.policies:
        return
    names, count = escaped(", ".join(taken.policies)), len(taken.policies)
    yield (
        f"This takes over {count} NetworkPolic{'y' if count == 1 else 'ies'} of {taken.namespace}: {names}. "
        f"One write changes {'it' if count == 1 else 'each of them'} in place, after the policies that this creates. "
        f"From then on {'it belongs' if count == 1 else 'they belong'} to this stack, and pulumi destroy deletes "
        f"{'it' if count == 1 else 'them'}."
    )
    yield from indented(taken.changes, "in the pod layer, compared with all policies that are there now")


def _groups(groups: TakenGroups) -> Iterator[str]:
    names = escaped(", ".join(f"{id_} of {label}" for label, id_ in groups.groups))
    if not groups.groups:
        return
    if groups.imported:
        yield (
            f"This takes over the security groups {names}, with {len(groups.rules)} of their rules: they stay on their "
            "interfaces, with all that they allow. Names and descriptions of groups stay as they are. Run pulumi up "
            "once more then: it gives them the tags of this stack. From then on pulumi destroy deletes them."
        )
    else:
        yield f"This gives the security groups {names} the tags of this stack."
    if groups.left:
        yield "These rules stay in them, and nothing declared needs them. Delete them when this update has succeeded:"
        yield from (f"  {revoking(each)} # {opened_by(each)}" for each in groups.left)


def _left_over(taken: TakingOver) -> Iterator[str]:
    if not taken.left_over:
        return
    yield f"These NetworkPolicies stay, and nothing declared needs them: {escaped(', '.join(taken.left_over))}."
    when = "Delete them when this update has succeeded" if taken.policies else "Delete them now"
    by_namespace: dict[str, list[str]] = {}
    for title in taken.left_over:
        namespace, _, name = title.rpartition("/")
        by_namespace.setdefault(namespace or taken.namespace, []).append(name)
    for namespace, names in by_namespace.items():
        yield f"{when}: kubectl delete networkpolicy --namespace {namespace} {escaped(' '.join(names))}"
    yield (
        "Do not delete the folder that they came from as a whole: it holds names that this stack has taken over. "
        "Delete them before any pulumi destroy, too: an old default-deny would deny what no policy allows any more."
    )
