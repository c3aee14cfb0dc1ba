"""The AWS network policy agent's log is read in every form in which it is written, and no line is lost."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.record import Disposition, End, Evidence, Record, Scope
from tests.support.traffic.agent_lines import (
    AUDIT,
    MILLISECONDS,
    OLD,
    REAL,
    SECONDS,
    STREAM,
    TIME,
    V6,
    WORDS,
    event,
    read,
    zap,
)


def denied(
    *, direction: Direction | None = None, tier: str = "", ends: tuple[str, str] = ("10.0.0.5", "10.0.0.9")
) -> Record:
    return Record(
        Evidence.POLICY_AGENT,
        Disposition.STOPPED,
        End(ends[0]),
        End(ends[1]),
        protocol=6,
        port=3100,
        direction=direction,
        reason=tier,
        interface="",
        count=1,
        first=SECONDS,
        last=SECONDS,
    )


V6_ENDS = ("2001:db8::5", "2001:db8::9")
EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(OLD, denied(), id="fields of their own"),
        pytest.param(OLD.replace(b'"ts"', b'"timestamp"'), denied(), id="timestamp for ts"),
        pytest.param(OLD.replace(b'"2026-11-24T01:32:14.234Z"', b"1795483934.234"), denied(), id="ts as a number"),
        pytest.param(OLD.replace(b".234Z", b".234+0000"), denied(), id="a zone without a colon"),
        pytest.param(zap(WORDS), denied(), id="all in the message"),
        pytest.param(zap(f"{WORDS} Direction egress"), denied(direction=EGRESS), id="1.2.2"),
        pytest.param(
            zap(f"{WORDS} Direction egress, Tier NETWORK_POLICY"),
            denied(direction=EGRESS, tier="NETWORK_POLICY"),
            id="1.3.0",
        ),
        pytest.param(zap(V6), denied(direction=INGRESS, tier="DEFAULT", ends=V6_ENDS), id="IPv6"),
        pytest.param(b"%b stdout F %b" % (TIME.encode(), zap(WORDS)), denied(), id="CRI"),
        pytest.param(
            json.dumps({"log": zap(WORDS).decode() + "\n", "stream": "stderr"}).encode(), denied(), id="Docker"
        ),
        pytest.param(f"{TIME}\tINFO\tebpf-client\t{WORDS}".encode(), denied(), id="zap's console form"),
        pytest.param(
            f'{TIME}\tINFO\tebpf-client\tFlow Info:  \t{{"Src IP": "10.0.0.5", "Src Port": 43088, '
            '"Dest IP": "10.0.0.9", "Dest Port": 3100, "Proto": "TCP", "Verdict": "DENY"}'.encode(),
            denied(),
            id="zap's console form with fields",
        ),
        pytest.param(json.dumps(event()).encode(), denied(), id="an event of CloudWatch"),
        pytest.param(
            json.dumps(event(f"{AUDIT};Tier: BASELINE")).encode(), denied(tier="BASELINE"), id="an event with its tier"
        ),
        pytest.param(json.dumps({"events": [event()]}).encode(), denied(), id="a page of events on a line"),
        pytest.param(
            f"EVENTS\t3891\t{MILLISECONDS + 700}\t{STREAM}\t{AUDIT}\t{MILLISECONDS}".encode(), denied(), id="as text"
        ),
        pytest.param(f"{TIME[:-1]}000+00:00 {STREAM} {AUDIT}".encode(), denied(), id="logs tail"),
        pytest.param(f'"2026-11-24 01:32:14.234","{AUDIT}"'.encode(), denied(), id="Logs Insights as csv"),
        pytest.param(f"{MILLISECONDS},{AUDIT}".encode(), denied(), id="the console's csv"),
    ],
)
def test_every_form_of_a_denial_is_read(text: bytes, expected: Record) -> None:
    records, reading = read([text])

    assert records == [expected]
    assert (reading.recorded, reading.malformed, reading.other) == (1, 0, 0)


@pytest.mark.parametrize("indent", [4, 1])
@pytest.mark.parametrize("sort", [False, True])
def test_events_that_the_aws_cli_prints_on_several_lines_are_joined(indent: int, sort: bool) -> None:  # noqa: FBT001 - a parameter
    page = {"events": [event(), event("I1124 kube-apiserver"), event(f"{AUDIT};Tier: ADMIN")], "searchedLogStreams": []}
    lines = json.dumps(page, indent=indent, sort_keys=sort).encode().split(b"\n")

    records, reading = read(lines)

    assert records == [denied(), denied(tier="ADMIN")]
    assert (reading.recorded, reading.malformed) == (2, 0)
    assert reading.recorded + reading.other == len(lines)


def test_an_event_that_is_truncated_after_its_message_is_recorded() -> None:
    lines = json.dumps({"events": [event()]}, indent=4).encode().split(b"\n")[:6]

    assert lines[-1].strip().startswith(b'"message"')
    assert read(lines)[0] == [denied()]


@pytest.mark.parametrize(
    "text",
    [
        AUDIT.encode(),
        zap(WORDS).replace(b'"ts"', b'"at"'),
        json.dumps({"message": AUDIT}).encode(),
    ],
)
def test_a_decision_without_a_time_is_malformed_with_a_remedy(text: bytes) -> None:
    records, reading = read([text])

    assert (records, reading.malformed) == ([], 1)
    assert reading.first_malformed == (
        "agent:1: it has no time: save the events with `aws logs filter-log-events`, which includes the time of each"
    )


@pytest.mark.parametrize(("verdict", "disposition"), [("ACCEPT", Disposition.PASSED), ("DENY", Disposition.STOPPED)])
def test_accept_passes_and_deny_stops(verdict: str, disposition: Disposition) -> None:
    (record,), _ = read([zap(WORDS.replace("DENY", verdict))])

    assert record.disposition is disposition


@pytest.mark.parametrize(
    "text",
    [
        zap(WORDS.replace("DENY", "EXPIRED/DELETED")),
        OLD.replace(b"DENY", b"EXPIRED/DELETED"),
        AUDIT.replace("DENY", "EXPIRED/DELETED").encode(),
        zap("Setting up the conntrack cleanup"),
        zap("Updating Map with ", **{"IP Key:": "172.20.121.22/32"}),
        f"{TIME}\tINFO\tsetup\tstarting manager".encode(),
        f"{TIME}\tINFO\tsetup\tread {{map of pods}}".encode(),
        f"SEARCHEDLOGSTREAMS\t{STREAM}\tTrue".encode(),
        b"None",
        b'{"events":[]}',
        b"",
    ],
)
def test_messages_that_decide_nothing_are_counted_as_other(text: bytes) -> None:
    records, reading = read([text])

    assert (records, reading.other, reading.malformed) == ([], 1, 0)


def test_a_stopped_reply_counts_for_the_connection_that_it_answers() -> None:
    reply = WORDS.replace("10.0.0.5 Src Port: 43088", "10.0.0.5 Src Port: 443")

    (record,), _ = read([zap(f"{reply.replace('3100', '55464')} Direction egress")])

    assert (record.source, record.destination) == (End("10.0.0.9"), End("10.0.0.5"))
    assert (record.port, record.direction) == (443, Direction.INGRESS)


def test_a_known_port_takes_precedence_over_the_smaller_one() -> None:
    words = WORDS.replace("Src Port: 43088", "Src Port: 50051").replace("3100", "40001")

    (record,), _ = read([zap(words)], Scope(listening=frozenset({(6, 50051)})))

    assert (record.source, record.port) == (End("10.0.0.9"), 50051)


@pytest.mark.parametrize(
    ("word", "protocol", "port"),
    [
        ("UDP", 17, 3100),
        ("SCTP", 132, 3100),
        ("ICMP", 1, 0),
        ("UNKNOWN", 0, 0),
        ("RESERVED", 0, 0),
        ("ANY PROTOCOL", 0, 0),
    ],
)
def test_every_protocol_of_the_agent_has_its_number(word: str, protocol: int, port: int) -> None:
    lines = [zap(WORDS.replace("TCP", word)), json.dumps(event(AUDIT.replace("TCP", word))).encode()]

    (record,), reading = read(lines)

    assert (record.protocol, record.port, record.count, reading.recorded) == (protocol, port, 2, 2)


@pytest.mark.parametrize(
    "text",
    [
        b"garbage",
        b"\0\xff\xfe",
        OLD[:200],
        b'{"level":"info"}',
        b'{"msg":5}',
        b'{"msg":"x","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"log":"{}"}',
        zap(WORDS, ts="yesterday"),
        zap(WORDS, ts="y" * 100_000),
        zap(WORDS, ts=1e300),
        OLD.replace(b"14.234Z", b"1"),
        zap(WORDS.replace("TCP", "QUIC")),
        zap(WORDS.replace("DENY", "PERHAPS")),
        zap(f"{WORDS} Direction sideways"),
        zap(WORDS.replace("10.0.0.5", "10.0.0.555")),
        zap(WORDS.replace("3100", "99999")),
        zap(WORDS.replace("3100", "0")),
        zap("Flow Info: of a form that is not known"),
        f"{TIME}\tINFO\tebpf-client\tFlow Info: {{of a form that is not known}}".encode(),
        json.dumps(event(timestamp=10**400)).encode(),
        f'            "message": "{AUDIT}'.encode(),
        b'            "timestamp": 1e9,',
    ],
)
def test_a_malformed_line_is_counted_and_shown_and_the_rest_is_read(text: bytes) -> None:
    records, reading = read([OLD, text, OLD])

    assert [record.count for record in records] == [2]
    assert (reading.recorded, reading.malformed, reading.other) == (2, 1, 0)
    assert reading.first_malformed.startswith("agent:2: ")
    assert len(reading.first_malformed) < 300


def test_one_malformed_event_of_a_page_does_not_affect_the_others() -> None:
    page = {"events": [event(), event(AUDIT.replace("DENY", "PERHAPS")), event()]}

    records, reading = read([json.dumps(page).encode()])

    assert [record.count for record in records] == [2]
    assert (reading.recorded, reading.malformed) == (2, 1)


@pytest.mark.parametrize("line", [REAL, OLD, zap(V6), REAL.replace(b"10.20.1.12", b"172.20.112")])
def test_a_line_that_is_cut_anywhere_is_counted_and_nothing_is_made_of_it(line: bytes) -> None:
    """A file that is being written ends in the middle of a line, and a read may begin there."""
    (whole,), _ = read([line])
    (old,), _ = read([OLD])

    for position in range(1, len(line)):
        head, of_head = read([OLD, line[:position]])
        tail, of_tail = read([line[position:], OLD])

        assert [each.count for each in head] == [1]
        assert (of_head.recorded, of_head.malformed + of_head.other) == (1, 1)
        assert set(tail) <= {whole, old}  # a tail with the time and the whole message says the same as the line
        assert of_tail.recorded + of_tail.malformed + of_tail.other == 2
        assert of_head.malformed + of_tail.malformed >= 1


TIMES = st.integers(0, 120).map(lambda tenths: SECONDS + tenths / 10 - 6)


@given(st.lists(st.tuples(TIMES, st.sampled_from(["3100", "3101"]))), TIMES)
def test_a_period_has_the_lines_of_its_time_and_no_others(lines: list[tuple[float, str]], since: float) -> None:
    def written(time: float, port: str) -> bytes:
        stamp = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return zap(WORDS.replace("3100", port), ts=stamp) + b"\n"

    records, reading = read([written(*each) for each in lines], Scope(since=since))

    expected = Counter(int(port) for time, port in lines if round(time, 3) >= since)
    assert {record.port: record.count for record in records} == expected
    assert (reading.recorded, reading.malformed, reading.other) == (expected.total(), 0, 0)


@pytest.mark.parametrize("line", [REAL[:-1], REAL[:90], zap("starting"), AUDIT.encode(), b"", b"garbage"])
def test_a_line_that_is_cut_or_about_something_else_is_counted_for_any_period(line: bytes) -> None:
    _, always = read([line])
    _, later = read([line], Scope(since=SECONDS + 3600))

    assert later == always


def test_a_cut_line_is_named_as_that() -> None:
    _, of_head = read([REAL[:-40]])
    _, of_tail = read([REAL[60:]])

    assert of_head.first_malformed == of_tail.first_malformed == "agent:1: it is cut: a part of the line is missing"


@pytest.mark.parametrize("cut", [REAL, OLD, zap(V6), zap("starting")])
def test_a_whole_line_behind_a_cut_one_is_read_and_the_cut_one_is_counted(cut: bytes) -> None:
    """An agent that ends while it writes leaves a part of a line; the next agent appends its first line to it."""
    (whole,), _ = read([REAL])

    for position in range(1, len(cut)):
        (record,), reading = read([cut[:position] + REAL])

        assert record == whole
        assert (reading.recorded, reading.malformed + reading.other) == (1, 1)


@pytest.mark.parametrize("start", [1, 60, 120, len(REAL) - 30, len(REAL) - 1])
def test_a_whole_line_behind_the_end_of_another_is_read_and_the_end_is_counted(start: int) -> None:
    (whole,), _ = read([REAL])

    (record,), reading = read([REAL[start:] + REAL])

    assert record == whole
    assert (reading.recorded, reading.malformed + reading.other) == (1, 1)


def test_whole_lines_without_a_line_feed_between_them_are_all_read() -> None:
    (whole,), _ = read([REAL])

    (record,), reading = read([REAL * 3])

    assert record == whole._replace(count=3)
    assert (reading.recorded, reading.malformed, reading.other) == (3, 0, 0)


def test_a_line_behind_a_cut_one_is_read_for_a_period_that_begins_after_the_cut_one() -> None:
    later = REAL.replace(b"2026-11-24T01:32:14", b"2026-11-24T03:32:14")

    records, reading = read([REAL[:-20] + later + b"\n"], Scope(since=SECONDS + 3600))

    assert [each.count for each in records] == [1]
    assert (reading.recorded, reading.malformed) == (1, 1)


@pytest.mark.parametrize("prefix", [b"[pod/aws-node-x7k2p/aws-eks-nodeagent] ", b"aws-node-x7k2p aws-eks-nodeagent "])
def test_the_name_of_a_pod_before_a_line_is_no_part_of_another(prefix: bytes) -> None:
    records, reading = read([prefix + REAL])

    assert [each.count for each in records] == [1]
    assert (reading.malformed, reading.other) == (0, 0)


PRINTED = [b"{", b"}", b"},", b'"message": "x",', b'"timestamp": 5,', f'"message": "{AUDIT}"'.encode(), b'"eventId": 1']
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
CHANGED = st.builds(
    lambda key, value: json.dumps({**json.loads(OLD), key: value}).encode(),
    st.sampled_from([*json.loads(OLD), "log", "message", "timestamp"]),
    VALUES,
)
CUT = st.builds(lambda text, end: text[:end], st.sampled_from([OLD, zap(V6), AUDIT.encode()]), st.integers(0, 250))
LINES = st.lists(st.binary(max_size=40) | CHANGED | CUT | st.sampled_from(PRINTED) | st.just(OLD))


@given(LINES)
def test_no_line_is_lost_for_any_content(lines: list[bytes]) -> None:
    records, reading = read(lines)

    assert reading.recorded + reading.malformed + reading.other == len(lines)
    assert reading.recorded == sum(record.count for record in records)
    assert bool(reading.malformed) == bool(reading.first_malformed)
