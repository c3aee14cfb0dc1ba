"""Totals of what was read and could not be attributed, and what such logs cannot show."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.traffic.attribution.attribution import Attribution, SourceTotals
from flash_ticket.traffic.attribution.place_directory import UnknownEnd


@dataclass(frozen=True, slots=True)
class Unattributed:
    """Lines with an unknown end, for one reason.

    Attributes:
        example: One of the addresses.
        remedy: How to make the end known.
    """

    reason: str
    count: int
    example: str
    remedy: str


def unattributed(attribution: Attribution) -> Iterator[Unattributed]:
    """Yield the reasons why lines could not be attributed, most lines first."""
    remedies = {each.words: each.remedy for each in UnknownEnd}
    examples = dict(attribution.examples)
    for reason, count in attribution.unattributed:
        yield Unattributed(reason, count, examples[reason], remedies[reason])


def counts(totals: Iterable[SourceTotals]) -> Mapping[str, int]:
    """Return the sums of the counts of logs: read = attributed + unattributed + malformed."""
    every = list(totals)
    return {
        "read": sum(each.reading.read for each in every),
        "attributed": sum(each.attributed for each in every),
        "unattributed": sum(each.unattributed for each in every),
        "malformed": sum(each.reading.malformed for each in every),
        "no_data": sum(each.reading.no_data for each in every),
        "skip_data": sum(each.reading.skip_data for each in every),
        "other": sum(each.reading.other for each in every),
    }


def dropped_aside(totals: Iterable[SourceTotals], more: Mapping[str, int] | None = None) -> Mapping[str, int]:
    """Return how many lines show drops that no policy made, by kind, most lines first.

    Args:
        totals: The counts of logs.
        more: Such lines that could be attributed.
    """
    found = Counter(more or {})
    for each in totals:
        found.update(each.reading.aside)
    return dict(sorted(found.items(), key=lambda kind: (-kind[1], kind[0])))


def repeated(totals: Iterable[SourceTotals]) -> int:
    """Return how many lines are about a packet that another line is about already."""
    return sum(each.reading.repeated for each in totals)


_LOSS = "lost"


def notes(total: SourceTotals) -> tuple[str, ...]:
    """Return what makes the counts of a log incomplete or too large."""
    return tuple(_notes(total).values())


def _notes(total: SourceTotals) -> Mapping[str, str]:
    """Return the notes about a log by what they are about, which stays the same while the numbers grow."""
    lost, rest = total.reading.lost, {note: note for note in total.reading.notes}
    if not lost:
        return rest
    note = (
        f"Hubble lost {lost:,} {'event' if lost == 1 else 'events'}, so denied traffic may be missing here and the "
        "counts may be too small. Give Cilium a larger hubble-event-queue-size"
    )
    return {_LOSS: note, **rest}


def blind_spot(totals: Iterable[SourceTotals]) -> str:
    """Return what logs of these kinds cannot show; empty if logs of both layers were read."""
    kinds = {kind for each in totals for kind in each.evidence}
    match {kind.layer for kind in kinds}:
        case layers if layers == {Layer.VPC}:
            return (
                "only flow logs were read: they show neither drops by NetworkPolicies as REJECT, nor traffic between "
                "pods of one node"
            )
        case layers if layers == {Layer.POD}:
            logs = ", ".join(sorted(kinds))
            return (
                f"only the pod layer's logs were read ({logs}): they do not show what security groups and network ACLs "
                "stop"
            )
        case layers if not layers:
            return "no records of traffic were read"
    return ""


@dataclass(slots=True)
class NewlyMalformed:
    """Remembers how many malformed lines of each log were reported, so that a reader who looks again reports only more.

    The last line of a file may be incomplete only because it is being written. A malformed line counts here when the
    look after shows it too.
    """

    _seen: dict[str, int] = field(default_factory=dict)
    _reported: dict[str, int] = field(default_factory=dict)

    def of(self, totals: Iterable[SourceTotals]) -> Iterator[SourceTotals]:
        """Yield the logs with more malformed lines than were reported."""
        for each in totals:
            count = each.reading.malformed
            lasting = min(count, self._seen.get(each.name, 0))
            is_news = lasting > self._reported.get(each.name, 0)
            self._seen[each.name], self._reported[each.name] = count, lasting
            if is_news:
                yield each


@dataclass(slots=True)
class NewlyNoted:
    """Remembers the notes about each log, so that a reader who looks again reports a lasting one once.

    A look covers the last minutes. A note that has gone and comes again is new.
    """

    _noted: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, totals: Iterable[SourceTotals]) -> Iterator[tuple[SourceTotals, str]]:
        """Yield each note that the look before this one did not have."""
        for each in totals:
            before, found = self._noted.get(each.name, frozenset()), _notes(each)
            self._noted[each.name] = frozenset(found)
            yield from ((each, note) for subject, note in found.items() if subject not in before)
