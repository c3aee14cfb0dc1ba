"""What recorded traffic says of a proposed matrix, as people read it: what would be cut first, what was read last."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from flash_ticket.firewall.terms.escape import escaped_lines
from flash_ticket.report.reading_totals import gap_lines, totals_lines
from flash_ticket.report.traffic_words import line_count, span, who
from flash_ticket.traffic.attribution.conversation import MOST_EXAMPLES
from flash_ticket.traffic.attribution.recorded import Recorded
from flash_ticket.traffic.attribution.totals import counts
from flash_ticket.traffic.proposals.observation import Observation
from flash_ticket.traffic.proposals.replay import Cut, Lines, Opened, Replay, Today, Unused

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
    told = "; ".join(f"{found.lines[kind]:,} {kind.value}" for kind in Lines if found.lines[kind])
    yield f"of the attributed lines: {told or 'none'}"
    if found.period:
        yield f"recorded: {span(*found.period)}; what runs more seldom, such as a monthly job, is not in it"
    yield from gap_lines(traffic.totals, traffic.attribution)
