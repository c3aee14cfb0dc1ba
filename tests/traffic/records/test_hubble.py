"""Hubble's export: the record for each kind of line, and no line is lost, whatever it contains."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.hubble import HubbleReader
from flash_ticket.traffic.records.hubble_decision import is_audited, is_policys
from flash_ticket.traffic.records.lines import LONGEST_LINE, GivenLines
from flash_ticket.traffic.records.record import Disposition, End, Evidence, NonPod, PodIdentity, Reading, Record, Scope

API = {
    "ID": 1238,
    "identity": 24009,
    "namespace": "flash-ticket",
    "labels": [
        "k8s:tier=back",
        "k8s:app=flash-api",
        "k8s:io.cilium.k8s.namespace.labels.team=shop",
        "k8s:io.cilium.k8s.policy.serviceaccount=api",
        "k8s:io.kubernetes.pod.namespace=flash-ticket",
    ],
    "pod_name": "flash-api-1",
    "workloads": [{"name": "flash-api", "kind": "Deployment"}],
}
PAY = {"identity": 24010, "namespace": "flash-ticket", "labels": ["k8s:app=flash-pay"], "pod_name": "flash-pay-1"}
WORLD = {"identity": 2, "labels": ["cidr:1.1.1.1/32", "reserved:world"]}
TIME = "2026-11-24T01:32:14.234858520Z"
SECONDS = 1795483934.234858


def flow(**changes: object) -> dict[str, Any]:
    """Return a forwarded call of the API to pay; a field that is None is left out."""
    found = {
        "time": TIME,
        "verdict": "FORWARDED",
        "IP": {"source": "10.0.0.5", "destination": "10.0.0.9", "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40001, "destination_port": 3100, "flags": {"SYN": True}}},
        "source": API,
        "destination": PAY,
        "Type": "L3_L4",
        "node_name": "kind-worker2",
        "event_type": {"type": 4, "sub_type": 0},
        "traffic_direction": "EGRESS",
        "trace_observation_point": "TO_STACK",
        "is_reply": False,
        "Summary": "TCP Flags: SYN",
        **changes,
    }
    return {key: value for key, value in found.items() if value is not None}


def drop(**changes: object) -> dict[str, Any]:
    dropped = {"verdict": "DROPPED", "drop_reason": 133, "drop_reason_desc": "POLICY_DENIED", "is_reply": None}
    return flow(**{**dropped, "trace_observation_point": None, **changes})


def line(fields: dict[str, Any]) -> bytes:
    return json.dumps({"flow": fields, "node_name": "kind-worker2", "time": TIME}).encode()


def read(lines: Iterable[bytes], scope: Scope = Scope()) -> tuple[list[Record], Reading]:  # noqa: B008 - frozen
    reading = Reading()
    return list(HubbleReader(scope, reading).records(GivenLines("export", lines))), reading


def only(fields: dict[str, Any], scope: Scope = Scope()) -> Record:  # noqa: B008 - frozen
    (record,), reading = read([line(fields)], scope)
    assert (reading.recorded, reading.read, reading.other) == (1, 1, 0)
    return record


def test_a_flow_has_both_pods_the_called_port_and_a_time() -> None:
    labels = (("app", "flash-api"), ("tier", "back"))
    source = End("10.0.0.5", PodIdentity("flash-ticket", "flash-api-1", labels))
    destination = End("10.0.0.9", PodIdentity("flash-ticket", "flash-pay-1", (("app", "flash-pay"),)))

    record = only(flow())

    assert record.first == record.last == pytest.approx(SECONDS, abs=1e-6)
    assert record == Record(
        Evidence.HUBBLE,
        Disposition.PASSED,
        source,
        destination,
        protocol=6,
        port=3100,
        direction=Direction.EGRESS,
        reason="",
        interface="",
        count=1,
        first=record.first,
        last=record.last,
    )


def test_lines_that_differ_only_in_time_and_caller_port_are_one_record() -> None:
    tcp = {"source_port": 40002, "destination_port": 3100}
    times = (TIME, "2026-11-24T01:32:10Z", "2026-11-24T02:32:14.5+01:00")

    (record,), reading = read([line(flow(time=time, l4={"TCP": tcp})) for time in times])

    assert (record.count, reading.recorded) == (3, 3)
    assert record.first == SECONDS - 4.234858
    assert record.last == SECONDS + 0.265142


@pytest.mark.parametrize(
    ("verdict", "disposition", "reason"),
    [
        ("FORWARDED", Disposition.PASSED, ""),
        (1, Disposition.PASSED, ""),
        ("REDIRECTED", Disposition.PASSED, ""),
        (5, Disposition.PASSED, ""),
        ("AUDIT", Disposition.PASSED, "AUDIT"),
        (4, Disposition.PASSED, "AUDIT"),
        ("DROPPED", Disposition.STOPPED, "POLICY_DENIED"),
        (2, Disposition.STOPPED, "POLICY_DENIED"),
    ],
)
def test_verdicts_that_decide_are_read_by_name_and_number(
    verdict: object, disposition: Disposition, reason: str
) -> None:
    record = only(drop(verdict=verdict))

    assert (record.disposition, record.reason) == (disposition, reason)


@pytest.mark.parametrize("verdict", ["ERROR", 3, "TRACED", 6, "TRANSLATED", 7, "VERDICT_UNKNOWN", 0, None])
def test_verdicts_that_decide_nothing_are_counted_as_other(verdict: object) -> None:
    records, reading = read([line(flow(verdict=verdict))])

    assert (records, reading.other, reading.malformed) == ([], 1, 0)


@pytest.mark.parametrize("point", ["FROM_ENDPOINT", 5, "FROM_HOST", "FROM_NETWORK", "FROM_OVERLAY", "FROM_PROXY"])
def test_a_packet_that_no_policy_has_seen_yet_has_not_passed(point: object) -> None:
    records, reading = read([line(flow(trace_observation_point=point))])

    assert (records, reading.other) == ([], 1)


@pytest.mark.parametrize(
    ("fields", "reason", "policys"),
    [
        ({}, "POLICY_DENIED", True),
        ({"drop_reason_desc": None}, "POLICY_DENIED", True),
        ({"drop_reason_desc": 181, "drop_reason": None}, "POLICY_DENY", True),
        ({"drop_reason_desc": "STALE_OR_UNROUTABLE_IP", "drop_reason": 151}, "STALE_OR_UNROUTABLE_IP", False),
        ({"drop_reason_desc": "CT_MAP_INSERTION_FAILED", "drop_reason": 155}, "CT_MAP_INSERTION_FAILED", False),
        ({"drop_reason_desc": None, "drop_reason": 151}, "drop reason 151", False),
        ({"drop_reason_desc": None, "drop_reason": None}, "", False),
        ({"drop_reason_desc": "DROP_REASON_UNKNOWN", "drop_reason": None}, "", False),
        (
            {
                "drop_reason_desc": "POLICY_DENY",
                "egress_denied_by": [{"name": "no-pay", "namespace": "shop", "kind": "CiliumNetworkPolicy"}],
            },
            "POLICY_DENY by CiliumNetworkPolicy shop/no-pay",
            True,
        ),
    ],
)
def test_a_drop_has_a_reason_that_shows_whether_a_policy_caused_it(
    fields: dict[str, object],
    reason: str,
    policys: bool,  # noqa: FBT001 - an expectation
) -> None:
    record = only(drop(**fields))

    assert (record.reason, is_policys(record.reason)) == (reason, policys)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "AUDIT"),
        (
            {"ingress_denied_by": [{"name": "no-pay", "namespace": "shop", "kind": "CiliumNetworkPolicy"}]},
            "AUDIT by CiliumNetworkPolicy shop/no-pay",
        ),
    ],
)
def test_what_is_only_audited_passes_and_says_so(fields: dict[str, object], reason: str) -> None:
    record = only(flow(verdict="AUDIT", **fields))

    assert (record.disposition, record.reason) == (Disposition.PASSED, reason)
    assert is_audited(record.reason)
    assert is_policys(record.reason)
    assert not is_audited(only(drop()).reason)
    assert not is_audited(only(flow()).reason)


def test_a_reply_counts_for_the_connection_that_it_answers() -> None:
    reply = flow(
        IP={"source": "10.0.0.9", "destination": "10.0.0.5"},
        l4={"TCP": {"source_port": 3100, "destination_port": 40001, "flags": {"ACK": True}}},
        source=PAY,
        destination=API,
        is_reply=True,
    )

    (record,), _ = read([line(flow()), line(reply)])

    assert record.count == 2
    assert (record.source.address, record.port, record.direction) == ("10.0.0.5", 3100, Direction.EGRESS)


@pytest.mark.parametrize(
    ("layer4", "listening", "caller", "port", "direction"),
    [
        # only SYN: a call, whatever the ports
        ({"TCP": {"source_port": 3100, "destination_port": 40001, "flags": {"SYN": True}}}, {(6, 3100)}, 5, 40001, "e"),
        # SYN and ACK: an answer
        ({"TCP": {"source_port": 9999, "destination_port": 80, "flags": {"SYN": True, "ACK": True}}}, (), 9, 9999, "i"),
        # a known port, although it is the greater one
        ({"TCP": {"source_port": 50000, "destination_port": 443, "flags": {"ACK": True}}}, {(6, 50000)}, 9, 50000, "i"),
        # a known port of another protocol does not matter
        ({"UDP": {"source_port": 50000, "destination_port": 443}}, {(6, 50000)}, 5, 443, "e"),
        ({"UDP": {"source_port": 53, "destination_port": 40001}}, (), 9, 53, "i"),
        ({"SCTP": {"source_port": 5000, "destination_port": 5000}}, (), 5, 5000, "e"),
    ],
)  # fmt: skip
def test_flags_and_ports_decide_whether_a_drop_is_a_reply(
    layer4: dict[str, object], listening: Iterable[tuple[int, int]], caller: int, port: int, direction: str
) -> None:
    record = only(drop(l4=layer4), Scope(listening=frozenset(listening)))

    assert record.source.address == f"10.0.0.{caller}"
    assert record.port == port
    assert record.direction is (Direction.EGRESS if direction == "e" else Direction.INGRESS)


@pytest.mark.parametrize(
    ("layer4", "protocol", "port"),
    [
        ({"UDP": {"source_port": 40001, "destination_port": 53}}, 17, 53),
        ({"SCTP": {"source_port": 40001, "destination_port": 3868}}, 132, 3868),
        ({"ICMPv4": {"type": 8}}, 1, 0),
        ({"ICMPv6": {"type": 128}}, 58, 0),
        ({"VRRP": {}}, 0, 0),
        (None, 0, 0),
    ],
)
def test_every_protocol_has_its_number(layer4: object, protocol: int, port: int) -> None:
    record = only(flow(l4=layer4))

    assert (record.protocol, record.port) == (protocol, port)


def test_addresses_are_canonical_and_an_external_end_has_no_pod() -> None:
    record = only(flow(IP={"source": "2001:DB8:0:0::5", "destination": "::ffff:1.1.1.1"}, destination=WORLD))

    assert record.source.address == "2001:db8::5"
    assert record.destination == End("1.1.1.1", None, NonPod.WORLD)


def test_a_pod_known_only_by_its_identity_has_no_name() -> None:
    labels = ["k8s:app=flash-pay", "k8s:io.kubernetes.pod.namespace=flash-ticket"]

    record = only(flow(destination={"identity": 24010, "labels": labels}))

    assert record.destination.pod == PodIdentity("flash-ticket", "", (("app", "flash-pay"),))


def test_a_flow_without_addresses_ends_or_direction_is_recorded_without_them() -> None:
    record = only(flow(IP=None, source=None, destination=None, traffic_direction="TRAFFIC_DIRECTION_UNKNOWN"))

    assert (record.source, record.destination, record.direction) == (End(""), End(""), None)


def test_a_layer_7_message_is_recorded_like_any_other_flow() -> None:
    request = {"type": "REQUEST", "http": {"method": "GET", "url": "http://flash-pay/"}}

    record = only(flow(Type="L7", l7=request, trace_observation_point=None, traffic_direction="INGRESS"))

    assert (record.disposition, record.port, record.direction) == (Disposition.PASSED, 3100, Direction.INGRESS)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda text: text,
        lambda text: b"  " + text + b"\r",
        lambda text: b"2026-11-24T01:32:14.234858520Z stdout F " + text,
        lambda text: b"[pod/cilium-x/export-stdout] " + text,
        lambda text: json.dumps({"log": text.decode() + "\n", "stream": "stdout", "time": TIME}).encode(),
        lambda text: json.dumps(json.loads(text)["flow"]).encode(),
    ],
    ids=["bare", "spaces", "CRI", "kubectl", "Docker", "flow alone"],
)
def test_text_around_a_line_does_not_matter(wrapped: Callable[[bytes], bytes]) -> None:
    records, reading = read([wrapped(line(drop()))])

    assert records == [only(drop())]
    assert reading.read == 1


def test_the_time_of_the_line_replaces_a_missing_time_of_the_flow() -> None:
    assert only(flow(time=None)) == only(flow())


@pytest.mark.parametrize(
    "text",
    [
        b'{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"1"},"node_name":"n"}',
        b'{"node_status":{"state_change":"NODE_CONNECTED","node_names":["n"]},"node_name":"n"}',
        b'{"agent_event":{"type":"AGENT_STARTED"}}',
        b'{"debug_event":{}}',
        b'{"level":"info","msg":"Starting Hubble"}',
        b'time="2026-11-24T01:32:14Z" level=info msg="Starting" subsys=hubble',
        b'{"log":"time=2026-11-24T01:32:14Z level=info msg=Starting\\n","stream":"stderr"}',
        b"",
        b"\r",
    ],
)
def test_lines_that_are_no_flow_are_counted_as_other(text: bytes) -> None:
    records, reading = read([text])

    assert (records, reading.other, reading.malformed) == ([], 1, 0)


@pytest.mark.parametrize(
    "text",
    [
        b"garbage",
        b"\0\0\0\0",
        b"\xff\xfe{",
        line(flow())[:300],
        b'{"flow":' + b'{"a":' * 100_000 + b"}" * 100_000 + b"}",
        b"[" * 100_000,
        b"{}",
        b'{"flow":null}',
        b'{"flow":[]}',
        b'{"log":"{\\"flow\\":"}',
        line(flow(verdict="DRIPPED")),
        line(flow(verdict=10**400)),
        line(flow(time="yesterday")),
        line(flow(time="2026-11-24T01:32:14")),
        line(flow(IP={"source": "10.0.0.256"})),
        line(flow(IP={"source": "fe80::1%eth0"})),
        line(flow(IP={"source": 5})),
        line(flow(l4={"TCP": {"source_port": 40001, "destination_port": 65536}})),
        line(flow(l4={"TCP": {"sourcePort": 40001, "destinationPort": 3100}})),
        line(flow(source={"namespace": "x" * 10_000})),
        line(flow(source={"labels": "k8s:app=flash-api"})),
        line(flow(source=5)),
        line(flow(traffic_direction="SIDEWAYS")),
    ],
)
def test_a_malformed_line_is_counted_and_shown_and_the_rest_is_read(text: bytes) -> None:
    records, reading = read([line(flow()), text, line(flow()), text])

    assert [record.count for record in records] == [2]
    assert (reading.recorded, reading.malformed, reading.other) == (2, 2, 0)
    assert reading.first_malformed.startswith("export:2: ")


def test_wrong_clocks_cause_no_error() -> None:
    times = ("1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", "2262-04-12T00:00:00Z")

    (record,), reading = read([line(flow(time=time)) for time in times])

    assert (reading.recorded, reading.malformed) == (4, 0)
    assert (record.first, record.last) == (-62135596800, 253402300799.9)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
CHANGED = st.builds(lambda key, value: line(drop(**{key: value})), st.sampled_from(sorted(drop(is_reply=True))), VALUES)
CUT = st.builds(lambda end: line(flow())[:end], st.integers(0, len(line(flow()))))
JSON = st.builds(lambda value: json.dumps(value).encode(), VALUES)
LINES = st.lists(st.binary(max_size=40) | CHANGED | CUT | JSON | st.just(line(flow())))


@given(LINES)
def test_no_line_is_lost_for_any_content(lines: list[bytes]) -> None:
    records, reading = read(lines)

    assert reading.recorded + reading.malformed + reading.other == len(lines)
    assert reading.recorded == sum(record.count for record in records)
    assert bool(reading.malformed) == bool(reading.first_malformed)


def test_the_longest_line_that_is_read_is_longer_than_any_flow() -> None:
    labels = [f"k8s:{'k' * 60}{number}={'v' * 63}" for number in range(1000)]

    text = line(flow(source={**API, "labels": labels}))

    assert len(text) < LONGEST_LINE
    assert read([text])[1].recorded == 1
