"""Hubble's export against a second reader that knows no cache and sums up nothing: one line, one answer."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from segmentation.records.hubble import HubbleLog
from segmentation.records.lines import GivenLines
from segmentation.records.reading import Reading
from segmentation.records.record import Record, Scope

Told = tuple[object, ...]

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
        "drop_reason_desc": st.sampled_from(["POLICY_DENIED", "CT_MAP_INSERTION_FAILED"]),
    },
)
CARRIERS: list[Callable[[str], bytes]] = [
    lambda text: text.encode(),
    lambda text: f"2026-11-24T00:00:00Z stdout F {text}".encode(),
    lambda text: json.dumps({"log": text, "stream": "stdout"}).encode(),
]


def end(flow: dict[str, Any], which: str) -> Told:
    told = flow[which]
    address = {"2001:DB8::5": "2001:db8::5"}.get(flow["IP"][which], flow["IP"][which])
    labels = (("app", "api"),) if "k8s:app=api" in told.get("labels", ()) else ()
    pod = (told["namespace"], told.get("pod_name", ""), labels) if "namespace" in told else None
    return address, pod


def answers(flow: dict[str, Any], protocol: int) -> bool:
    """Tell whether the packet is a reply, by what the line says best."""
    if "is_reply" in flow:
        return bool(flow["is_reply"])
    (ports,) = flow["l4"].values()
    if ports.get("flags", {}).get("SYN"):
        return "ACK" in ports["flags"]
    if "source_port" not in ports:
        return False
    known = [(protocol, ports[key]) in LISTENING for key in ("source_port", "destination_port")]
    return known == [True, False] or (known[0] == known[1] and ports["source_port"] < ports["destination_port"])


def naive(flow: dict[str, Any]) -> Told | None:
    """Return what one flow tells, None where it decides nothing."""
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
    if disposition == "stopped":
        reason = flow.get("drop_reason_desc", "")
    port = ports.get("source_port" if reply else "destination_port", 0)
    return (disposition, *(reversed(ends) if reply else ends), protocol, port, direction, reason)


def told(record: Record) -> Told:
    ends = (
        (each.address, each.pod and (each.pod.namespace, each.pod.name, each.pod.labels))
        for each in (record.source, record.destination)
    )
    return (record.disposition.value, *ends, record.protocol, record.port, record.direction, record.reason)


@given(st.lists(st.tuples(FLOWS, st.sampled_from(CARRIERS)), max_size=20))
def test_summing_up_tells_the_same_as_looking_at_each_line_alone(
    lines: list[tuple[dict[str, Any], Callable[[str], bytes]]],
) -> None:
    reading, found = Reading(), Counter[Told]()
    texts = [carrier(json.dumps({"flow": flow, "node_name": "n"})) for flow, carrier in lines]

    for record in HubbleLog("export", GivenLines("export", texts)).records(Scope(listening=LISTENING), reading):
        found[told(record)] += record.count

    expected = [naive(flow) for flow, _ in lines]
    assert found == Counter(each for each in expected if each)
    assert (reading.other, reading.malformed) == (expected.count(None), 0)
