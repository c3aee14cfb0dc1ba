"""Parts that the reports of recorded traffic share: ends, periods, counts, and the totals of what was read."""

from collections.abc import Iterator, Sequence

from flash_ticket.firewall.terms.moment import written
from flash_ticket.traffic.attribution.attribution import Attribution, SourceTotals
from flash_ticket.traffic.attribution.totals import blind_spot, counts, unattributed
from flash_ticket.traffic.denials.denied import Denial
from flash_ticket.traffic.proposals.observation import Observation
from flash_ticket.traffic.records.record import PodIdentity

_COLUMNS = ("read", "attributed", "unattributed", "malformed", "NODATA", "SKIPDATA", "other")


def who(addresses: Sequence[str], pods: Sequence[PodIdentity]) -> str:
    """Return the addresses of an end, with the names of its pods if they are known."""
    named = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods if pod.name)
    shown = ", ".join(addresses) or "an unknown address"
    return f"{shown} ({named})" if named else shown


def span(first: float, last: float) -> str:
    """Return a period, given in seconds since 1970, as one time or as ``begin to end``."""
    begin, end = written(first), written(last)
    return begin if begin == end else f"{begin} to {end}"


def line_count(count: int) -> str:
    """Return ``1 line`` or ``2,000 lines``."""
    return f"{count:,} line" if count == 1 else f"{count:,} lines"


def evidence_document(seen: Denial | Observation) -> dict[str, object]:
    """Return the members of a JSON document that say when, where from and how traffic was seen."""
    return {
        "first": written(seen.first),
        "last": written(seen.last),
        "evidence": [each.value for each in seen.evidence],
        "addresses": {"src": list(seen.sources), "dst": list(seen.destinations)},
        "pods": {"src": list(map(_pod, seen.callers)), "dst": list(map(_pod, seen.called))},
    }


def _pod(pod: PodIdentity) -> dict[str, object]:
    return {"namespace": pod.namespace, "name": pod.name, "labels": dict(pod.labels)}


def totals_document(totals: Sequence[SourceTotals], attribution: Attribution) -> dict[str, object]:
    """Return the members of a JSON document that describe what was read.

    ``sources``, each with ``name``, its counts and ``first_malformed``; ``total``, the same counts summed;
    ``unattributed`` as ``[{"reason", "lines", "example", "remedy"}]``; ``blind_to``, what such logs cannot show.
    """
    return {
        "sources": [
            {"name": each.name, **counts([each]), "first_malformed": each.reading.first_malformed} for each in totals
        ],
        "total": counts(totals),
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


def gap_lines(totals: Sequence[SourceTotals], attribution: Attribution) -> Iterator[str]:
    """Yield what was left out of a report and why, and what such logs cannot show."""
    for each in unattributed(attribution):
        example = each.example or "none"
        yield f"unattributed, {line_count(each.count)}: {each.reason} (such as {example}). {each.remedy}."
    for source in totals:
        if source.reading.first_malformed:
            yield f"malformed, the first: {source.reading.first_malformed}"
    if lost := counts(totals)["skip_data"]:
        yield f"SKIPDATA: AWS lost the records of {lost:,} intervals, and they are missing here"
    if blind := blind_spot(totals):
        yield f"note: {blind}"


def _numbers(totals: Sequence[SourceTotals]) -> tuple[str, ...]:
    return tuple(f"{number:,}" for number in counts(totals).values())
