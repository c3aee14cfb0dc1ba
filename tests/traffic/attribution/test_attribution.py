"""Records summed up by endpoint: the counts add up for any logs, and a naive evaluator agrees."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.address_book import AddressBook
from flash_ticket.traffic.attribution.attribution import EARLY_SECONDS, Attribution, attribute, scope
from flash_ticket.traffic.attribution.examples import MOST_EXAMPLES
from flash_ticket.traffic.attribution.inventory import Interface, Pod
from flash_ticket.traffic.attribution.place_directory import UnknownEnd
from flash_ticket.traffic.records.record import Disposition, Evidence, Record, Scope
from tests.support.naive.naive_attribution import UNKNOWN, naive_ends
from tests.support.traffic import incident
from tests.support.traffic.incident import DEV, FIREWALL, INVENTORY, NIGHT, REDIS, SHOP, Heard, line, pod

LAYERS = FIREWALL.layers()
BOOK = AddressBook(LAYERS, INVENTORY)
API, PAY = "10.10.10.21", "10.10.10.31"


def attributed(*records: Record, book: AddressBook = BOOK) -> Attribution:
    return attribute([Heard(records)], book, scope(book))[0]


def test_lines_of_one_pair_port_and_kind_are_one_conversation() -> None:
    found = attributed(
        line(API, REDIS, 6379, count=3, at=60, interface="eni-redis"),
        line("10.10.10.22", REDIS, 6379, count=2, at=10, lasting=90, interface="eni-redis"),
    )

    (conversation,) = found.conversations
    assert (conversation.source.name, conversation.destination.name, conversation.port) == ("api", "redis", tcp(6379))
    assert (conversation.count, conversation.first, conversation.last) == (5, NIGHT + 10, NIGHT + 100)
    assert conversation.sources == (API, "10.10.10.22")
    assert conversation.destinations == (REDIS,)
    assert conversation.interfaces == ("eni-redis",)
    assert [each.name for each in conversation.callers] == ["api-1", "api-2"]


@pytest.mark.parametrize(
    "other",
    [
        line(API, REDIS, 6380),
        line(API, REDIS, 6379, disposition=Disposition.PASSED),
        line(API, REDIS, 6379, evidence=Evidence.HUBBLE),
        line(API, REDIS, 6379, reason="BPA"),
        line(API, REDIS, 6379, direction=Direction.EGRESS),
        line(PAY, REDIS, 6379),
    ],
)
def test_lines_with_relevant_differences_are_separate_conversations(other: Record) -> None:
    assert len(attributed(line(API, REDIS, 6379), other).conversations) == 2


def test_traffic_that_was_unanswered_once_and_passed_once_counts_as_passed() -> None:
    unanswered = line(API, REDIS, 6379, disposition=Disposition.UNANSWERED, count=2, at=500)
    passed = line(API, REDIS, 6379, disposition=Disposition.PASSED, count=3)

    (conversation,) = attributed(unanswered, passed).conversations
    alone = attributed(unanswered, line(PAY, REDIS, 6379, disposition=Disposition.PASSED)).conversations

    assert (conversation.disposition, conversation.count) == (Disposition.PASSED, 5)
    assert conversation.last == NIGHT + 500
    assert [each.disposition for each in alone] == [Disposition.UNANSWERED, Disposition.PASSED]


def test_lines_of_a_pods_first_seconds_are_counted() -> None:
    young, start = "10.10.10.23", 600
    found = attributed(
        line(young, REDIS, 6379, count=4, at=start, lasting=EARLY_SECONDS - 1),
        line(young, REDIS, 6379, count=1, at=start, lasting=EARLY_SECONDS),
        line(API, REDIS, 6379, count=7, at=start),
    )

    assert [(each.count, each.early) for each in found.conversations] == [(12, 4)]


def test_a_protocol_without_ports_has_none() -> None:
    found = attributed(line(API, PAY, 0, protocol=1), line(API, PAY, 0))

    assert [each.port for each in found.conversations] == [None, None]


def test_an_unknown_end_is_counted_by_its_reason_with_an_example() -> None:
    found = attributed(line("10.10.10.60", REDIS, 6379, at=1100, count=5), line("", REDIS, 6379, count=2))

    assert found.conversations == ()
    assert found.unattributed == ((UnknownEnd.UNCERTAIN.words, 5), (UnknownEnd.NO_ADDRESS.words, 2))
    assert dict(found.examples) == {UnknownEnd.UNCERTAIN.words: "10.10.10.60", UnknownEnd.NO_ADDRESS.words: ""}


def test_the_scope_splits_records_when_addresses_move_to_another_pod() -> None:
    assert scope(BOOK).moments == tuple(NIGHT + each for each in (-86_400, 600, 1000, 1200))
    assert scope(BOOK, NIGHT + 700).moments == (NIGHT + 1000, NIGHT + 1200)
    assert scope(BOOK, NIGHT).since == NIGHT


ADDRESSES = [
    *(each.addresses[0] for each in incident.PODS),
    *(incident.NODE, incident.REDIS, incident.DATABASE, incident.UNKNOWN_STORE, incident.ALB, incident.BASTION),
    *(incident.CLIENT, incident.STRANGER, "10.10.11.200", "10.10.10.52", "10.10.20.50"),
]
PORTS = [22, 53, 443, 3000, 3100, 4000, 5432, 5672, 6379, 9999]

times = st.integers(-10, 40).map(lambda number: number * 60.0)


@st.composite
def known(draw: st.DrawFn) -> tuple[tuple[Pod, ...], tuple[Interface, ...], float | None]:
    """Other pods at the addresses of the incident, some of its interfaces, and when pods were first listed."""
    pods = []
    for index in range(draw(st.integers(0, 8))):
        since, until = draw(st.none() | times), draw(st.none() | times)
        if since is not None and until is not None:
            since, until = sorted((since, until))  # no pod ends before it begins
        app = draw(st.sampled_from(["flash-gateway", "flash-api", "flash-pay", "other"]))
        address = draw(st.sampled_from([f"10.10.10.{number}" for number in (11, 21, 60)]))
        ends = [None if each is None else NIGHT + each for each in (since, until)]
        namespace = draw(st.sampled_from(["flash-ticket", "monitoring"]))
        pods.append(pod(f"p{index}", address, app, namespace=namespace, since=ends[0], until=ends[1]))
    interfaces: tuple[Interface, ...] = draw(st.sampled_from([(), INVENTORY.interfaces, INVENTORY.interfaces[3:6]]))
    return tuple(pods), interfaces, draw(st.none() | times.map(lambda at: NIGHT + at))


records = st.builds(
    lambda source, destination, port, at, lasting, count: line(
        source, destination, port, at=at, lasting=lasting, count=count
    ),
    st.sampled_from(ADDRESSES),
    st.sampled_from(ADDRESSES),
    st.sampled_from(PORTS),
    times,
    st.sampled_from([0.0, 60.0, 600.0]),
    st.integers(1, 9),
)


@given(known(), st.lists(records, max_size=12))
def test_a_naive_evaluator_of_every_line_agrees(
    others: tuple[tuple[Pod, ...], tuple[Interface, ...], float | None], heard: list[Record]
) -> None:
    pods, interfaces, listed = others
    inventory = replace(INVENTORY, pods=pods, interfaces=interfaces, listed=listed, taken=NIGHT)
    expected: Counter[tuple[str, str, int]] = Counter()
    lost = 0
    for each in heard:
        source, destination = naive_ends(SHOP, DEV, inventory, each)
        if UNKNOWN in {source, destination}:
            lost += each.count
        else:
            expected[source, destination, each.port] += each.count

    found = attributed(*heard, book=AddressBook(LAYERS, inventory))

    counted: Counter[tuple[str, str, int]] = Counter()
    for conversation in found.conversations:
        assert conversation.port
        counted[conversation.source.name, conversation.destination.name, conversation.port.first] += conversation.count
    assert counted == expected
    assert sum(count for _, count in found.unattributed) == lost


ends = st.sampled_from([*ADDRESSES, "", "-", "fe80::1", "2001:db8::1", "10.10.10.21 ", "nonsense"])
anything = st.builds(
    lambda ends, port, number, kinds, at, count: line(
        ends[0],
        ends[1],
        port,
        protocol=number,
        evidence=kinds[0],
        disposition=kinds[1],
        at=at,
        count=count,
        reason=kinds[2],
    ),
    st.tuples(ends, ends),
    st.integers(0, 70_000),
    st.sampled_from([1, 6, 17, 132, 58, 255]),
    st.tuples(st.sampled_from(Evidence), st.sampled_from(Disposition), st.sampled_from(["", "POLICY_DENIED"])),
    times,
    st.integers(1, 1000),
)


@given(st.lists(st.lists(anything, max_size=15), max_size=3))
def test_every_line_is_attributed_or_unattributed_for_any_logs(heard: list[list[Record]]) -> None:
    logs = [Heard(tuple(each), f"log {index}") for index, each in enumerate(heard)]

    found, totals = attribute(logs, BOOK, Scope())

    assert [each.name for each in totals] == [log.name for log in logs]
    for log, total in zip(logs, totals, strict=True):
        assert total.reading.read == sum(each.count for each in log.heard) == total.attributed + total.unattributed
    assert found.attributed == sum(each.attributed for each in totals)
    assert sum(count for _, count in found.unattributed) == sum(each.unattributed for each in totals)
    assert set(dict(found.unattributed)) == set(dict(found.examples))


@given(st.lists(anything, max_size=15).flatmap(lambda heard: st.tuples(st.just(heard), st.permutations(heard))))
def test_the_order_of_lines_does_not_matter(heard: tuple[list[Record], list[Record]]) -> None:
    one, other = (attributed(*each) for each in heard)

    assert one.conversations == other.conversations
    assert dict(one.unattributed) == dict(other.unattributed)


def test_no_more_examples_are_kept_than_are_shown() -> None:
    found = attributed(*(line(f"192.0.2.{number}", PAY, 22) for number in range(20)))

    (conversation,) = found.conversations
    assert conversation.count == 20
    assert len(conversation.sources) == MOST_EXAMPLES
