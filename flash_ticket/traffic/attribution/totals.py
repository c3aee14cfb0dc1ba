"""What was read in all, what of it could not be attributed, and what such logs cannot show."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.traffic.attribution.attribution import Attribution, SourceTotals
from flash_ticket.traffic.attribution.place_directory import UnknownEnd


@dataclass(frozen=True, slots=True)
class Unattributed:
    """Lines with an end that is not known, for one reason.

    Attributes:
        example: One of the addresses.
        remedy: What would make them known.
    """

    reason: str
    count: int
    example: str
    remedy: str


def unattributed(attribution: Attribution) -> Iterator[Unattributed]:
    """Yield what could not be attributed, most lines first."""
    remedies = {each.words: each.remedy for each in UnknownEnd}
    examples = dict(attribution.examples)
    for reason, count in attribution.unattributed:
        yield Unattributed(reason, count, examples[reason], remedies[reason])


def counts(totals: Iterable[SourceTotals]) -> Mapping[str, int]:
    """Return the counts of lines of one or more logs, summed: read = attributed + unattributed + malformed."""
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


def blind_spot(totals: Iterable[SourceTotals]) -> str:
    """Return what logs of these kinds cannot show; nothing where those of both layers were read."""
    kinds = {kind for each in totals for kind in each.evidence}
    match {kind.layer for kind in kinds}:
        case layers if layers == {Layer.VPC}:
            return (
                "only flow logs were read: drops by NetworkPolicies do not show in them as REJECT, nor does traffic "
                "between pods of one node"
            )
        case layers if layers == {Layer.POD}:
            logs = ", ".join(sorted(kinds))
            return f"only the pod layer's logs were read ({logs}): what security groups and network ACLs stop is absent"
        case layers if not layers:
            return "nothing about traffic was read"
    return ""
