"""What a stack has declared, what going back changes, and how far the files are from what runs then."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import yaml

from flash_ticket.firewall.change.history import DeclaredVersion, StackUpdate, Versions
from flash_ticket.firewall.change.impact import FirewallDifference, difference
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.changes import Change
from flash_ticket.firewall.terms.input_error import InputError, escaped_lines
from flash_ticket.report.impact import difference_text
from flash_ticket.report.proof import proof_text

_MOST_CHANGES = 8


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version beside the one before it.

    Attributes:
        changed: What it opened and closed; None for the first kept, or where the present program refuses one of both.
    """

    version: DeclaredVersion
    changed: FirewallDifference | None


def listed_versions(versions: Versions, stack: str) -> tuple[ListedVersion, ...]:
    """Return versions with what each changed, the last first."""
    compiled: list[CompiledFirewall | None] = [_compiled(each, stack) for each in versions]
    changed = [None, *(_between(*pair) for pair in pairwise(compiled))]
    return tuple(ListedVersion(*each) for each in zip(versions, changed, strict=True))[::-1]


def history_text(versions: Versions, updates: Sequence[StackUpdate], stack: str) -> str:
    """Return a stack's versions and the updates that did not end well, the last first."""
    entries = [
        (each.version.since, list(_version_lines(each, runs=each.version is versions[-1])))
        for each in listed_versions(versions, stack)
    ]
    first = versions[0].since
    entries += [
        (each.begin, [f"         {each.begin}  {each.kind} {_ended(each)}"])
        for each in updates
        if each.result != "succeeded" and each.begin >= first
    ]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    return escaped_lines(line for _, lines in entries for line in lines)


def history_document(versions: Versions, updates: Sequence[StackUpdate], stack: str) -> dict[str, object]:
    """Return the same as plain values."""
    return {
        "stack": stack,
        "versions": [
            {
                "version": each.version.number,
                "since": each.version.since,
                "runs": each.version is versions[-1],
                "changed": None if each.changed is None else [str(change) for change in each.changed.through_both],
            }
            for each in listed_versions(versions, stack)
        ],
        "unsuccessful": [
            {"kind": each.kind, "begin": each.begin, "end": each.end, "result": each.result}
            for each in updates
            if each.result != "succeeded"
        ],
    }


def going_back_text(now: CompiledFirewall, then: CompiledFirewall, version: DeclaredVersion) -> str:
    """Return what going back to a version opens and closes, and its proof."""
    head = escaped_lines([f"Going back to version {version.number} of {version.since}:"])
    return f"{head}{difference_text(difference(now.layers(), then.layers()))}\n{proof_text(then.proof())}\n"


def files_text(stands: DeclaredVersion, files: DeclaredVersion, names: tuple[str, str], commit: str | None) -> str:
    """Return how the files of the checkout differ from what stands, which the next update would bring back.

    Args:
        stands: What is deployed now.
        files: What the files declare.
        names: Those of the files with the matrix and with the binding.
        commit: A commit whose files declare what stands; None if none was found.
    """
    differing = [
        line
        for name, was, there in zip(names, (stands.matrix, stands.binding), (files.matrix, files.binding), strict=True)
        for line in _lines_between(dict(was), dict(there), name)
    ]
    if not differing:
        return "The files declare what is deployed now.\n"
    return (
        "The files now differ from what is deployed, and the next pulumi up would bring back what they say.\n"
        + _remedy(names, commit)
        + escaped_lines(f"  {line}" for line in differing)
    )


def unreadable_files_text(error: InputError, names: tuple[str, str], commit: str | None) -> str:
    """Return that the files of the checkout declare nothing, whatever is deployed.

    Args:
        error: Why they cannot be read.
        names: Those of the files with the matrix and with the binding.
        commit: A commit whose files declare what stands; None if none was found.
    """
    said = "It is deployed. The files cannot be read, and pulumi up does not run until they can"
    return f"{said}: {error}\n{_remedy(names, commit)}"


def _remedy(names: tuple[str, str], commit: str | None) -> str:
    where = f"git checkout {commit} -- {' '.join(names)}" if commit else "no commit was found that has it; edit them"
    return f"Make them say what runs: {where}\n"


def _version_lines(listed: ListedVersion, *, runs: bool) -> Iterator[str]:
    version = listed.version
    yield f"{version.number:>7}  {version.since}{'  runs' if runs else ''}"
    if version.number == 1:
        yield "           first deployment"
    if listed.changed is None:
        return
    through = listed.changed.through_both
    alone = {change for changes in listed.changed.by_layer.values() for change in changes}
    yield from (f"           {change}" for change in _shortened(through))
    if not through:
        yield f"           {f'{len(alone)} changes in one layer alone' if alone else 'no connection opened or closed'}"


def _shortened(changes: Sequence[Change]) -> Iterator[str]:
    yield from map(str, changes[:_MOST_CHANGES])
    if len(changes) > _MOST_CHANGES:
        yield f"and {len(changes) - _MOST_CHANGES} more"


def _ended(update: StackUpdate) -> str:
    return "did not end" if update.result == "in-progress" else update.result


def _compiled(version: DeclaredVersion, stack: str) -> CompiledFirewall | None:
    try:
        return version.firewall(stack)
    except InputError:  # a program that has grown stricter: going back to it shows the reason
        return None


def _between(before: CompiledFirewall | None, after: CompiledFirewall | None) -> FirewallDifference | None:
    return difference(before.layers(), after.layers()) if before and after else None


def _lines_between(was: object, there: object, name: str) -> Iterator[str]:
    deployed, yours = (yaml.safe_dump(each, default_flow_style=None, width=110).splitlines() for each in (was, there))
    yield from difflib.unified_diff(deployed, yours, f"deployed {name}", f"your {name}", lineterm="", n=0)
