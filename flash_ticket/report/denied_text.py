"""What was denied, as people read it: what is declared first, each with what to do; at the end what was read."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from flash_ticket.firewall.terms.escape import escaped_lines
from flash_ticket.firewall.terms.port_set import PortSet
from flash_ticket.firewall.terms.ports import PortRange, listing
from flash_ticket.report.reading_totals import gap_lines, totals_lines
from flash_ticket.report.traffic_words import line_count, span, who
from flash_ticket.traffic.attribution.conversation import MOST_EXAMPLES
from flash_ticket.traffic.attribution.recorded import Recorded
from flash_ticket.traffic.denials.cause import Suspect
from flash_ticket.traffic.denials.denied import Denial, Denied, Standing
from flash_ticket.traffic.records.record import Disposition

_MOST_ROWS = 50
_MANY_PORTS = 5
"""From so many ports on the undeclared denials of a pair are told together: somebody tries them all."""

_OPENS = "would allow it, and open it (that it should be open nobody has declared)"


def denied_text(found: Denied, traffic: Recorded) -> str:
    """Return all of it; what came from logs is made harmless to show."""
    ours = [each for each in found.denials if each.standing is Standing.DECLARED]
    others = [each for each in found.denials if each.standing is Standing.UNDECLARED]
    lines = [
        *_section("Declared, and denied: ours to mend", ours),
        *_section("Not declared, and denied", others),
        *_section(
            "Let through by the security groups, never answered: stopped at the pod, or nobody listens",
            found.unanswered,
        ),
    ]
    if not lines:
        lines = ["Nothing was denied.", ""]
    return escaped_lines((*lines, *_totals(found, traffic)))


def denial_text(denial: Denial) -> str:
    """Return one denial, whether it is declared at its head; what came from logs is made harmless to show."""
    lines = (f"{denial.standing}: {first}" if not number else first for number, first in enumerate(_denial(denial)))
    return escaped_lines((*lines, ""))


def _denial(denial: Denial) -> Iterator[str]:
    yield f"{_ends(denial)}  {line_count(denial.count)}, {span(denial.first, denial.last)}"
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
        yield f"and {left} more; --output json tells all"
        yield ""


def _together(denials: Sequence[Denial]) -> list[list[Denial]]:
    """Put the denials of a pair together that differ in nothing but many ports."""
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
    told = _few_ports(tuple(ports))
    time = span(min(each.first for each in rows), max(each.last for each in rows))
    count = sum(each.count for each in rows)
    yield f"{first.source.name} => {first.destination.name} : {told}  {line_count(count)}, {time}"
    yield f"  {_layer(first)}; on {len(rows)} ports, none of them declared"
    sources = sorted({address for each in rows for address in each.sources})[:MOST_EXAMPLES]
    yield f"  from {who(sources, first.callers)}; to {who(first.destinations, first.called)}"


def _few_ports(ports: tuple[PortRange, ...]) -> str:
    return listing(ports[:_MANY_PORTS]) + (", ..." if len(ports) > _MANY_PORTS else "")


def _ends(denial: Denial) -> str:
    port = str(denial.port) if denial.port else f"protocol {denial.protocol}"
    return f"{denial.source.name} => {denial.destination.name} : {port}"


def _layer(denial: Denial) -> str:
    logs = ", ".join(denial.evidence)
    if denial.disposition is Disposition.UNANSWERED:
        return f"no answer ({logs})"
    return f"stopped by the {denial.layer} layer ({logs})"


def _how(denial: Denial) -> str:
    said = _layer(denial)
    if denial.unanswered:
        said += f"; {line_count(denial.unanswered)} of flow logs without an answer belong to it"
    if denial.passed:
        said += f"; {line_count(denial.passed)} passed that layer"
    return said


def _totals(found: Denied, traffic: Recorded) -> Iterator[str]:
    yield from totals_lines(traffic.totals)
    yield f"{line_count(found.passed)} tell of traffic that passed, {found.beside:,} of traffic stopped elsewhere"
    yield from gap_lines(traffic.totals, traffic.attribution)
