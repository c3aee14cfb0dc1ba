"""What recorded traffic says of a proposed matrix, written down.

As JSON: ``stack``; ``matrix``, the file of the proposed one; ``holds`` (nothing recorded would be cut); ``cuts``, each
a traffic entry with ``allowed_today`` and ``stops`` as ``[{"layer", "decides": [..]}]``; ``opened``, what was recorded
as stopped and would pass, with ``allowed_today``; ``unanswered``; a traffic entry being

    {"src", "dst", "port", "protocol", "lines", "first", "last", "evidence": [..],
     "addresses": {"src": [..], "dst": [..]}, "pods": {"src": [..], "dst": [..]}}

(``protocol`` is TCP, UDP or SCTP, times are ISO 8601 in UTC); ``unused`` as ``[{"src", "dst", "port", "tries"}]``, a
port being written as ``TCP 8000-8010``; ``kept``, how many pairs and ports worked and would go on to; ``lines``, the
attributed ones by what they were taken for; ``period`` as ``{"first", "last"}`` or null; and what was read, as
``flash_ticket.report.reading_totals`` says.
"""

import json
from typing import TYPE_CHECKING

from flash_ticket.report.answer_format import AnswerFormat

if TYPE_CHECKING:
    from flash_ticket.traffic.attribution.recorded import Recorded
    from flash_ticket.traffic.proposals.observation import Observation
    from flash_ticket.traffic.proposals.replay import Replay
    from flash_ticket.traffic.records.record import PodIdentity


def written_replay(found: "Replay", traffic: "Recorded", matrix: str, form: AnswerFormat) -> str:
    """Return what would be cut, opened and unused, and what was read, in a form.

    Args:
        found: Of this traffic.
        traffic: What was read.
        matrix: The file of the proposed matrix.
        form: How to write it.
    """
    if form is AnswerFormat.JSON:
        return json.dumps(_document(found, traffic, matrix), indent=2) + "\n"
    from flash_ticket.report.replay_text import replay_text  # noqa: PLC0415 - the form alone is asked for at every start

    return replay_text(found, traffic, matrix)


def _document(found: "Replay", traffic: "Recorded", matrix: str) -> dict[str, object]:
    from flash_ticket.firewall.terms.moment import written  # noqa: PLC0415 - as above
    from flash_ticket.report.reading_totals import totals_document  # noqa: PLC0415 - as above
    from flash_ticket.traffic.proposals.replay import Today  # noqa: PLC0415 - as above

    return {
        "stack": traffic.firewall.environment.name,
        "matrix": matrix,
        "holds": found.holds,
        "cuts": [
            {
                **_traffic(cut.seen),
                "allowed_today": cut.today is Today.ALLOWED,
                "stops": [{"layer": stop.layer.value, "decides": list(map(str, stop.sides))} for stop in cut.stops],
            }
            for cut in found.cuts
        ],
        "opened": [{**_traffic(each.seen), "allowed_today": each.today is Today.ALLOWED} for each in found.opened],
        "unanswered": [_traffic(each) for each in found.unanswered],
        "unused": [
            {"src": each.source, "dst": each.target, "port": str(each.port), "tries": each.tried}
            for each in found.unused
        ],
        "kept": found.kept,
        "lines": {kind.name.lower(): count for kind, count in found.lines.items()},
        "period": found.period and {"first": written(found.period[0]), "last": written(found.period[1])},
        **totals_document(traffic.totals, traffic.attribution),
    }


def _traffic(seen: "Observation") -> dict[str, object]:
    from flash_ticket.firewall.terms.moment import written  # noqa: PLC0415 - as above

    return {
        "src": seen.source,
        "dst": seen.destination,
        "port": seen.port.first,
        "protocol": seen.port.protocol.value,
        "lines": seen.count,
        "first": written(seen.first),
        "last": written(seen.last),
        "evidence": [each.value for each in seen.evidence],
        "addresses": {"src": list(seen.sources), "dst": list(seen.destinations)},
        "pods": {"src": [_pod(each) for each in seen.callers], "dst": [_pod(each) for each in seen.called]},
    }


def _pod(pod: "PodIdentity") -> dict[str, object]:
    return {"namespace": pod.namespace, "name": pod.name, "labels": dict(pod.labels)}
