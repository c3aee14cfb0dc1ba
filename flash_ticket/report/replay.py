"""What recorded traffic says of a proposed matrix, written down.

As JSON: ``stack``; ``matrix``, the file of the proposed one; ``holds`` (nothing recorded would be cut); ``cuts``, each
a traffic entry with ``allowed_today`` and ``stops`` as ``[{"layer", "decides": [..]}]``; ``opened``, what was recorded
as stopped and would pass, with ``allowed_today``; ``unanswered``; a traffic entry being

    {"src", "dst", "port", "protocol", "lines", "first", "last", "evidence": [..],
     "addresses": {"src": [..], "dst": [..]}, "pods": {"src": [..], "dst": [..]}}

(``protocol`` is TCP, UDP or SCTP, times are ISO 8601 in UTC); ``unused`` as ``[{"src", "dst", "port", "tries"}]``, a
port being written as ``TCP 8000-8010``; ``kept``, how many pairs and ports worked and would go on to; ``lines``, the
attributed ones by what they were taken for; ``period`` as ``{"first", "last"}`` or null; and what was read, as
``flash_ticket.report.traffic_words`` says.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.firewall.terms.moment import written
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.traffic_words import gap_lines, line_count, span, totals_document, totals_lines, who
from flash_ticket.traffic.attribution.attribution import MOST_EXAMPLES
from flash_ticket.traffic.attribution.recorded import Recorded
from flash_ticket.traffic.attribution.totals import counts
from flash_ticket.traffic.proposals.observation import Observation
from flash_ticket.traffic.proposals.replay import Cut, LineKind, Opened, Replay, Today, Unused
from flash_ticket.traffic.records.record import PodIdentity


def written_replay(found: Replay, traffic: Recorded, matrix: str, form: AnswerFormat) -> str:
    """Return what would be cut, opened and unused, and what was read, in a form.

    Args:
        found: Of this traffic.
        traffic: What was read.
        matrix: The file of the proposed matrix.
        form: How to write it.
    """
    if form is AnswerFormat.JSON:
        return json.dumps(_document(found, traffic, matrix), indent=2) + "\n"

    return replay_text(found, traffic, matrix)


def _document(found: Replay, traffic: Recorded, matrix: str) -> dict[str, object]:

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


def _traffic(seen: Observation) -> dict[str, object]:

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


def _pod(pod: PodIdentity) -> dict[str, object]:
    return {"namespace": pod.namespace, "name": pod.name, "labels": dict(pod.labels)}


_MOST_ENTRIES = 50


def replay_text(found: Replay, traffic: Recorded, matrix: str) -> str:
    """Return all of it; what came from logs is made harmless to show.

    Args:
        found: Of this traffic.
        traffic: What was read.
        matrix: The file of the proposed matrix.
    """
    against = [each for each in found.opened if each.today is Today.NOT_ALLOWED]
    denied = [each for each in found.opened if each.today is Today.ALLOWED]
    lines = (
        _verdict(found, traffic, matrix),
        *_section(f"Would be cut by {matrix}", [_cut(each) for each in found.cuts]),
        *_section(f"WARNING: was stopped, and {matrix} would open it", [_opened(each) for each in against]),
        *_section("Was stopped though declared; flash-firewall denied tells why", [_opened(each) for each in denied]),
        *_section(
            "Had no reply, so that there is nothing to cut: stopped at the pod, or nobody listens",
            [_entry(each) for each in found.unanswered],
        ),
        *_section(
            "Open, and used by nothing recorded (DNS, probes and listeners of the load balancer aside)",
            [_unused(each) for each in found.unused],
        ),
        _totals(found, traffic),
    )
    return escaped_lines(chain.from_iterable(lines))


def _verdict(found: Replay, traffic: Recorded, matrix: str) -> Iterator[str]:
    """Yield what can be said in one line; where something would be cut, that is told at once."""
    if not found.cuts and found.kept:
        yield f"Nothing that was recorded as working would be cut by {matrix}."
        yield ""
    elif not found.cuts:
        yield f"Nothing was recorded as working, so nothing can be said of {matrix}."
        yield ""
    if unknown := counts(traffic.totals)["unattributed"]:
        yield f"{line_count(unknown)} with an unknown end could not be judged: see the end."
        yield ""


def _section(title: str, entries: Sequence[Iterable[str]]) -> Iterator[Iterable[str]]:
    if not entries:
        return
    yield (f"{title} ({len(entries)})", "")
    yield from entries[:_MOST_ENTRIES]
    if len(entries) > _MOST_ENTRIES:
        yield (f"  and {len(entries) - _MOST_ENTRIES:,} more; --output json tells all",)
    yield ("",)


def _entry(seen: Observation) -> Iterator[str]:
    time = span(seen.first, seen.last)
    yield f"  {seen.source} => {seen.destination} : {seen.port}  {line_count(seen.count)}, {time}"
    source = who(seen.sources[:MOST_EXAMPLES], seen.callers[:MOST_EXAMPLES])
    destination = who(seen.destinations[:MOST_EXAMPLES], seen.called[:MOST_EXAMPLES])
    yield f"    from {source}; to {destination} ({', '.join(seen.evidence)})"


def _cut(cut: Cut) -> Iterator[str]:
    yield from _entry(cut.seen)
    for stop in cut.stops:
        for side in stop.sides:
            yield f"    stopped by the {stop.layer} layer: {side}"
    if cut.seen.early:
        yield f"    {line_count(cut.seen.early)} in a pod's first seconds, before its policies may be enforced"
    if cut.today is Today.NOT_ALLOWED:
        yield "    today's matrix does not allow it either, and it passed: its firewall was not in force there"


def _opened(opened: Opened) -> Iterator[str]:
    yield from _entry(opened.seen)


def _unused(unused: Unused) -> Iterator[str]:
    tried = f"  {line_count(unused.tried)} of tries that were stopped or had no reply" if unused.tried else ""
    yield f"  {unused.source} => {unused.target} : {unused.port}{tried}"


def _totals(found: Replay, traffic: Recorded) -> Iterator[str]:
    pairs = "1 connection" if found.kept == 1 else f"{found.kept:,} connections (pair and port)"
    yield f"{pairs} worked and would go on to."
    yield from totals_lines(traffic.totals)
    told = "; ".join(f"{found.lines[kind]:,} {kind.value}" for kind in LineKind if found.lines[kind])
    yield f"of the attributed lines: {told or 'none'}"
    if found.period:
        yield f"recorded: {span(*found.period)}; what runs more seldom, such as a monthly job, is not in it"
    yield from gap_lines(traffic.totals, traffic.attribution)
