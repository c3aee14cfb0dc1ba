"""Records hold what was counted, as the documentation of AWS says; no packet is lost, and none is counted twice."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.vpc.counted import Action, Counted, Direction, Window
from lab.vpc.flow_logs.flow_log import FlowLog, LogGroup, TrafficType
from lab.vpc.flow_logs.recorded_vpc import Interface, RecordedVpc
from lab.vpc.flow_logs.records import VERSIONS, Record, RecordingError, records, reported_flags

VPC = "vpc-1"
NODE, POD, STORE = "eni-node", "eni-pod", "eni-store"
BEGIN = 1_790_000_000.0
SYN, SYN_ACK, ACK, PSH_ACK, FIN_ACK, RST = 2, 18, 16, 24, 17, 4


def interface(name: str, subnet: str, *addresses: str, instance: str = "") -> Interface:
    return Interface(name, "111122223333", subnet, VPC, "apne2-az1", instance, tuple(map(ip_address, addresses)))


KNOWN = RecordedVpc(
    {
        NODE: interface(NODE, "subnet-a", "10.0.10.5", "10.0.10.21", "fd00::5", "fd00::21", instance="i-1"),
        POD: interface(POD, "subnet-a", "10.0.10.30"),
        STORE: interface(STORE, "subnet-b", "10.0.20.15"),
    },
    (ip_network("10.0.0.0/16"), ip_network("fd00::/56")),
    frozenset({ip_address("10.0.10.1"), ip_address("10.0.20.1")}),
    {
        "subnet-a": ((ip_network("0.0.0.0/0"), 1), (ip_network("203.0.113.0/24"), 8)),
        "subnet-b": (),
    },
)
FLOW_LOG = FlowLog("fl-1", VPC, "111122223333", "ap-northeast-2", (*VERSIONS,), TrafficType.ALL, 60, LogGroup("g"))


def counted(  # noqa: PLR0913 - each is a part of what is counted
    interface: str = POD,
    direction: Direction = Direction.EGRESS,
    action: Action = Action.ACCEPT,
    *,
    ends: tuple[str, int, str, int] = ("10.0.10.30", 40000, "10.0.20.15", 6379),
    protocol: int = 6,
    flags: int = SYN,
    packets: int = 1,
    length: int = 60,
) -> Counted:
    source, source_port, target, target_port = ends
    addresses = ip_address(source), ip_address(target)
    ports = source_port, target_port
    return Counted(interface, direction, action, *addresses, protocol, *ports, flags, packets, packets * length)


def window(*packets: Counted, begin: float = BEGIN, seconds: float = 60, interfaces: tuple[str, ...] = ()) -> Window:
    standing = tuple(dict.fromkeys((*interfaces, *(each.interface for each in packets))))
    return Window(begin, begin + seconds, standing, packets)


def written(*windows: Window, flow_log: FlowLog = FLOW_LOG, lost: tuple[str, ...] = ()) -> list[Record]:
    return [*records(windows, flow_log, KNOWN, lost)]


def test_a_record_sums_up_the_packets_of_one_flow() -> None:
    parts = [counted(flags=SYN), counted(flags=ACK, packets=3), counted(flags=PSH_ACK, length=500)]

    (record,) = written(window(*parts, counted(flags=FIN_ACK)))

    assert record == {
        **dict.fromkeys(VERSIONS),
        "version": 10,
        "account-id": "111122223333",
        "interface-id": POD,
        "srcaddr": "10.0.10.30",
        "dstaddr": "10.0.20.15",
        "srcport": 40000,
        "dstport": 6379,
        "protocol": 6,
        "packets": 6,
        "bytes": 5 * 60 + 500,
        "start": int(BEGIN),
        "end": int(BEGIN) + 60,
        "action": "ACCEPT",
        "log-status": "OK",
        "vpc-id": VPC,
        "subnet-id": "subnet-a",
        "tcp-flags": 3,
        "type": "IPv4",
        "pkt-srcaddr": "10.0.10.30",
        "pkt-dstaddr": "10.0.20.15",
        "region": "ap-northeast-2",
        "az-id": "apne2-az1",
        "flow-direction": "egress",
        "traffic-path": 1,
    }


@pytest.mark.parametrize(
    "other",
    [
        counted(action=Action.REJECT),
        counted(direction=Direction.INGRESS),
        counted(interface=STORE),
        counted(ends=("10.0.10.30", 40001, "10.0.20.15", 6379)),
        counted(protocol=17, flags=0),
    ],
    ids=["action", "direction", "interface", "port", "protocol"],
)
def test_what_differs_in_more_than_flags_has_a_record_of_its_own(other: Counted) -> None:
    assert len(written(window(counted(), other))) == 2


@pytest.mark.parametrize(
    ("flags", "reported"),
    [
        (SYN, 2),
        (SYN_ACK, 18),
        (ACK, 0),
        (PSH_ACK, 0),
        (FIN_ACK, 1),
        (RST, 4),
        (RST | ACK, 4),
        (0, 0),
        (SYN | 64, 2),
        (SYN | 64 | 128, 2),
    ],
)
def test_the_flags_are_those_that_aws_reports(flags: int, reported: int) -> None:
    assert reported_flags(flags) == reported


def test_a_short_answer_has_the_flags_of_the_example_of_aws() -> None:
    """SYN-ACK and FIN on the same line make 19; a datagram has no flags."""
    (answer,) = written(window(*(counted(flags=each) for each in (SYN_ACK, ACK, FIN_ACK))))
    (datagram,) = written(window(counted(protocol=17, flags=0)))

    assert (answer["tcp-flags"], datagram["tcp-flags"]) == (19, 0)


def test_only_the_packet_shows_a_pod_behind_the_interface_of_its_node() -> None:
    out = counted(NODE, ends=("10.0.10.21", 40000, "10.0.20.15", 6379))
    back = counted(NODE, Direction.INGRESS, ends=("10.0.20.15", 6379, "10.0.10.21", 40000))

    sent, received = written(window(out, back))

    assert [sent[each] for each in ("srcaddr", "pkt-srcaddr", "dstaddr", "pkt-dstaddr")] == [
        *("10.0.10.5", "10.0.10.21", "10.0.20.15", "10.0.20.15")
    ]
    assert [received[each] for each in ("srcaddr", "pkt-srcaddr", "dstaddr", "pkt-dstaddr")] == [
        *("10.0.20.15", "10.0.20.15", "10.0.10.5", "10.0.10.21")
    ]
    assert sent["instance-id"] == "i-1"


def test_an_interface_shows_its_first_address_of_the_packets_family() -> None:
    (record,) = written(window(counted(NODE, ends=("fd00::21", 40000, "fd00::99", 6379))))

    assert (record["srcaddr"], record["pkt-srcaddr"], record["type"]) == ("fd00::5", "fd00::21", "IPv6")


@pytest.mark.parametrize(
    ("interface", "direction", "target", "path"),
    [
        (POD, Direction.EGRESS, "10.0.20.15", 1),
        (POD, Direction.EGRESS, "203.0.113.7", 8),
        (POD, Direction.EGRESS, "198.51.100.7", 1),
        (STORE, Direction.EGRESS, "198.51.100.7", None),
        (POD, Direction.INGRESS, "10.0.10.30", None),
    ],
    ids=["in the VPC", "by the internet gateway", "by a NAT gateway", "no route", "ingress"],
)
def test_the_path_is_that_of_the_longest_route(
    interface: str, direction: Direction, target: str, path: int | None
) -> None:
    (record,) = written(window(counted(interface, direction, ends=("10.0.10.30", 40000, target, 443))))

    assert record["traffic-path"] == path


@pytest.mark.parametrize(
    ("ends", "protocol"),
    [
        (("10.0.10.30", 40000, "10.0.0.2", 53), 17),
        (("10.0.0.2", 53, "10.0.10.30", 40000), 17),
        (("10.0.10.30", 40000, "169.254.169.253", 53), 17),
        (("10.0.10.30", 40000, "169.254.169.254", 80), 6),
        (("10.0.10.30", 123, "169.254.169.123", 123), 17),
        (("10.0.10.30", 68, "255.255.255.255", 67), 17),
        (("10.0.10.30", 40000, "10.0.10.1", 80), 6),
    ],
    ids=["DNS", "DNS's answer", "DNS by its link-local address", "metadata", "clock", "DHCP", "router"],
)
def test_what_aws_never_records_is_left_out(ends: tuple[str, int, str, int], protocol: int) -> None:
    (record,) = written(window(counted(ends=ends, protocol=protocol)))

    assert record["log-status"] == "NODATA"


def test_an_interface_without_traffic_has_one_record_that_says_so() -> None:
    busy, idle = written(window(counted(), interfaces=(POD, STORE)))

    assert busy["log-status"] == "OK"
    assert {name: value for name, value in idle.items() if value is not None} == {
        "version": 10,
        "account-id": "111122223333",
        "interface-id": STORE,
        "start": int(BEGIN),
        "end": int(BEGIN) + 60,
        "log-status": "NODATA",
    }


def test_lost_traffic_leaves_one_record_that_says_so() -> None:
    found = written(window(counted(), counted(STORE, Direction.INGRESS)), lost=(POD,))

    assert [(each["interface-id"], each["log-status"]) for each in found] == [(STORE, "OK"), (POD, "SKIPDATA")]


@pytest.mark.parametrize(
    ("traffic", "actions"),
    [
        (TrafficType.ALL, ["ACCEPT", "REJECT"]),
        (TrafficType.ACCEPT, ["ACCEPT"]),
        (TrafficType.REJECT, ["REJECT"]),
    ],
)
def test_the_traffic_type_chooses_the_records(traffic: TrafficType, actions: list[str]) -> None:
    packets = window(counted(), counted(action=Action.REJECT, ends=("10.0.10.30", 40000, "10.0.20.15", 22)))

    assert [each["action"] for each in written(packets, flow_log=replace(FLOW_LOG, traffic=traffic))] == actions


@pytest.mark.parametrize(("resource", "interfaces"), [("subnet-b", {STORE}), (POD, {POD}), ("vpc-2", set())])
def test_a_flow_log_records_its_own_resource_alone(resource: str, interfaces: set[str]) -> None:
    packets = window(counted(), counted(STORE, Direction.INGRESS))

    found = written(packets, flow_log=replace(FLOW_LOG, resource=resource))

    assert {each["interface-id"] for each in found} == interfaces


@pytest.mark.parametrize(
    ("fields", "version"), [(("version", "srcaddr"), 2), (("version", "tcp-flags", "az-id"), 4), (("traffic-path",), 5)]
)
def test_the_version_is_the_highest_of_the_fields(fields: tuple[str, ...], version: int) -> None:
    (record,) = written(window(counted()), flow_log=replace(FLOW_LOG, fields=fields))

    assert record["version"] == version


def test_windows_are_summed_up_to_the_longest_interval() -> None:
    windows = [window(counted(), begin=BEGIN + 20 * number, seconds=20) for number in range(5)]

    first, second = written(*windows)

    assert [(each["start"], each["end"], each["packets"]) for each in (first, second)] == [
        (int(BEGIN), int(BEGIN) + 60, 3),
        (int(BEGIN) + 60, int(BEGIN) + 100, 2),
    ]
    assert len(written(*windows, flow_log=replace(FLOW_LOG, seconds=600))) == 1


def test_a_record_begins_and_ends_with_its_packets() -> None:
    empty = window(begin=BEGIN, seconds=20, interfaces=(POD,))

    (record,) = written(empty, window(counted(), begin=BEGIN + 20, seconds=20))

    assert (record["start"], record["end"]) == (int(BEGIN) + 20, int(BEGIN) + 40)


def test_a_window_that_no_record_can_cover_is_refused() -> None:
    with pytest.raises(RecordingError, match="a window of 61 s is longer than the interval of 60 s"):
        written(window(counted(), seconds=61))


def test_an_interface_that_the_account_never_had_is_refused() -> None:
    with pytest.raises(RecordingError, match="eni-x"):
        written(window(counted("eni-x")))


PACKETS = st.builds(
    counted,
    st.sampled_from((NODE, POD, STORE)),
    st.sampled_from(Direction),
    st.sampled_from(Action),
    ends=st.tuples(
        st.sampled_from(("10.0.10.30", "10.0.10.21")),
        st.sampled_from((40000, 40001)),
        st.sampled_from(("10.0.20.15", "203.0.113.9")),
        st.sampled_from((53, 6379)),
    ),
    protocol=st.sampled_from((6, 17)),
    flags=st.integers(0, 255),
    packets=st.integers(1, 5),
)


@st.composite
def some_windows(draw: st.DrawFn) -> list[Window]:
    lengths = draw(st.lists(st.sampled_from((1.0, 10.0, 25.5, 60.0)), min_size=1, max_size=8))
    found, begin = [], BEGIN
    for length in lengths:
        packets = draw(st.lists(PACKETS, max_size=5))
        found.append(window(*packets, begin=begin, seconds=length, interfaces=(NODE, POD)))
        begin += length
    return found


def tallies(found: list[Record]) -> Iterator[tuple[tuple[object, ...], int, int]]:
    for each in found:
        if each["log-status"] == "OK":
            names = ("interface-id", "flow-direction", "action", "pkt-srcaddr", "pkt-dstaddr", "protocol")
            packets, length = each["packets"], each["bytes"]
            assert isinstance(packets, int)
            assert isinstance(length, int)
            yield tuple(each[name] for name in (*names, "srcport", "dstport")), packets, length


@given(some_windows(), st.sampled_from((60, 600)))
def test_every_packet_is_in_exactly_one_record(windows: list[Window], seconds: int) -> None:
    found = written(*windows, flow_log=replace(FLOW_LOG, seconds=seconds))

    sent: Counter[tuple[object, ...]] = Counter()
    for each in (packets for window_ in windows for packets in window_.counted):
        ends = (str(each.source), str(each.target), each.protocol, each.source_port, each.target_port)
        sent[each.interface, each.direction.value, each.action.value, *ends, "packets"] += each.packets
        sent[each.interface, each.direction.value, each.action.value, *ends, "bytes"] += each.bytes
    read: Counter[tuple[object, ...]] = Counter()
    for key, packets, length in tallies(found):
        read[*key, "packets"] += packets
        read[*key, "bytes"] += length
    assert read == sent
