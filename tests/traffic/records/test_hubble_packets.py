"""Packets and queries that Cilium drops: each counts once in Hubble's export, with its policy, its kind or its name."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records import repeated_lines
from flash_ticket.traffic.records.hubble import HubbleReader
from flash_ticket.traffic.records.lines import GivenLines
from flash_ticket.traffic.records.record import UNKNOWN_NAME, Disposition, NonPod, Reading, Record, Scope

TIME = "2026-11-24T01:32:14.234858520Z"
SECONDS = 1795483934.234858
PAY = {"ID": 7, "identity": 24010, "labels": ["k8s:app=flash-pay", "k8s:io.kubernetes.pod.namespace=flash-ticket"]}
DNS = {"identity": 104, "labels": ["k8s:k8s-app=kube-dns", "k8s:io.kubernetes.pod.namespace=kube-system"]}
DENY = {"egress_denied_by": [{"name": "no-dns", "namespace": "flash-ticket", "kind": "CiliumNetworkPolicy"}]}


def flow(**changes: object) -> dict[str, Any]:
    """Return a packet of pay that a policy drops; a field that is None is left out."""
    found = {
        "time": TIME,
        "verdict": "DROPPED",
        "drop_reason": 133,
        "IP": {"source": "10.0.0.9", "destination": "10.0.0.3", "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40001, "destination_port": 4000, "flags": {"SYN": True}}},
        "source": PAY,
        "destination": DNS,
        "Type": "L3_L4",
        "node_name": "default/node-1",
        "event_type": {"type": 1, "sub_type": 133},
        "traffic_direction": "EGRESS",
        "drop_reason_desc": "POLICY_DENIED",
        **changes,
    }
    return {key: value for key, value in found.items() if value is not None}


def verdict(**changes: object) -> dict[str, Any]:
    """Return the verdict about the same packet."""
    return flow(**{"event_type": {"type": 5}, **changes})


def query(name: str, **changes: object) -> dict[str, Any]:
    """Return a query that the DNS proxy refuses, as Cilium 1.20.2 writes it."""
    refused = {
        "drop_reason": None,
        "drop_reason_desc": None,
        "l4": {"UDP": {"source_port": 40001, "destination_port": 53}},
        "Type": "L7",
        "l7": {"type": "REQUEST", "dns": {"query": name, "observation_source": "proxy", "qtypes": ["A"]}},
        "event_type": {"type": 129},
        "is_reply": False,
    }
    return flow(**{**refused, **changes})


def line(fields: dict[str, Any]) -> bytes:
    return json.dumps({"flow": fields, "node_name": "default/node-1", "time": TIME}).encode()


def read(flows: Iterable[dict[str, Any]], scope: Scope = Scope()) -> tuple[list[Record], Reading]:  # noqa: B008 - frozen
    reading = Reading()
    return list(HubbleReader(scope, reading).records(GivenLines("export", map(line, flows)))), reading


def test_the_verdict_and_the_drop_of_one_packet_count_once_and_name_the_policy() -> None:
    deny = {"drop_reason": 181, "drop_reason_desc": "POLICY_DENY"}

    (record,), reading = read([verdict(**deny, **DENY), flow(**deny)])

    assert (record.count, record.reason) == (1, "POLICY_DENY by CiliumNetworkPolicy flash-ticket/no-dns")
    assert (reading.recorded, reading.repeated, reading.other) == (1, 1, 1)


def test_packets_of_one_connection_count_separately() -> None:
    (record,), reading = read([verdict(), flow(), verdict(), flow(), verdict(), flow()])

    assert (record.count, reading.repeated) == (3, 3)


@pytest.mark.parametrize(
    "other",
    [
        {"node_name": "default/node-2"},
        {"IP": {"source": "10.0.0.8", "destination": "10.0.0.3"}},
        {"IP": {"source": "10.0.0.9", "destination": "10.0.0.4"}},
        {"l4": {"TCP": {"source_port": 40002, "destination_port": 4000}}},
        {"l4": {"UDP": {"source_port": 40001, "destination_port": 4000}}},
        {"drop_reason": 181, "drop_reason_desc": "POLICY_DENY"},
    ],
    ids=str,
)
def test_a_drop_of_another_packet_is_not_taken_for_the_same(other: dict[str, object]) -> None:
    records, reading = read([verdict(), flow(**other)])

    assert (sum(record.count for record in records), reading.repeated) == (2, 0)


def test_an_export_of_one_kind_of_lines_counts_them_all() -> None:
    for only in (verdict(), flow()):
        (record,), reading = read([only] * 3)
        assert (record.count, reading.repeated) == (3, 0)


def test_an_export_without_the_types_of_lines_says_that_packets_may_count_twice() -> None:
    (record,), reading = read([flow(event_type=None), flow(event_type=None)])

    assert record.count == 2
    (note,) = reading.notes
    assert "a denied packet may count twice" in note
    assert "Add event_type to the field mask" in note


def test_a_line_that_stands_for_several_flows_counts_as_so_many() -> None:
    summed = {"aggregate": {"ingress_flow_count": 2, "egress_flow_count": 5}}

    (record,), reading = read([verdict(**summed), flow(**summed), flow()])

    assert (record.count, reading.recorded) == (8, 8)


PACKETS = st.tuples(
    st.sampled_from(["10.0.0.8", "10.0.0.9"]),
    st.sampled_from([40001, 40002]),
    st.sampled_from(["POLICY_DENIED", "POLICY_DENY"]),
    st.sampled_from(["default/node-1", "default/node-2"]),
)
Packet = tuple[str, int, str, str]
LINES = st.lists(st.tuples(PACKETS, st.sampled_from([5, 1, 4])), max_size=30)


def written(packet: Packet, kind: int) -> dict[str, Any]:
    source, port, reason, node = packet
    named = DENY if kind == 5 and reason == "POLICY_DENY" else {}
    return flow(
        IP={"source": source, "destination": "10.0.0.3"},
        l4={"TCP": {"source_port": port, "destination_port": 4000}},
        drop_reason_desc=reason,
        node_name=node,
        event_type={"type": kind},
        **named,
    )


def naive(lines: list[tuple[Packet, int]]) -> Counter[tuple[str, str]]:
    """Return how many packets each pod lost for which reason: the larger number of verdicts and drops of each."""
    found: Counter[tuple[str, str]] = Counter()
    for packet in {packet for packet, _ in lines}:
        kinds = [kind for each, kind in lines if each == packet]
        found[packet[0], packet[2]] += max(kinds.count(5), kinds.count(1)) + kinds.count(4)
    return found


@given(LINES)
def test_each_packet_counts_once_in_any_order(lines: list[tuple[Packet, int]]) -> None:
    records, reading = read(written(*each) for each in lines)

    found: Counter[tuple[str, str]] = Counter()
    for record in records:
        found[record.source.address, record.reason.partition(" ")[0]] += record.count
    assert found == naive(lines)
    assert reading.repeated == reading.other == len(lines) - reading.recorded
    # A policy that a verdict names is not lost because a drop comes as well.
    named = sum(kind == 5 and packet[2] == "POLICY_DENY" for packet, kind in lines)
    assert sum(record.count for record in records if " by " in record.reason) <= named


@given(st.lists(PACKETS, max_size=20), st.data())
def test_lost_lines_never_make_the_count_too_large(packets: list[Packet], data: st.DataObject) -> None:
    """Both lines of a packet are written; some are lost, and packets of several processors mix."""
    shown = data.draw(st.permutations([(packet, kind) for packet in packets for kind in (5, 1)]))
    kept = data.draw(st.lists(st.sampled_from(shown), unique_by=id) if shown else st.just([]))
    lost = {id(each) for each in kept}

    complete = read(written(*each) for each in shown)[1].recorded
    partial = read(written(*each) for each in shown if id(each) not in lost)[1].recorded

    assert partial <= complete == len(packets)


def test_only_so_many_packets_wait_for_their_other_line() -> None:
    matched = repeated_lines.RepeatedLines(most=2)

    assert [matched.new(packet, repeated_lines.POLICY_VERDICT, 1) for packet in "abc"] == [1, 1, 1]
    assert [matched.new(packet, repeated_lines.DROP, 1) for packet in "cba"] == [0, 0, 1]


@pytest.mark.parametrize("name", ["Example.com.", "example.com", "EXAMPLE.COM."])
def test_a_refused_query_is_a_refused_name_and_no_denied_connection(name: str) -> None:
    (record,), _ = read([query(name)])

    assert (record.name, record.reason, record.disposition) == ("example.com", "", Disposition.STOPPED)
    assert (record.protocol, record.port, record.direction) == (17, 53, Direction.EGRESS)
    assert record.source.pod
    assert record.source.pod.labels == (("app", "flash-pay"),)


def test_names_are_separate_records_and_queries_for_one_name_are_one() -> None:
    records, _ = read([query("a.example"), query("b.example"), query("a.example")])

    assert {record.name: record.count for record in records} == {"a.example": 2, "b.example": 1}


def test_a_refused_query_whose_name_a_field_mask_leaves_out_is_still_a_refused_name() -> None:
    (record,), _ = read([query("", l7=None)])

    assert record.name == UNKNOWN_NAME


@pytest.mark.parametrize(
    "other",
    [
        query("example.com", verdict="FORWARDED"),
        query("", l7={"type": "REQUEST", "http": {"method": "GET"}}, l4={"TCP": {"destination_port": 80}}),
        flow(l4={"UDP": {"source_port": 40001, "destination_port": 53}}),
    ],
    ids=["an allowed query", "a refused request", "a packet to port 53"],
)
def test_only_a_refused_query_has_a_name(other: dict[str, Any]) -> None:
    (record,), _ = read([other])

    assert record.name == ""


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (
            {"l4": {"ICMPv6": {"type": 133}}, "drop_reason_desc": "UNSUPPORTED_L3_PROTOCOL", "drop_reason": 139},
            "router solicitation",
        ),
        ({"l4": {"ICMPv6": {"type": 133}}}, "router solicitation"),
        ({"l4": {"ICMPv6": {"type": 143}}}, "multicast listener discovery"),
        ({"l4": None, "drop_reason_desc": "UNSUPPORTED_L3_PROTOCOL"}, "UNSUPPORTED_L3_PROTOCOL"),
        ({"l4": {"IGMP": {"type": 22}}, "drop_reason_desc": "CT_UNKNOWN_L4_PROTOCOL"}, "CT_UNKNOWN_L4_PROTOCOL"),
        ({"l4": None, "IP": None, "drop_reason_desc": "UNSUPPORTED_L2_PROTOCOL"}, "UNSUPPORTED_L2_PROTOCOL"),
    ],
)
def test_a_drop_without_ports_that_no_policy_made_is_counted_aside_by_kind(
    changes: dict[str, object], kind: str
) -> None:
    records, reading = read([flow(**changes)] * 2)

    assert (records, reading.aside, reading.other, reading.read) == ([], {kind: 2}, 2, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"drop_reason_desc": "CT_MAP_INSERTION_FAILED"},
        {"l4": {"ICMPv4": {"type": 8}}},
        {"l4": {"ICMPv6": {"type": 128}}},
        {"l4": None},
        {"l4": {"ICMPv6": {"type": 133}}, "verdict": "FORWARDED"},
    ],
    ids=str,
)
def test_traffic_with_ports_and_what_a_policy_drops_is_recorded(changes: dict[str, object]) -> None:
    records, reading = read([flow(**changes)])

    assert (len(records), reading.aside) == (1, {})


@pytest.mark.parametrize(
    ("labels", "nonpod"),
    [
        (["reserved:host"], NonPod.HOST),
        (["k8s:node-role.kubernetes.io/worker=", "reserved:host"], NonPod.HOST),
        (["reserved:host", "reserved:kube-apiserver"], NonPod.HOST),
        (["reserved:remote-node"], NonPod.NODE),
        (["reserved:kube-apiserver", "reserved:remote-node"], NonPod.NODE),
        (["reserved:health"], NonPod.NODE),
        (["reserved:ingress"], NonPod.NODE),
        (["cidr:1.1.1.1/32", "reserved:world"], NonPod.WORLD),
        (["reserved:world-ipv4"], NonPod.WORLD),
        (["fqdn:*.example.com", "reserved:world"], NonPod.WORLD),
        (["reserved:unknown"], None),
        ([], None),
    ],
)
def test_the_reserved_label_says_what_an_end_is_instead_of_a_pod(labels: list[str], nonpod: NonPod | None) -> None:
    (record,), _ = read([flow(source={"identity": 1, "labels": labels})])

    assert (record.source.pod, record.source.nonpod) == (None, nonpod)


def lost(count: object, time: str = TIME) -> bytes:
    events = {"source": "PERF_EVENT_RING_BUFFER", "num_events_lost": count, "cpu": 0}
    return json.dumps({"lost_events": events, "node_name": "n", "time": time}).encode()


def test_lost_events_of_the_period_are_summed_up() -> None:
    lines = [lost("12"), lost(3), lost("1", "2026-11-24T01:00:00Z"), line(flow())]
    reading = Reading()

    list(HubbleReader(Scope(since=SECONDS - 60), reading).records(GivenLines("export", lines)))

    assert (reading.lost, reading.other, reading.recorded) == (15, 3, 1)


@pytest.mark.parametrize("count", ["many", "-1", -1, "9" * 99])
def test_a_number_of_lost_events_that_is_not_a_number_is_malformed(count: object) -> None:
    reading = Reading()

    list(HubbleReader(Scope(), reading).records(GivenLines("export", [lost(count)])))

    assert (reading.lost, reading.malformed) == (0, 1)


@given(st.lists(st.integers(0, 59)), st.integers(0, 59))
def test_lines_from_before_the_period_are_skipped_without_a_difference(seconds: list[int], since: int) -> None:
    times = [f"2026-11-24T01:32:{second:02}.5Z" for second in seconds]
    lines = [
        json.dumps({"flow": flow(time=time), "node_name": "n", "time": time}, separators=(",", ":")).encode()
        for time in times
    ]
    reading = Reading()

    list(HubbleReader(Scope(since=SECONDS - 14.234858 + since), reading).records(GivenLines("export", lines)))

    assert reading.recorded == sum(second + 0.5 >= since for second in seconds)
    assert reading.malformed == 0


WORLD = {"identity": 2, "labels": ["reserved:world"]}


def called(**changes: object) -> tuple[str, ...]:
    """Return the names of the destination of one packet."""
    (record,), _ = read([flow(destination=WORLD, **changes)])
    return record.destination.names


def test_a_denied_destination_has_the_names_that_dns_gave_the_caller_for_it() -> None:
    names = ["pay.example.com.", "Mirror.example.com"]
    passed = {"verdict": "FORWARDED", "drop_reason": None, "drop_reason_desc": None}

    assert called(destination_names=names) == ("mirror.example.com", "pay.example.com")
    assert called(destination_names=names, **passed) == ()
    assert called(destination_names=names, is_reply=True) == ()


def test_an_address_keeps_a_few_of_its_names() -> None:
    (record,), _ = read(flow(destination=WORLD, destination_names=[f"{each}.example.com"]) for each in "dbac")

    assert record.destination.names == ("a.example.com", "b.example.com", "d.example.com")


@pytest.mark.parametrize("names", ["pay.example.com", [1], [["pay.example.com"]], ["x" * 1025], {}])
def test_names_that_are_not_a_list_of_text_make_a_denied_line_malformed(names: object) -> None:
    records, reading = read([flow(destination_names=names)])

    assert (records, reading.malformed) == ([], 1)
