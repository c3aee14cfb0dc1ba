"""What a deployment takes over from others, and what is left over of theirs, in the lines that a preview shows."""

from collections.abc import Iterator

from flash_ticket.firewall.change.adopting.taking_over import Step, TakingOver
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
    return "\n".join((*_policies(taken), *_left_over(taken)))


def _policies(taken: TakingOver) -> Iterator[str]:
    if not taken.policies:
        return
    names = escaped(", ".join(taken.policies))
    yield (
        f"This takes over {len(taken.policies)} NetworkPolicies of {taken.namespace}: {names}. "
        "One write changes each of them in place, after the policies that this creates. From then on they belong to "
        "this stack, and pulumi destroy deletes them."
    )
    yield from indented(taken.changes, "in the pod layer, compared with all policies that are there now")


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
