"""Verdicts as text and as JSON: whether a connection passes each layer, and what decides."""

import json
from collections.abc import Sequence

from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.firewall.terms.verdict import Extent, Side, Verdict
from flash_ticket.report.json_form import AnswerFormat


def explained(verdicts: Sequence[Verdict], form: AnswerFormat) -> str:
    """Return the verdict of each layer on one connection.

    Args:
        verdicts: One for each layer, all about the same connection; at least one.
        form: Text or JSON.
    """
    return _json(verdicts) if form is AnswerFormat.JSON else _text(verdicts)


def _text(verdicts: Sequence[Verdict]) -> str:
    first = verdicts[0]
    said = "passes" if all(verdict.passes for verdict in verdicts) else "is stopped"
    lines = [f"{first.source} => {first.destination} : {first.port} {said}"]
    for verdict in verdicts:
        extent = "" if verdict.extent is Extent.WHOLE else f", for {verdict.extent.value}"
        lines.append(f"  {verdict.layer} layer: {'passes' if verdict.passes else 'stopped'}{extent}")
        lines.extend(f"    {side}{_sources(side)}" for side in (verdict.egress, verdict.ingress))
    return escaped_lines(lines)


def _sources(side: Side) -> str:
    sources = sorted({rule.source for rule in side.rules if rule.source})
    return f" ({', '.join(sources)})" if sources else ""


def _json(verdicts: Sequence[Verdict]) -> str:
    first = verdicts[0]
    return (
        json.dumps(
            {
                "src": first.source,
                "dst": first.destination,
                "port": str(first.port),
                "passes": all(verdict.passes for verdict in verdicts),
                "layers": [
                    {
                        "layer": verdict.layer.value,
                        "passes": verdict.passes,
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
        "passes": side.passes,
        "why": side.outcome.value,
        "governed_by": list(side.governors),
        "rules": [{"owner": rule.owner, "rule": rule.rule, "source": rule.source} for rule in side.rules],
    }
