"""Verdicts as text and as JSON: whether a connection passes each layer, and what decides."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.firewall.terms.verdict import OF_OTHERS, Answer, Extent, Side, Verdict
from flash_ticket.report.json_form import NO_REASONS, AnswerFormat

_MOST_IN_FULL = 3


def explained(
    answers: Sequence[Sequence[Verdict]], form: AnswerFormat, reasons: Mapping[tuple[str, str], str] = NO_REASONS
) -> str:
    """Return the verdict of each layer on one connection, for each pair of ends that can be meant.

    Args:
        answers: At least one, each with at least one verdict, all about the same pair of ends and port. There are
            several if an end is an address that several things can have.
        form: Text or JSON.
        reasons: Why a flow is there, by its source and target.
    """
    if form is AnswerFormat.JSON:
        found = [{**_json(verdicts), **_because(verdicts, reasons)} for verdicts in answers]
        return json.dumps(found[0] if len(found) == 1 else found, indent=2) + "\n"
    if len(answers) == 1:
        heading, *others = _lines(answers[0])
        why = (f"  because: {each}" for each in _because(answers[0], reasons).values())
        return escaped_lines((heading, *why, *others))
    return escaped_lines(_many(answers))


def _because(verdicts: Sequence[Verdict], reasons: Mapping[tuple[str, str], str]) -> dict[str, str]:
    found = reasons.get((verdicts[0].source, verdicts[0].destination))
    return {"because": found} if found else {}


_SAID = {
    Answer.PASSES: "passes",
    Answer.STOPPED: "is stopped",
    Answer.UNKNOWN: "may pass: only the account knows the rules of others in these groups",
}
_IN_JSON = {Answer.PASSES: True, Answer.STOPPED: False, Answer.UNKNOWN: None}
_COUNTED = {Answer.PASSES: "passing", Answer.UNKNOWN: "perhaps passing", Answer.STOPPED: "stopped"}


def stops(verdicts: Sequence[Verdict]) -> bool:
    """Return whether some layer certainly stops a connection."""
    return _answer(verdicts) is Answer.STOPPED


def _answer(verdicts: Sequence[Verdict]) -> Answer:
    return Answer.of(verdict.answer for verdict in verdicts)


def _many(answers: Sequence[Sequence[Verdict]]) -> Iterator[str]:
    """Yield several answers: those that pass in full first, and of many others a line each."""
    order = list(_COUNTED)
    found = Counter(map(_answer, answers))
    counts = ", ".join(f"{found[each]} {said}" for each, said in _COUNTED.items() if found[each])
    yield f"This can mean {len(answers)} connections: {counts}."
    for verdicts in sorted(answers, key=lambda verdicts: order.index(_answer(verdicts))):
        if not stops(verdicts) or len(answers) <= _MOST_IN_FULL:
            yield from _lines(verdicts)
        else:
            layers = " and the ".join(f"{verdict.layer} layer" for verdict in verdicts if verdict.stops)
            yield f"{_lines(verdicts)[0]} by the {layers}"


def _lines(verdicts: Sequence[Verdict]) -> list[str]:
    first, said = verdicts[0], _SAID[_answer(verdicts)]
    lines = [f"{first.source} => {first.destination} : {first.port} {said}"]
    for verdict in verdicts:
        extent = "" if verdict.extent is Extent.WHOLE else f", for {verdict.extent.value}"
        lines.append(f"  {verdict.layer} layer: {verdict.answer.value}{extent}")
        lines.extend(f"    {side}{_sources(side)}" for side in (verdict.egress, verdict.ingress))
    return lines


def _sources(side: Side) -> str:
    sources = sorted({rule.source for rule in side.rules} - {"", OF_OTHERS})
    return f" ({', '.join(sources)})" if sources else ""


def _json(verdicts: Sequence[Verdict]) -> dict[str, object]:
    first = verdicts[0]
    return {
        "src": first.source,
        "dst": first.destination,
        "port": str(first.port),
        "passes": _IN_JSON[_answer(verdicts)],
        "layers": [
            {
                "layer": verdict.layer.value,
                "passes": _IN_JSON[verdict.answer],
                "extent": verdict.extent.value,
                "sides": [_side(verdict.egress), _side(verdict.ingress)],
            }
            for verdict in verdicts
        ],
    }


def _side(side: Side) -> dict[str, object]:
    return {
        "direction": side.direction.policy_type,
        "endpoint": side.endpoint,
        "passes": _IN_JSON[side.answer],
        "why": side.outcome.value,
        "governed_by": list(side.governors),
        "rules": [{"owner": rule.owner, "rule": rule.rule, "source": rule.source} for rule in side.rules],
    }
