"""Denied traffic, as text and as JSON.

As JSON: ``stack``; ``question`` (``what was denied`` or ``what would be denied``); ``holds`` (nothing declared was, or
would be); ``denials`` and ``unanswered``, each a list of

    {"src", "dst", "port", "protocol", "layer", "disposition", "declared", "lines", "unanswered_lines", "passed_lines",
     "first", "last", "evidence": [..], "addresses": {"src": [..], "dst": [..]}, "pods": {"src": [..], "dst": [..]},
     "decides": [..], "causes": [{"suspect", "problem", "remedy"}], "allow": {"line", "before": [..]} or null}

(``port`` is null if the protocol has no ports, ``protocol`` is IANA's number, times are ISO 8601 in UTC;
``disposition`` is ``passed`` for what Cilium only audited);
``refused_names``, the names that a DNS rule of Cilium refused, each

    {"src", "name", "queries", "first", "last", "evidence": [..], "addresses": {"src": [..], "dst": [..]},
     "pods": {"src": [..]}, "rules": [{"policy", "place", "allows": [..]}], "allow": {"line"} or null}

(``name`` is null if the log leaves it out). Then ``passed``, ``audited`` and ``elsewhere`` as counts of lines, and what
was read, as ``flash_ticket.report.traffic.traffic_words.totals_document`` describes it.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.firewall.terms.moment import written
from flash_ticket.firewall.terms.ports import PortRange, PortSet, listing
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.traffic.traffic_words import (
    ends,
    evidence_document,
    gap_lines,
    line_count,
    pod_document,
    query_count,
    span,
    totals_document,
    totals_lines,
    who,
)
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.attribution import SourceTotals
from flash_ticket.traffic.attribution.examples import MOST_EXAMPLES
from flash_ticket.traffic.denials.cause import Suspect
from flash_ticket.traffic.denials.denied import Denial, Denied, Question, Standing
from flash_ticket.traffic.denials.refusals import Refusal
from flash_ticket.traffic.records.record import UNKNOWN_NAME, Disposition

_MOST_ROWS = 50
_MANY_PORTS = 5
"""With this many ports or more, the undeclared denials of a pair are shown together: somebody scans the ports."""
_OPENS = "would allow it (nobody has declared that it should be open)"
_NOTHING = {Question.DENIED: "Nothing was denied.", Question.AUDITED: "Nothing of this would be denied."}


def written_denied(found: Denied, traffic: AttributedTraffic, form: AnswerFormat) -> str:
    """Return what was denied and what was read, as text or JSON."""
    if form is AnswerFormat.JSON:
        return json.dumps(_document(found, traffic), indent=2) + "\n"

    return denied_text(found, traffic)


def written_denial(denial: Denial, form: AnswerFormat) -> str:
    """Return one denial: a paragraph of text, or a JSON object on one line."""
    if form is AnswerFormat.JSON:
        return json.dumps(_denial_document(denial)) + "\n"

    return denial_text(denial)


def written_refusal(refusal: Refusal, form: AnswerFormat) -> str:
    """Return one refused name: a paragraph of text, or a JSON object on one line."""
    if form is AnswerFormat.JSON:
        return json.dumps(_refusal_document(refusal)) + "\n"

    return escaped_lines((*_refusal(refusal), ""))


def log_note(total: SourceTotals, note: str) -> str:
    """Return a note about the counts of a log."""
    return escaped_lines([f"note: {total.name}: {note}"])


def malformed_note(total: SourceTotals) -> str:
    """Return a note that lines of a log cannot be read, so that what they say is missing from the answer."""
    reading = total.reading
    count = (
        f"{line_count(reading.malformed)} cannot be read and {'is' if reading.malformed == 1 else 'are'} missing here"
    )
    return escaped_lines([f"note: {total.name}: {count}. The first: {reading.first_malformed}"])


def _document(found: Denied, traffic: AttributedTraffic) -> dict[str, object]:
    return {
        "stack": traffic.firewall.environment.name,
        "question": found.question.value,
        "holds": found.holds,
        "denials": [_denial_document(each) for each in found.denials],
        "unanswered": [_denial_document(each) for each in found.unanswered],
        "refused_names": [_refusal_document(each) for each in found.refused],
        "passed": found.passed,
        "audited": found.audited,
        "elsewhere": found.beside,
        **totals_document(traffic.totals, traffic.attribution, found.aside),
    }


def _denial_document(denial: Denial) -> dict[str, object]:
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
        **evidence_document(denial),
        "decides": list(denial.decided),
        "causes": [
            {"suspect": each.suspect.value, "problem": each.problem, "remedy": each.remedy} for each in denial.causes
        ],
        "allow": denial.allowance and {"line": denial.allowance.line, "before": list(denial.allowance.before)},
    }


def _refusal_document(refusal: Refusal) -> dict[str, object]:
    asked = refusal.asked
    return {
        "src": asked.source.name,
        "name": None if asked.name == UNKNOWN_NAME else asked.name,
        "queries": asked.count,
        "first": written(asked.first),
        "last": written(asked.last),
        "evidence": [asked.evidence.value],
        "addresses": {"src": list(asked.sources), "dst": list(asked.servers)},
        "pods": {"src": list(map(pod_document, asked.callers))},
        "rules": [{"policy": each.policy, "place": each.place, "allows": list(each.names)} for each in refusal.rules],
        "allow": {"line": refusal.line} if refusal.line else None,
    }


def denied_text(found: Denied, traffic: AttributedTraffic) -> str:
    """Return the report as text; everything that came from logs is escaped."""
    declared = [each for each in found.denials if each.standing is Standing.DECLARED]
    undeclared = [each for each in found.denials if each.standing is Standing.UNDECLARED]
    would = "would be " if found.question is Question.AUDITED else ""
    lines = [
        *_section(f"Declared but {would}denied: fix these", declared),
        *_section(f"Not declared, and {would}denied", undeclared),
        *_section(
            "Allowed by the security groups, never answered: stopped at the pod, or nothing listens",
            found.unanswered,
        ),
        *_refused(found.refused),
    ]
    if not lines:
        lines = [_NOTHING[found.question], ""]
    return escaped_lines((*lines, *_totals(found, traffic)))


def denial_text(denial: Denial) -> str:
    """Return one denial as text that begins with whether it is declared; everything from logs is escaped."""
    lines = (f"{denial.standing}: {first}" if not number else first for number, first in enumerate(_denial(denial)))
    return escaped_lines((*lines, ""))


def _denial(denial: Denial) -> Iterator[str]:
    yield f"{ends(denial)}  {line_count(denial.count)}, {span(denial.first, denial.last)}"
    yield f"  {_how(denial)}"
    yield f"  from {who(denial.sources, denial.callers)}; to {who(denial.destinations, denial.called)}"
    for sentence in denial.decided:
        yield f"  {sentence}"
    for cause in denial.causes:
        yield f"  likely: {cause.problem}"
        yield f"    {cause.remedy}"
    if denial.allowance:
        if denial.allowance.line:
            yield f"  {_OPENS}:"
            yield f"    {denial.allowance.line}"
        for each in denial.allowance.before:
            yield f"    {'before that: ' if denial.allowance.line else ''}{each}"


def _section(title: str, denials: Sequence[Denial]) -> Iterator[str]:
    if not denials:
        return
    yield f"{title} ({len(denials)})"
    yield ""
    together = _together(denials)
    for rows in together[:_MOST_ROWS]:
        yield from _denial(rows[0]) if len(rows) == 1 else _many_ports(rows)
        yield ""
    left = sum(len(rows) for rows in together[_MOST_ROWS:])
    if left:
        yield f"and {left} more; --output json lists all"
        yield ""


def _refused(refused: Sequence[Refusal]) -> Iterator[str]:
    if not refused:
        return
    yield f"Names that a DNS rule refused ({len(refused)})"
    yield ""
    for refusal in refused[:_MOST_ROWS]:
        yield from _refusal(refusal)
        yield ""
    if len(refused) > _MOST_ROWS:
        yield f"and {len(refused) - _MOST_ROWS} more; --output json lists all"
        yield ""


def _refusal(refusal: Refusal) -> Iterator[str]:
    asked = refusal.asked
    name = "a name that the log leaves out" if asked.name == UNKNOWN_NAME else asked.name
    yield f"{asked.source.name} asked for {name}  {query_count(asked.count)}, {span(asked.first, asked.last)}"
    yield f"  refused by the DNS proxy of Cilium ({asked.evidence})"
    yield f"  from {who(asked.sources, asked.callers)}; to {who(asked.servers, ())}"
    for sentence in refusal.decided:
        yield f"  {sentence}"
    if refusal.line:
        yield f"  a line of that rule {_OPENS}:"
        yield f"    {refusal.line}"


def _together(denials: Sequence[Denial]) -> list[list[Denial]]:
    """Return the denials in groups: those of one pair that differ only in the port, if there are many, form a group."""
    by_pair: dict[object, list[Denial]] = defaultdict(list)
    for each in denials:
        alike = (
            each.port and each.standing is Standing.UNDECLARED and {of.suspect for of in each.causes} <= {Suspect.PORT}
        )
        by_pair[(each.source, each.destination, each.layer, each.disposition) if alike else id(each)].append(each)
    found: list[list[Denial]] = []
    for rows in by_pair.values():
        found += [rows] if len(rows) >= _MANY_PORTS else [[row] for row in rows]
    return sorted(found, key=lambda rows: denials.index(rows[0]))


def _many_ports(rows: Sequence[Denial]) -> Iterator[str]:
    first = rows[0]
    ports = PortSet.of(each.port for each in rows if each.port)
    shown = _few_ports(tuple(ports))
    time = span(min(each.first for each in rows), max(each.last for each in rows))
    count = sum(each.count for each in rows)
    yield f"{first.source.name} => {first.destination.name} : {shown}  {line_count(count)}, {time}"
    yield f"  {_layer(first)}; on {len(rows)} ports, none of them declared"
    sources = sorted({address for each in rows for address in each.sources})[:MOST_EXAMPLES]
    yield f"  from {who(sources, first.callers)}; to {who(first.destinations, first.called)}"


def _few_ports(ports: tuple[PortRange, ...]) -> str:
    return listing(ports[:_MANY_PORTS]) + (", ..." if len(ports) > _MANY_PORTS else "")


def _layer(denial: Denial) -> str:
    logs = ", ".join(denial.evidence)
    if denial.disposition is Disposition.UNANSWERED:
        return f"no answer ({logs})"
    if denial.disposition is Disposition.PASSED:
        return f"audited: it passed, and the {denial.layer} layer would stop it ({logs})"
    return f"stopped by the {denial.layer} layer ({logs})"


def _how(denial: Denial) -> str:
    text = _layer(denial)
    if denial.unanswered:
        text += f"; {line_count(denial.unanswered)} of flow logs show it without an answer"
    if denial.passed:
        text += f"; {line_count(denial.passed)} passed that layer"
    return text


def _totals(found: Denied, traffic: AttributedTraffic) -> Iterator[str]:
    yield from totals_lines(traffic.totals)
    elsewhere = f"{found.beside:,} show traffic that was stopped elsewhere"
    yield f"{line_count(found.passed)} show traffic that passed, {elsewhere}"
    yield from _audit_note(found)
    yield from gap_lines(traffic.totals, traffic.attribution, found.aside)


def _audit_note(found: Denied) -> Iterator[str]:
    audited = line_count(found.audited)
    match found.question:
        case Question.AUDITED if not found.audited:
            yield (
                "note: no line shows audited traffic: either nothing would be denied, or Cilium is not in audit mode "
                "(policy-audit-mode)"
            )
        case Question.AUDITED:
            yield f"{audited} show traffic that would be stopped"
        case Question.DENIED if found.audited:
            yield (
                f"note: {audited} show traffic that passed only because Cilium audits its policies and enforces none: "
                "--audit lists it"
            )
