"""What lives otherwise than it is declared, written down.

As JSON one object: ``stack``; ``taken`` (ISO 8601 in UTC); ``holds``; ``findings``, the most urgent first, each

    {"kind", "drift", "where", "what", "why", "remedy", "differences": [{"path", "declared", "live"}]}

(``declared`` and ``live`` are JSON themselves, null where there is nothing); ``looked_at``, counts by what was looked
at; ``unseen``, what was not; and after a probe ``probe``, as
`flash_ticket.report.probe` tells it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from flash_ticket.firewall.terms.escape import escaped
from flash_ticket.report.answer_format import AnswerFormat

if TYPE_CHECKING:
    from flash_ticket.verify.finding import Difference, Finding
    from flash_ticket.verify.probe.result import Probe
    from flash_ticket.verify.verification import Verification

_LONGEST_VALUE = 120


def written_verification(found: "Verification", form: AnswerFormat, probe: "Probe | None" = None) -> str:
    """Return a verification in a form, with its probe if there was one; what came from others is harmless to show."""
    from flash_ticket.report.probe import probe_document, probe_text  # noqa: PLC0415 - see below

    if form is AnswerFormat.JSON:
        probed = {} if probe is None else {"probe": probe_document(probe)}
        return json.dumps({**verification_document(found), **probed}, indent=2) + "\n"
    return "".join(f"{escaped(line)}\n" for line in _lines(found)) + ("" if probe is None else probe_text(probe))


def verification_document(found: "Verification") -> dict[str, object]:
    """Return a verification as the object that JSON shows."""
    from flash_ticket.firewall.terms.moment import written  # noqa: PLC0415 - the form alone is asked for at every start

    return {
        "stack": found.stack,
        "taken": written(found.taken),
        "holds": found.holds,
        "findings": [{**asdict(each), "kind": each.kind.value, "drift": each.is_drift} for each in found.findings],
        "looked_at": dict(found.looked_at),
        "unseen": list(found.unseen),
    }


def _lines(found: "Verification") -> Iterator[str]:
    for finding in found.findings:
        yield from _finding(finding)
        yield ""
    count = len(found.drift)
    said = "as declared" if found.holds else f"{count} {'thing is' if count == 1 else 'things are'} not as declared"
    at = ", ".join(f"{what} {number}" for what, number in found.looked_at)
    yield f"{found.stack}: {said}. Looked at: {at}."
    if found.unseen:
        yield f"Not looked at: {', '.join(found.unseen)}."


def _finding(finding: "Finding") -> Iterator[str]:
    yield f"{finding.kind.value.upper()}  {finding.where}"
    yield f"  {finding.what}"
    yield from _differences(finding.differences)
    yield f"  why it matters: {finding.why}"
    yield f"  remedy: {finding.remedy}"


def _differences(differences: "Sequence[Difference]") -> Iterator[str]:
    for each in differences:
        yield f"    {each.path}: declared {_value(each.declared)}, live {_value(each.live)}"


def _value(written: str | None) -> str:
    if written is None:
        return "nothing"
    return written if len(written) <= _LONGEST_VALUE else f"{written[: _LONGEST_VALUE - 3]}..."
