"""Findings of a verification and outcomes of a probe, as text and as JSON.

As JSON, one object: ``stack``; ``taken`` (ISO 8601 in UTC); ``holds``; ``findings``, the most urgent first, each

    {"kind", "drift", "where", "what", "why", "remedy", "differences": [{"path", "declared", "live"}]}

(``declared`` and ``live`` are JSON texts, or null for nothing); ``looked_at``, the counts of what was checked;
``unseen``, what was not checked; ``rules_of_others`` and
``indistinguishable``, as ``check`` writes them; and after a probe ``probe``, as `probe_document` describes it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from flash_ticket.firewall.change.object_difference import Difference
from flash_ticket.firewall.terms.input_error import escaped, escaped_lines
from flash_ticket.firewall.terms.moment import written
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.proof import blur_document, blurs_text, of_others_document, of_others_text
from flash_ticket.verify.finding import Finding
from flash_ticket.verify.probe.check import CheckVerdict, TriedCheck
from flash_ticket.verify.probe.judgement import Seen
from flash_ticket.verify.probe.plan import CONNECTION_SECONDS, ProbePlan
from flash_ticket.verify.probe.result import Probe
from flash_ticket.verify.verification import Verification

_LONGEST_VALUE = 120


def written_verification(found: Verification, form: AnswerFormat, probe: Probe | None = None) -> str:
    """Return a verification with its probe, if there was one; as text, everything from others is escaped."""
    if form is AnswerFormat.JSON:
        probed = {} if probe is None else {"probe": probe_document(probe)}
        return json.dumps({**verification_document(found), **probed}, indent=2) + "\n"
    return "".join(f"{escaped(line)}\n" for line in _lines(found)) + ("" if probe is None else probe_text(probe))


def verification_document(found: Verification) -> dict[str, object]:
    """Return a verification as a JSON object."""
    return {
        "stack": found.stack,
        "taken": written(found.taken),
        "holds": found.holds,
        "findings": [{**asdict(each), "kind": each.kind.value, "drift": each.is_drift} for each in found.findings],
        "looked_at": dict(found.looked_at),
        "unseen": list(found.unseen),
        "rules_of_others": of_others_document(found.of_others),
        "indistinguishable": [blur_document(blur) for blur in found.let_through],
    }


def _lines(found: Verification) -> Iterator[str]:
    for finding in found.findings:
        yield from _finding(finding)
        yield ""
    count = len(found.drift)
    said = "as declared" if found.holds else f"{count} {'thing is' if count == 1 else 'things are'} not as declared"
    at = ", ".join(f"{what} {number}" for what, number in found.looked_at)
    yield f"{found.stack}: {said}. Looked at: {at}."
    if found.unseen:
        yield f"Not looked at: {', '.join(found.unseen)}."
    yield from of_others_text(found.of_others)
    yield from blurs_text(found.let_through)


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.kind.value.upper()}  {finding.where}"
    yield f"  {finding.what}"
    yield from _differences(finding.differences)
    yield f"  why it matters: {finding.why}"
    yield f"  remedy: {finding.remedy}"


def _differences(differences: Sequence[Difference]) -> Iterator[str]:
    for each in differences:
        yield f"    {each.path}: declared {_value(each.declared)}, live {_value(each.live)}"


def _value(written: str | None) -> str:
    if written is None:
        return "nothing"
    return written if len(written) <= _LONGEST_VALUE else f"{written[: _LONGEST_VALUE - 3]}..."


def plan_text(plan: ProbePlan, image: str | None) -> str:
    """Return what the probe does, for the person who has to consent."""
    return escaped_lines(_plan(plan, image))


def _plan(plan: ProbePlan, image: str | None) -> Iterator[str]:
    yield f"The probe opens TCP connections from pods of {plan.namespace}, sends nothing on them, and closes them."
    for pod in plan.pods:
        count, where = len(plan.ends(pod)), f" in {pod.namespace}" if pod.namespace else ""
        yield f"  pod {pod.name}{where}, for {pod.service}: {count} connections, at most {plan.seconds(pod)} s in all"
    yield "A pod that others try also connects to itself, which shows whether anything listens there."
    if image is None:
        yield "It runs sh in each pod's own container (pods/exec). It writes no file and leaves nothing behind."
    else:
        yield f"It adds a container to each of these pods: {image}, without privileges."
        yield "It ends by itself. Kubernetes lists it in the pod until the pod is deleted."
    yield f"Each connection times out after {CONNECTION_SECONDS} s. Dropped connections appear in logs and alerts."


def probe_text(probe: Probe) -> str:
    """Return the outcomes of a probe as text, violations first."""
    return escaped_lines(_probe_lines(probe))


def _probe_lines(probe: Probe) -> Iterator[str]:
    order = list(CheckVerdict)
    for each in sorted(probe.checked, key=lambda each: order.index(each.verdict)):
        yield f"{each.verdict.value.upper()}  {each.check}  {each.check.expected}: {_outcome(each)}"
    yield from (f"NOT TRIED  {each}" for each in probe.plan.untried)
    count = Counter(each.verdict for each in probe.checked)
    counted = [(CheckVerdict.HOLDS, "hold"), (CheckVerdict.NOT_RUN, "not run"), (CheckVerdict.VIOLATED, "violated")]
    if count[CheckVerdict.UNDECIDED]:
        counted.insert(1, (CheckVerdict.UNDECIDED, "undecided"))
    counts = ", ".join(f"{count[verdict]} {word}" for verdict, word in counted)
    yield f"probe of {probe.plan.namespace}: {len(probe.checked)} checks, {counts}."


def _outcome(checked: TriedCheck) -> str:
    return checked.problem or "; ".join(map(_seen, checked.seen))


def _seen(seen: Seen) -> str:
    why = f" ({seen.why})" if seen.why else ""
    return f"{seen.host} {seen.outcome}: {seen.meaning}{why}"


def probe_document(probe: Probe) -> dict[str, object]:
    """Return the outcomes of a probe as a JSON object.

    ``holds``; ``enforcer``, what it does with a connection that it stops; ``checks``, each ``{"source", "target",
    "protocol", "port", "expected", "verdict", "hosts": [{"host", "outcome", "meaning", "why"}], "problem"}``; and
    ``untried``, what a connection cannot check.
    """
    return {
        "holds": probe.holds,
        "enforcer": probe.enforcer.value,
        "checks": [_check_document(each) for each in probe.checked],
        "untried": list(probe.plan.untried),
    }


def _check_document(checked: TriedCheck) -> dict[str, object]:
    check = checked.check
    return {
        "source": check.source,
        "target": check.target,
        "protocol": check.ports.protocol.value,
        "port": check.port,
        "expected": check.expected.value,
        "verdict": checked.verdict.value,
        "hosts": [asdict(each) for each in checked.seen],
        "problem": checked.problem or None,
    }
