"""Records of logs, attributed to endpoints and summed up by pair and port."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from flash_ticket.firewall.prove.endpoint import Endpoint
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.address_book import PROTOCOLS, AddressBook, KnownEnd, Span
from flash_ticket.traffic.attribution.examples import Examples, few, note, shown
from flash_ticket.traffic.attribution.place_directory import UnknownEnd
from flash_ticket.traffic.attribution.refused_names import RefusedName, RefusedNames
from flash_ticket.traffic.records.record import Disposition, Evidence, Log, PodIdentity, Reading, Record, Scope
from flash_ticket.traffic.records.repeated_lines import RepeatedLines

EARLY_SECONDS = 10
"""How long the policies of a new pod may be missing or incomplete: the standard mode of the AWS agent takes 1 to 2 s
(EKS User Guide, "Limit Pod traffic"), and replies on connections opened before that are dropped for some more time."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one kind of log shows about one pair of endpoints on one port.

    Attributes:
        source: The endpoint of both layers that called.
        destination: The endpoint that was called.
        port: A range of one port; None for a protocol without ports (ICMP), which no rule here covers.
        protocol: IANA's number.
        direction: The end at which it was recorded; None if unknown.
        reason: The reason in the log's own words.
        interfaces: The interfaces that stopped it, up to ``MOST_EXAMPLES``.
        sources: Addresses of the source, up to ``MOST_EXAMPLES``, sorted.
        destinations: Addresses of the destination, up to ``MOST_EXAMPLES``, sorted.
        count: How many lines of the log show it.
        first: Seconds since 1970, UTC.
        last: Seconds since 1970, UTC.
        callers: Pods of the source, as the log or the inventory names them, up to ``MOST_EXAMPLES``, sorted.
        called: Pods of the destination, up to ``MOST_EXAMPLES``, sorted.
        early: How many of the lines are entirely from a pod's first seconds, before its policies may be enforced.
        names: Domain names of the destination's addresses, up to ``MOST_EXAMPLES``, sorted, if the log knows them.
    """

    evidence: Evidence
    disposition: Disposition
    source: Endpoint
    destination: Endpoint
    port: PortRange | None
    protocol: int
    direction: Direction | None
    reason: str
    interfaces: tuple[str, ...]
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    count: int
    first: float
    last: float
    callers: tuple[PodIdentity, ...] = ()
    called: tuple[PodIdentity, ...] = ()
    early: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribution:
    """All records by endpoint: ``read`` = attributed + unattributed + malformed.

    Attributes:
        conversations: Traffic with two known ends, sorted by source, destination, port, evidence.
        unattributed: Counts of lines with an unknown end, by reason
            (``flash_ticket.traffic.attribution.place_directory``).
        examples: One address for each of those reasons.
        refused: The names that DNS rules refused, by the endpoint that asked. They are not conversations: a proxy
            answered.
    """

    conversations: tuple[Conversation, ...]
    unattributed: tuple[tuple[str, int], ...]
    examples: tuple[tuple[str, str], ...]
    refused: tuple[RefusedName, ...] = ()

    @property
    def attributed(self) -> int:
        """How many lines have two known ends."""
        return sum(each.count for each in self.conversations) + sum(each.count for each in self.refused)


@dataclass(slots=True)
class SourceTotals:
    """How many lines of one log were read, and how many were attributed.

    Attributes:
        name: The log, as the user named it.
        reading: The counts of what was read.
        attributed: How many lines have two known ends.
        unattributed: How many lines have an unknown end.
        evidence: The kinds of log that it contained.
    """

    name: str
    reading: Reading = field(default_factory=Reading)
    attributed: int = 0
    unattributed: int = 0
    evidence: set[Evidence] = field(default_factory=set)


def scope(book: AddressBook, since: float | None = None, until: float | None = None) -> Scope:
    """Return the scope for reading logs: records are split at the times when an address moved to another pod."""
    return Scope(since, until, book.history.moments(since), book.listening)


def attribute(logs: Sequence[Log], book: AddressBook, wanted: Scope) -> tuple[Attribution, tuple[SourceTotals, ...]]:
    """Read logs and sum up their records by source, destination and port.

    Args:
        logs: The logs; each is read once, in order.
        book: The owners of the addresses.
        wanted: The result of ``scope``.

    Raises:
        InputError: A log cannot be read.
    """
    ledger, packets = _Ledger(book), RepeatedLines()
    totals = tuple(SourceTotals(log.name, Reading(packets=packets)) for log in logs)
    for log, total in zip(logs, totals, strict=True):
        for record in log.records(wanted, total.reading):
            ledger.enter(record, total)
    return ledger.attribution(), totals


@dataclass(slots=True)
class _GrowingConversation:
    """A conversation while records are added to it."""

    conversation: Conversation
    interfaces: Examples[str] = field(default_factory=list)
    sources: Examples[str] = field(default_factory=list)
    destinations: Examples[str] = field(default_factory=list)
    callers: Examples[PodIdentity] = field(default_factory=list)
    called: Examples[PodIdentity] = field(default_factory=list)
    names: Examples[str] = field(default_factory=list)
    count: int = 0
    early: int = 0
    first: float = float("inf")
    last: float = float("-inf")

    def add(self, record: Record, source: KnownEnd, destination: KnownEnd) -> None:
        self.count += record.count
        self.first, self.last = min(self.first, record.first), max(self.last, record.last)
        if any(_is_early(end, record) for end in (source, destination)):
            self.early += record.count
        note(self.interfaces, record.interface)
        note(self.sources, record.source.address)
        note(self.destinations, record.destination.address)
        note(self.callers, source.pod)
        note(self.called, destination.pod)
        for name in record.destination.names:
            note(self.names, name)

    def summed(self) -> Conversation:
        return replace(
            self.conversation,
            interfaces=shown(self.interfaces),
            sources=shown(self.sources),
            destinations=shown(self.destinations),
            count=self.count,
            first=self.first,
            last=self.last,
            callers=shown(self.callers),
            called=shown(self.called),
            early=self.early,
            names=shown(self.names),
        )


@dataclass(slots=True)
class _Ledger:
    book: AddressBook
    entries: dict[object, _GrowingConversation] = field(default_factory=dict)
    unknown: dict[UnknownEnd, int] = field(default_factory=lambda: defaultdict(int))
    examples: dict[UnknownEnd, str] = field(default_factory=dict)
    refused: RefusedNames = field(default_factory=RefusedNames)

    def enter(self, record: Record, total: SourceTotals) -> None:
        total.evidence.add(record.evidence)
        span, port = Span(record.first, record.last), _port(record)
        destination = self.book.destination(record.destination, port, span)
        if isinstance(destination, UnknownEnd):
            self._refuse(destination, record, record.destination.address, total)
            return
        source = self.book.source(record.source, destination, span)
        if isinstance(source, UnknownEnd):
            self._refuse(source, record, record.source.address, total)
            return
        total.attributed += record.count
        if record.name:
            self.refused.add(record, source.endpoint, source.pod)
            return
        key = (
            *(record.evidence, record.disposition, source.endpoint, destination.endpoint),
            *(destination.port, record.protocol, record.direction, record.reason),
        )
        if key not in self.entries:
            self.entries[key] = _GrowingConversation(Conversation(*key, (), (), (), 0, 0, 0))
        self.entries[key].add(record, source, destination)

    def attribution(self) -> Attribution:
        every = sorted(_merged(entry.summed() for entry in self.entries.values()), key=_order)
        reasons = sorted(self.unknown, key=lambda each: (-self.unknown[each], each.words))
        return Attribution(
            tuple(every),
            tuple((each.words, self.unknown[each]) for each in reasons),
            tuple((each.words, self.examples[each]) for each in reasons),
            self.refused.summed(),
        )

    def _refuse(self, unknown: UnknownEnd, record: Record, address: str, total: SourceTotals) -> None:
        total.unattributed += record.count
        self.unknown[unknown] += record.count
        self.examples.setdefault(unknown, address)


def _merged(conversations: Iterable[Conversation]) -> Iterator[Conversation]:
    """Yield the conversations; traffic that was unanswered at one time and passed at another counts as passed."""
    every = list(conversations)
    passed = {_pair(each): each for each in sorted(every, key=_order) if each.disposition is Disposition.PASSED}
    joined: dict[object, list[Conversation]] = defaultdict(list)
    for each in every:
        if each.disposition is Disposition.UNANSWERED and _pair(each) in passed:
            joined[_pair(each)].append(each)
        elif passed.get(_pair(each)) is not each:
            yield each
    for pair, each in passed.items():
        yield _joined(each, joined[pair])


def _pair(each: Conversation) -> object:
    return each.evidence, each.source, each.destination, each.port, each.protocol


def _joined(one: Conversation, others: Sequence[Conversation]) -> Conversation:
    every = (one, *others)
    return replace(
        one,
        sources=few({address for each in every for address in each.sources}),
        destinations=few({address for each in every for address in each.destinations}),
        count=sum(each.count for each in every),
        first=min(each.first for each in every),
        last=max(each.last for each in every),
        callers=few({pod for each in every for pod in each.callers}),
        called=few({pod for each in every for pod in each.called}),
        early=sum(each.early for each in every),
        names=few({name for each in every for name in each.names}),
    )


def _order(each: Conversation) -> tuple[object, ...]:
    port = each.port or PortRange(PROTOCOLS[6], 0, 0)
    direction = each.direction.value if each.direction else ""
    ends = (each.source.name, each.destination.name)
    return (*ends, each.protocol, port, each.evidence, each.disposition, direction, each.reason)


def _port(record: Record) -> PortRange | None:
    protocol = PROTOCOLS.get(record.protocol)
    if protocol is None or not 0 < record.port <= MAX_PORT:
        return None
    return PortRange(protocol, record.port, record.port)


def _is_early(end: KnownEnd, record: Record) -> bool:
    return end.started is not None and end.started <= record.first and record.last < end.started + EARLY_SECONDS
