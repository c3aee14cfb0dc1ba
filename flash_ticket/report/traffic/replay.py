"""The effect of a proposed matrix on recorded traffic, as text and as JSON.

As JSON: ``stack``; ``matrix``, the file of the proposed matrix; ``holds`` (nothing recorded would be cut); ``cuts``,
traffic entries with ``allowed_today`` and ``stops`` as ``[{"layer", "decides": [..]}]``; ``opened``, traffic entries
that were recorded as stopped and would pass, with ``allowed_today``; and ``unanswered``, traffic entries of the form

    {"src", "dst", "port", "protocol", "lines", "first", "last", "evidence": [..],
     "addresses": {"src": [..], "dst": [..]}, "pods": {"src": [..], "dst": [..]}}

(``protocol`` is TCP, UDP or SCTP, times are ISO 8601 in UTC). Then ``unused`` as ``[{"src", "dst", "port", "tries"}]``
with ports such as ``TCP 8000-8010``; ``kept``, how many pairs and ports worked and would still work; ``lines``, the
attributed lines by kind; ``period`` as ``{"first", "last"}`` or null; and what was read, as
``flash_ticket.report.traffic.traffic_words.totals_document`` describes it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from flash_ticket.firewall.terms.input_error import escaped_lines
from flash_ticket.firewall.terms.moment import written
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.traffic.traffic_words import (
    evidence_document,
    gap_lines,
    line_count,
    span,
    totals_document,
    totals_lines,
    who,
)
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.examples import MOST_EXAMPLES
from flash_ticket.traffic.attribution.totals import counts
from flash_ticket.traffic.proposals.observation import Observation
from flash_ticket.traffic.proposals.replay import Cut, LineKind, Opened, Replay, Today, Unused

_MOST_ENTRIES = 50


def written_replay(found: Replay, traffic: AttributedTraffic, matrix: str, form: AnswerFormat) -> str:
    """Return what a proposal would cut and open, what is unused, and what was read.

    Args:
        found: The replay of this traffic.
        traffic: The recorded traffic.
        matrix: The file of the proposed matrix.
        form: Text or JSON.
    """
    if form is AnswerFormat.JSON:
        return json.dumps(_document(found, traffic, matrix), indent=2) + "\n"

    return replay_text(found, traffic, matrix)


def _document(found: Replay, traffic: AttributedTraffic, matrix: str) -> dict[str, object]:
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
        **evidence_document(seen),
    }


def replay_text(found: Replay, traffic: AttributedTraffic, matrix: str) -> str:
    """Return the report as text; everything that came from logs is escaped.

    Args:
        found: The replay of this traffic.
        traffic: The recorded traffic.
        matrix: The file of the proposed matrix.
    """
    against = [each for each in found.opened if each.today is Today.NOT_ALLOWED]
    denied = [each for each in found.opened if each.today is Today.ALLOWED]
    lines = (
        _verdict(found, traffic, matrix),
        *_section(f"Would be cut by {matrix}", [_cut(each) for each in found.cuts]),
        *_section(f"WARNING: was stopped, and {matrix} would open it", [_opened(each) for each in against]),
        *_section(
            "Was stopped although declared; flash-firewall denied explains why", [_opened(each) for each in denied]
        ),
        *_section(
            "Had no reply, so there is nothing to cut: stopped at the pod, or nothing listens",
            [_entry(each) for each in found.unanswered],
        ),
        *_section(
            "Open, but not used by any recorded traffic (DNS, probes and load balancer listeners left out)",
            [_unused(each) for each in found.unused],
        ),
        _totals(found, traffic),
    )
    return escaped_lines(chain.from_iterable(lines))


def _verdict(found: Replay, traffic: AttributedTraffic, matrix: str) -> Iterator[str]:
    """Yield the result in one line if nothing would be cut, and how many lines could not be judged."""
    if not found.cuts and found.kept:
        yield f"{matrix} would cut nothing that was recorded as working."
        yield ""
    elif not found.cuts:
        yield f"Nothing was recorded as working, so nothing can be said about {matrix}."
        yield ""
    if unknown := counts(traffic.totals)["unattributed"]:
        yield f"{line_count(unknown)} with an unknown end could not be judged: see the end of this report."
        yield ""


def _section(title: str, entries: Sequence[Iterable[str]]) -> Iterator[Iterable[str]]:
    if not entries:
        return
    yield (f"{title} ({len(entries)})", "")
    yield from entries[:_MOST_ENTRIES]
    if len(entries) > _MOST_ENTRIES:
        yield (f"  and {len(entries) - _MOST_ENTRIES:,} more; --output json lists all",)
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
        yield "    today's matrix does not allow it either, but it passed: that firewall was not in force there"


def _opened(opened: Opened) -> Iterator[str]:
    yield from _entry(opened.seen)


def _unused(unused: Unused) -> Iterator[str]:
    tried = f"  {line_count(unused.tried)} of attempts that were stopped or had no reply" if unused.tried else ""
    yield f"  {unused.source} => {unused.target} : {unused.port}{tried}"


def _totals(found: Replay, traffic: AttributedTraffic) -> Iterator[str]:
    pairs = "1 connection" if found.kept == 1 else f"{found.kept:,} connections (pair and port)"
    yield f"{pairs} worked and would still work."
    yield from totals_lines(traffic.totals)
    kinds = "; ".join(f"{found.lines[kind]:,} {kind.value}" for kind in LineKind if found.lines[kind])
    yield f"of the attributed lines: {kinds or 'none'}"
    if found.period:
        yield f"recorded: {span(*found.period)}; jobs that run less often, such as monthly ones, are not in it"
    yield from gap_lines(traffic.totals, traffic.attribution)
