"""Hubble's export compared with a second reader that has no cache and does not sum up: one line, one answer."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.traffic.records.hubble import HubbleReader
from flash_ticket.traffic.records.lines import GivenLines, LineLog
from flash_ticket.traffic.records.record import Reading, Record, Scope

Content = tuple[object, ...]

LISTENING = frozenset({(6, 3100), (6, 50051), (17, 53)})
PORTS = st.sampled_from([53, 3100, 40001, 50051])
ENDS = st.fixed_dictionaries(
    {},
    optional={
        "ID": st.integers(1, 2),
        "namespace": st.sampled_from(["shop", "monitoring"]),
        "pod_name": st.sampled_from(["api-1", "api-2"]),
        "labels": st.lists(st.sampled_from(["k8s:app=api", "k8s:io.cilium.k8s.policy.cluster=c", "reserved:world"])),
    },
)
LAYER_4 = st.one_of(
    st.builds(
        lambda source, destination, flags: {
            "TCP": {"source_port": source, "destination_port": destination, "flags": flags}
        },
        PORTS,
        PORTS,
        st.dictionaries(st.sampled_from(["SYN", "ACK", "RST"]), st.just(True)),  # noqa: FBT003 - what Hubble writes
    ),
    st.builds(
        lambda source, destination: {"UDP": {"source_port": source, "destination_port": destination}}, PORTS, PORTS
    ),
    st.just({"ICMPv4": {"type": 8}}),
)
FLOWS = st.fixed_dictionaries(
    {
        "time": st.integers(0, 59).map(lambda second: f"2026-11-24T00:00:{second:02}Z"),
        "verdict": st.sampled_from(["FORWARDED", "DROPPED", "REDIRECTED", "AUDIT", "TRACED", 1, 2, 0]),
        "IP": st.fixed_dictionaries(
            {key: st.sampled_from(["10.0.0.5", "10.0.0.9", "2001:DB8::5"]) for key in ("source", "destination")}
        ),
        "l4": LAYER_4,
        "source": ENDS,
        "destination": ENDS,
    },
    optional={
        "is_reply": st.booleans(),
        "traffic_direction": st.sampled_from(["INGRESS", "EGRESS", "TRAFFIC_DIRECTION_UNKNOWN"]),
        "trace_observation_point": st.sampled_from(["TO_ENDPOINT", "FROM_ENDPOINT"]),
        "drop_reason": st.sampled_from([133, 151]),
        "drop_reason_desc": st.sampled_from(["POLICY_DENIED", "CT_MAP_INSERTION_FAILED"]),
        "egress_denied_by": st.just([{"name": "no-world", "namespace": "shop", "kind": "CiliumNetworkPolicy"}]),
    },
)
# Flows with few differences, to find kinds that are merged by mistake.
ALIKE = st.builds(
    lambda first, second, keys: [{**first, **{key: second[key] for key in each if key in second}} for each in keys],
    FLOWS,
    FLOWS,
    st.lists(
        st.sets(
            st.sampled_from(
                [
                    "verdict",
                    "l4",
                    "source",
                    "is_reply",
                    "drop_reason",
                    "drop_reason_desc",
                    "IP",
                    "egress_denied_by",
                    "traffic_direction",
                    "time",
                ]
            ),
            max_size=2,
        )
    ),
)
CARRIERS: list[Callable[[str], bytes]] = [
    lambda text: text.encode(),
    lambda text: f"2026-11-24T00:00:00Z stdout F {text}".encode(),
    lambda text: json.dumps({"log": text, "stream": "stdout"}).encode(),
]


def end(flow: dict[str, Any], which: str) -> Content:
    side = flow[which]
    address = {"2001:DB8::5": "2001:db8::5"}.get(flow["IP"][which], flow["IP"][which])
    labels = (("app", "api"),) if "k8s:app=api" in side.get("labels", ()) else ()
    pod = (side["namespace"], side.get("pod_name", ""), labels) if "namespace" in side else None
    return address, pod


def answers(flow: dict[str, Any], protocol: int) -> bool:
    """Return whether the packet is a reply, by the best evidence in the line."""
    if "is_reply" in flow:
        return bool(flow["is_reply"])
    (ports,) = flow["l4"].values()
    if ports.get("flags", {}).get("SYN"):
        return "ACK" in ports["flags"]
    if "source_port" not in ports:
        return False
    known = [(protocol, ports[key]) in LISTENING for key in ("source_port", "destination_port")]
    return known == [True, False] or (known[0] == known[1] and ports["source_port"] < ports["destination_port"])


def naive(flow: dict[str, Any]) -> Content | None:
    """Return the content of one flow; None if it decides nothing."""
    dispositions = {"FORWARDED": "passed", 1: "passed", "REDIRECTED": "passed", "AUDIT": "passed"}
    disposition = {**dispositions, "DROPPED": "stopped", 2: "stopped"}.get(flow["verdict"])
    if disposition is None or flow.get("trace_observation_point") == "FROM_ENDPOINT":
        return None
    ((name, ports),) = flow["l4"].items()
    protocol = {"TCP": 6, "UDP": 17, "ICMPv4": 1}[name]
    reply = answers(flow, protocol)
    ends = [end(flow, "source"), end(flow, "destination")]
    direction = {"INGRESS": "ingress", "EGRESS": "egress"}.get(flow.get("traffic_direction", ""))
    if reply and "is_reply" not in flow and direction:
        direction = "egress" if direction == "ingress" else "ingress"
    reason = "AUDIT" if flow["verdict"] == "AUDIT" else ""
    denied_by = " by CiliumNetworkPolicy shop/no-world" if "egress_denied_by" in flow else ""
    if disposition == "stopped":
        number = {133: "POLICY_DENIED", 151: "drop reason 151", None: ""}[flow.get("drop_reason")]
        reason = flow.get("drop_reason_desc", number)
        if protocol == 1 and reason not in {"", "POLICY_DENIED"}:
            return None  # it has no ports, and no policy dropped it
    reason += denied_by if disposition == "stopped" or reason else ""
    port = ports.get("source_port" if reply else "destination_port", 0)
    return (disposition, *(reversed(ends) if reply else ends), protocol, port, direction, reason)


def content(record: Record) -> Content:
    ends = (
        (each.address, each.pod and (each.pod.namespace, each.pod.name, each.pod.labels))
        for each in (record.source, record.destination)
    )
    return (record.disposition.value, *ends, record.protocol, record.port, record.direction, record.reason)


@given(ALIKE, st.sampled_from(CARRIERS))
def test_summing_up_gives_the_same_as_reading_each_line_separately(
    flows: list[dict[str, Any]], carrier: Callable[[str], bytes]
) -> None:
    reading, found = Reading(), Counter[Content]()
    texts = [carrier(json.dumps({"flow": flow, "node_name": "n"})) for flow in flows]

    for record in HubbleReader(Scope(listening=LISTENING), reading).records(GivenLines("export", texts)):
        found[content(record)] += record.count

    expected = [naive(flow) for flow in flows]
    assert found == Counter(each for each in expected if each)
    assert (reading.other, reading.malformed) == (expected.count(None), 0)


REPLY: dict[str, Any] = {
    "time": "2026-11-24T00:00:00Z",
    "verdict": "DROPPED",
    "IP": {"source": "10.0.0.9", "destination": "10.0.0.5"},
    "l4": {"TCP": {"source_port": 3100, "destination_port": 40001, "flags": {"ACK": True}}},
    "source": {"namespace": "shop", "pod_name": "pay-1"},
    "destination": {"namespace": "shop", "pod_name": "api-1"},
    "traffic_direction": "EGRESS",
    "drop_reason": 133,
}


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "FORWARDED"},
        {"IP": {"source": "10.0.0.8", "destination": "10.0.0.5"}},
        {"l4": {"UDP": {"source_port": 3100, "destination_port": 40001}}},
        {"l4": {"TCP": {"source_port": 3101, "destination_port": 40001}}},
        {"source": {"namespace": "shop", "pod_name": "pay-2"}},
        {"destination": {"namespace": "shop", "pod_name": "api-1", "labels": ["k8s:app=api"]}},
        {"traffic_direction": "INGRESS"},
        {"drop_reason": 151},
        {"drop_reason_desc": "POLICY_DENY"},
        {"ingress_denied_by": [{"name": "no-world", "namespace": "shop", "kind": "CiliumNetworkPolicy"}]},
        # If Hubble knows that it is a reply, the direction is that of the connection.
        {"is_reply": True},
    ],
    ids=str,
)
def test_lines_with_relevant_differences_are_separate_records(change: dict[str, object]) -> None:
    texts = [json.dumps({"flow": flow}).encode() for flow in (REPLY, {**REPLY, **change}, REPLY)]

    records = list(HubbleReader(Scope(), Reading()).records(GivenLines("export", texts)))

    assert [record.count for record in records] == [2, 1]
    assert len(set(map(content, records))) == 2


def test_the_memory_for_ends_is_limited_and_no_line_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pods = [{"namespace": "shop", "pod_name": f"api-{number}"} for number in range(2500)]
    texts = [json.dumps({"flow": {**REPLY, "source": pod}}).encode() for pod in [*pods, *pods]]
    reading, log = Reading(), LineLog("export", GivenLines("export", texts), HubbleReader)

    together = Counter(record.count for record in log.records(Scope(), Reading()))
    monkeypatch.setattr("flash_ticket.traffic.records.hubble._MOST_HELD", 100_000)
    apart = Counter(record.count for record in log.records(Scope(), reading))

    assert together == {2: 2500}
    assert apart == {1: 5000}  # each batch has 1000 lines, and no two of them have a pod in common
    assert reading.recorded == 5000
