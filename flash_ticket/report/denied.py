"""What was denied, written down.

As JSON: ``stack``; ``holds`` (nothing declared was stopped); ``denials`` and ``unanswered``, each a list of

    {"src", "dst", "port", "protocol", "layer", "disposition", "declared", "lines", "unanswered_lines", "passed_lines",
     "first", "last", "evidence": [..], "addresses": {"src": [..], "dst": [..]}, "pods": {"src": [..], "dst": [..]},
     "decides": [..], "causes": [{"suspect", "problem", "remedy"}], "allow": {"line", "before": [..]} or null}

(``port`` is null where the protocol has none, ``protocol`` IANA's number, times are ISO 8601 in UTC); ``passed`` and
``elsewhere`` as counts of lines; and what was read, as ``flash_ticket.report.reading_totals`` says.
"""

import json
from typing import TYPE_CHECKING

from flash_ticket.report.answer_format import AnswerFormat

if TYPE_CHECKING:
    from flash_ticket.traffic.attribution.recorded import Recorded
    from flash_ticket.traffic.denials.denied import Denial, Denied
    from flash_ticket.traffic.records.record import PodIdentity


def written_denied(found: "Denied", traffic: "Recorded", form: AnswerFormat) -> str:
    """Return what was denied and what was read, in a form."""
    if form is AnswerFormat.JSON:
        return json.dumps(_document(found, traffic), indent=2) + "\n"
    from flash_ticket.report.denied_text import denied_text  # noqa: PLC0415 - the form alone is asked for at every start

    return denied_text(found, traffic)


def written_denial(denial: "Denial", form: AnswerFormat) -> str:
    """Return one denial in a form: a paragraph, or an object on one line."""
    if form is AnswerFormat.JSON:
        return json.dumps(_denial(denial)) + "\n"
    from flash_ticket.report.denied_text import denial_text  # noqa: PLC0415 - as above

    return denial_text(denial)


def _document(found: "Denied", traffic: "Recorded") -> dict[str, object]:
    from flash_ticket.report.reading_totals import totals_document  # noqa: PLC0415 - as above

    return {
        "stack": traffic.firewall.environment.name,
        "holds": found.holds,
        "denials": [_denial(each) for each in found.denials],
        "unanswered": [_denial(each) for each in found.unanswered],
        "passed": found.passed,
        "elsewhere": found.beside,
        **totals_document(traffic.totals, traffic.attribution),
    }


def _denial(denial: "Denial") -> dict[str, object]:
    from flash_ticket.firewall.terms.moment import written  # noqa: PLC0415 - as above

    return {
        "src": denial.source.name,
        "dst": denial.destination.name,
        "port": denial.port.first if denial.port else None,
        "protocol": denial.protocol,
        "layer": denial.layer.value,
        "disposition": denial.disposition.value,
        "declared": denial.allowance is None,
        "lines": denial.count,
        "unanswered_lines": denial.unanswered,
        "passed_lines": denial.passed,
        "first": written(denial.first),
        "last": written(denial.last),
        "evidence": [each.value for each in denial.evidence],
        "addresses": {"src": list(denial.sources), "dst": list(denial.destinations)},
        "pods": {"src": [_pod(each) for each in denial.callers], "dst": [_pod(each) for each in denial.called]},
        "decides": list(denial.decided),
        "causes": [
            {"suspect": each.suspect.value, "problem": each.problem, "remedy": each.remedy} for each in denial.causes
        ],
        "allow": denial.allowance and {"line": denial.allowance.line, "before": list(denial.allowance.before)},
    }


def _pod(pod: "PodIdentity") -> dict[str, object]:
    return {"namespace": pod.namespace, "name": pod.name, "labels": dict(pod.labels)}
