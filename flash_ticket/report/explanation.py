"""Verdicts as text and as JSON: whether a connection passes each layer, and what decides."""

import json
from collections.abc import Sequence

from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.firewall.terms.verdict import OF_OTHERS, Answer, Extent, Side, Verdict
from flash_ticket.report.json_form import AnswerFormat


def explained(verdicts: Sequence[Verdict], form: AnswerFormat) -> str:
    """Return the verdict of each layer on one connection.

    Args:
        verdicts: One for each layer, all about the same connection; at least one.
        form: Text or JSON.
    """
    return _json(verdicts) if form is AnswerFormat.JSON else _text(verdicts)


_SAID = {
    Answer.PASSES: "passes",
    Answer.STOPPED: "is stopped",
    Answer.UNKNOWN: "may pass: only the account knows the rules of others in these groups",
}
_IN_JSON = {Answer.PASSES: True, Answer.STOPPED: False, Answer.UNKNOWN: None}


def _text(verdicts: Sequence[Verdict]) -> str:
    first = verdicts[0]
    said = _SAID[Answer.of(verdict.answer for verdict in verdicts)]
    lines = [f"{first.source} => {first.destination} : {first.port} {said}"]
    for verdict in verdicts:
        extent = "" if verdict.extent is Extent.WHOLE else f", for {verdict.extent.value}"
        lines.append(f"  {verdict.layer} layer: {verdict.answer.value}{extent}")
        lines.extend(f"    {side}{_sources(side)}" for side in (verdict.egress, verdict.ingress))
    return escaped_lines(lines)


def _sources(side: Side) -> str:
    sources = sorted({rule.source for rule in side.rules} - {"", OF_OTHERS})
    return f" ({', '.join(sources)})" if sources else ""


def _json(verdicts: Sequence[Verdict]) -> str:
    first = verdicts[0]
    return (
        json.dumps(
            {
                "src": first.source,
                "dst": first.destination,
                "port": str(first.port),
                "passes": _IN_JSON[Answer.of(verdict.answer for verdict in verdicts)],
                "layers": [
                    {
                        "layer": verdict.layer.value,
                        "passes": _IN_JSON[verdict.answer],
                        "extent": verdict.extent.value,
                        "sides": [_side(verdict.egress), _side(verdict.ingress)],
                    }
                    for verdict in verdicts
                ],
            },
            indent=2,
        )
        + "\n"
    )


def _side(side: Side) -> dict[str, object]:
    return {
        "direction": side.direction.policy_type,
        "endpoint": side.endpoint,
        "passes": _IN_JSON[side.answer],
        "why": side.outcome.value,
        "governed_by": list(side.governors),
        "rules": [{"owner": rule.owner, "rule": rule.rule, "source": rule.source} for rule in side.rules],
    }
