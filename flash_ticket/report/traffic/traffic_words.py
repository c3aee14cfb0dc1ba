"""Parts that the reports of recorded traffic share: ends, periods, counts, and the totals of what was read."""

from collections.abc import Iterator, Mapping, Sequence

from flash_ticket.firewall.terms.moment import written
from flash_ticket.traffic.attribution.attribution import Attribution, SourceTotals
from flash_ticket.traffic.attribution.totals import blind_spot, counts, dropped_aside, notes, repeated, unattributed
from flash_ticket.traffic.denials.denied import Denial
from flash_ticket.traffic.proposals.observation import Observation
from flash_ticket.traffic.records.record import PodIdentity

_COLUMNS = ("read", "attributed", "unattributed", "malformed", "NODATA", "SKIPDATA", "other")


def who(addresses: Sequence[str], pods: Sequence[PodIdentity]) -> str:
    """Return the addresses of an end, with the names of its pods if they are known."""
    named = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods if pod.name)
    shown = ", ".join(addresses) or "an unknown address"
    return f"{shown} ({named})" if named else shown


def ends(denial: Denial) -> str:
    """Return the connection that was denied: ``api => redis : TCP 6379``."""
    port = str(denial.port) if denial.port else f"protocol {denial.protocol}"
    return f"{denial.source.name} => {denial.destination.name} : {port}"


def span(first: float, last: float) -> str:
    """Return a period, given in seconds since 1970, as one time or as ``begin to end``."""
    begin, end = written(first), written(last)
    return begin if begin == end else f"{begin} to {end}"


def line_count(count: int) -> str:
    """Return ``1 line`` or ``2,000 lines``."""
    return f"{count:,} line" if count == 1 else f"{count:,} lines"


def query_count(count: int) -> str:
    """Return ``1 query`` or ``2,000 queries``."""
    return f"{count:,} query" if count == 1 else f"{count:,} queries"


def evidence_document(seen: Denial | Observation) -> dict[str, object]:
    """Return the members of a JSON document that say when, where from and how traffic was seen."""
    return {
        "first": written(seen.first),
        "last": written(seen.last),
        "evidence": [each.value for each in seen.evidence],
        "addresses": {"src": list(seen.sources), "dst": list(seen.destinations)},
        "pods": {"src": list(map(pod_document, seen.callers)), "dst": list(map(pod_document, seen.called))},
    }


def pod_document(pod: PodIdentity) -> dict[str, object]:
    """Return a pod as a member of a JSON document."""
    return {"namespace": pod.namespace, "name": pod.name, "labels": dict(pod.labels)}


def totals_document(
    totals: Sequence[SourceTotals], attribution: Attribution, aside: Mapping[str, int] | None = None
) -> dict[str, object]:
    """Return the members of a JSON document that describe what was read.

    ``sources``, each with ``name``, its counts, ``first_malformed`` and ``notes`` (what makes its counts incomplete or
    too large); ``total``, the same counts summed; ``repeated``, the lines about a packet that another line is about;
    ``lost``, the events that Hubble lost; ``aside``, the lines about drops that no policy made, by kind;
    ``unattributed`` as ``[{"reason", "lines", "example", "remedy"}]``; ``blind_to``, what such logs cannot show.

    Args:
        totals: The counts of each log.
        attribution: The traffic of all logs together.
        aside: Drops that no policy made and that could be attributed, by kind.
    """
    return {
        "sources": [
            {
                "name": each.name,
                **counts([each]),
                "first_malformed": each.reading.first_malformed,
                "notes": list(notes(each)),
            }
            for each in totals
        ],
        "total": counts(totals),
        "repeated": repeated(totals),
        "lost": sum(each.reading.lost for each in totals),
        "aside": dict(dropped_aside(totals, aside)),
        "unattributed": [
            {"reason": each.reason, "lines": each.count, "example": each.example, "remedy": each.remedy}
            for each in unattributed(attribution)
        ],
        "blind_to": blind_spot(totals),
    }


def totals_lines(totals: Sequence[SourceTotals]) -> Iterator[str]:
    """Yield a table of the sources, and the sum that its numbers add up to."""
    rows = [(_COLUMNS, "source"), *((_numbers([each]), each.name) for each in totals)]
    if len(totals) > 1:
        rows.append((_numbers(totals), "all"))
    widths = [max(len(cell) for cell in column) for column in zip(*(numbers for numbers, _ in rows), strict=True)]
    for numbers, source in rows:
        # The name comes last: the name of a bucket's folder may be longer than a line.
        yield "  ".join((*(cell.rjust(width) for cell, width in zip(numbers, widths, strict=True)), source))
    total = counts(totals)
    yield (
        f"read = attributed + unattributed + malformed: {total['read']:,} = {total['attributed']:,} + "
        f"{total['unattributed']:,} + {total['malformed']:,}"
    )


def gap_lines(
    totals: Sequence[SourceTotals], attribution: Attribution, aside: Mapping[str, int] | None = None
) -> Iterator[str]:
    """Yield what was left out of a report and why, and what such logs cannot show.

    Args:
        totals: The counts of each log.
        attribution: The traffic of all logs together.
        aside: Drops that no policy made and that could be attributed, by kind.
    """
    if again := repeated(totals):
        yield f"repeated, {line_count(again)}: the verdict and the drop of one denied packet count once"
    if kinds := dropped_aside(totals, aside):
        listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        yield f"dropped, but not denied by a policy, {line_count(sum(kinds.values()))}: {listed}"
    for each in unattributed(attribution):
        example = each.example or "none"
        yield f"unattributed, {line_count(each.count)}: {each.reason} (such as {example}). {each.remedy}."
    for source in totals:
        if source.reading.first_malformed:
            yield f"malformed, the first: {source.reading.first_malformed}"
    if lost := counts(totals)["skip_data"]:
        yield f"SKIPDATA: AWS lost the records of {lost:,} intervals, and they are missing here"
    for source in totals:
        for note in notes(source):
            yield f"note: {source.name}: {note}"
    if blind := blind_spot(totals):
        yield f"note: {blind}"


def _numbers(totals: Sequence[SourceTotals]) -> tuple[str, ...]:
    return tuple(f"{number:,}" for number in counts(totals).values())
