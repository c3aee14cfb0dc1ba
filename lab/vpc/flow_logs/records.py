"""Records of a flow log, made of packets that were counted at network interfaces.

Source: Amazon VPC User Guide, "Flow log records" (fields, aggregation interval) and "Flow log record examples".
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lab.vpc.counted import Action, Counted, Direction, Window
from lab.vpc.flow_logs.flow_log import FlowLog, TrafficType
from lab.vpc.flow_logs.recorded_vpc import Interface, RecordedVpc

Value = str | int | None
"""None stands for a value that does not apply: ``-`` in text, NULL in Parquet."""

Record = Mapping[str, Value]
"""The values of a record by the names of the fields in a format: ``srcaddr``, ``pkt-srcaddr``."""

_BY_VERSION: Final = {
    2: "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status",
    3: "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr",
    4: "region az-id sublocation-type sublocation-id",
    5: "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path",
    7: "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id "
    "ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id",
    8: "reject-reason",
    9: "resource-id",
    10: "encryption-status",
}
VERSIONS: Final = {name: version for version, names in _BY_VERSION.items() for name in names.split()}
"""Each field, and the version of flow logs that brought it."""

_ALWAYS: Final = ("version", "account-id", "interface-id", "start", "end", "log-status")
"""The fields that a record without traffic has, too."""

_TCP: Final = 6
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


class RecordingError(Exception):
    """Packets cannot be recorded as the flow log says."""


@dataclass(slots=True)
class _Flow:
    """The packets of one record so far."""

    counted: Counted
    begin: float
    end: float
    flags: int = 0
    packets: int = 0
    bytes: int = 0

    def add(self, counted: Counted, window: Window) -> None:
        self.begin, self.end = min(self.begin, window.begin), max(self.end, window.end)
        self.flags |= reported_flags(counted.tcp_flags) if counted.protocol == _TCP else 0
        self.packets += counted.packets
        self.bytes += counted.bytes


@dataclass(slots=True)
class _Interval:
    """Consecutive windows that one record can cover."""

    windows: list[Window] = field(default_factory=list)

    @property
    def begin(self) -> float:
        return self.windows[0].begin

    @property
    def end(self) -> float:
        return max(each.end for each in self.windows)

    @property
    def interfaces(self) -> Iterable[str]:
        return dict.fromkeys(interface for window in self.windows for interface in window.interfaces)


def reported_flags(flags: int) -> int:
    """Return what AWS reports of the flags of a packet: FIN, SYN and RST, and ACK only together with SYN."""
    return flags & (_FIN | _SYN | _RST | (_ACK if flags & _SYN else 0))


def records(
    windows: Iterable[Window], flow_log: FlowLog, vpc: RecordedVpc, lost: Collection[str] = ()
) -> Iterator[Record]:
    """Yield the records of a flow log: all fields that the account knows, whatever the format wants.

    Each is about one interface, direction, protocol, pair of ends and action within an interval. An interval holds as
    many windows as the flow log's longest interval allows. An interface without traffic in it has one NODATA record.

    Args:
        windows: What was counted, in the order of time.
        flow_log: The flow log.
        vpc: The VPC.
        lost: The ids of interfaces whose traffic AWS cannot record for lack of capacity: one SKIPDATA record instead.

    Raises:
        RecordingError: A window is longer than the flow log's interval, or an interface was never in the account.
    """
    for interval in _intervals(windows, flow_log.seconds):
        recorded = {each for each in interval.interfaces if _is_recorded(_known(vpc, each), flow_log)}
        seen: set[str] = set()
        for flow in _flows(interval.windows, flow_log.traffic, vpc):
            interface = flow.counted.interface
            if interface in recorded and interface not in lost:
                seen.add(interface)
                yield _record(flow, vpc, flow_log)
        for each in interval.interfaces:
            if each in recorded - seen:
                status = "SKIPDATA" if each in lost else "NODATA"
                yield _without_traffic(status, interval, vpc.interfaces[each], flow_log)


def _intervals(windows: Iterable[Window], seconds: int) -> Iterator[_Interval]:
    interval = _Interval()
    for window in windows:
        if window.end - window.begin > seconds:
            length = window.end - window.begin
            raise RecordingError(f"a window of {length:g} s is longer than the interval of {seconds} s")
        if interval.windows and window.end - interval.begin > seconds:
            yield interval
            interval = _Interval()
        interval.windows.append(window)
    if interval.windows:
        yield interval


def _flows(windows: Sequence[Window], traffic: TrafficType, vpc: RecordedVpc) -> Iterable[_Flow]:
    flows: dict[Counted, _Flow] = {}
    for window in windows:
        for counted in window.counted:
            _known(vpc, counted.interface)
            if not _is_of(traffic, counted.action) or not vpc.records(counted):
                continue
            key = replace(counted, tcp_flags=0, packets=0, bytes=0)
            flows.setdefault(key, _Flow(key, window.begin, window.end)).add(counted, window)
    return flows.values()


def _is_of(traffic: TrafficType, action: Action) -> bool:
    return traffic is TrafficType.ALL or traffic.value == action.value


def _known(vpc: RecordedVpc, interface: str) -> Interface:
    if interface not in vpc.interfaces:
        raise RecordingError(f"the account has no network interface {interface} in this VPC")
    return vpc.interfaces[interface]


def _is_recorded(interface: Interface, flow_log: FlowLog) -> bool:
    return flow_log.resource in {interface.id, interface.subnet, interface.vpc}


def _record(flow: _Flow, vpc: RecordedVpc, flow_log: FlowLog) -> Record:
    counted, interface = flow.counted, vpc.interfaces[flow.counted.interface]
    own = interface.first(counted.source.version)
    source, target = str(counted.source), str(counted.target)
    is_egress = counted.direction is Direction.EGRESS
    return {
        **dict.fromkeys(VERSIONS),
        **_common(interface, flow_log, int(flow.begin), int(flow.end)),
        # An interface shows its first address, whichever of its addresses the packet has.
        "srcaddr": str(own) if own and is_egress else source,
        "dstaddr": target if is_egress or not own else str(own),
        "pkt-srcaddr": source,
        "pkt-dstaddr": target,
        "srcport": counted.source_port,
        "dstport": counted.target_port,
        "protocol": counted.protocol,
        "packets": flow.packets,
        "bytes": flow.bytes,
        "action": counted.action.value,
        "log-status": "OK",
        "vpc-id": interface.vpc,
        "subnet-id": interface.subnet,
        "instance-id": interface.instance or None,
        "tcp-flags": flow.flags,
        "type": f"IPv{counted.source.version}",
        "region": flow_log.region,
        "az-id": interface.zone or None,
        "flow-direction": counted.direction.value,
        "traffic-path": vpc.path(counted),
    }


def _without_traffic(status: str, interval: _Interval, interface: Interface, flow_log: FlowLog) -> Record:
    known = _common(interface, flow_log, int(interval.begin), int(interval.end))
    return {**dict.fromkeys(VERSIONS), **known, "log-status": status}


def _common(interface: Interface, flow_log: FlowLog, begin: int, end: int) -> dict[str, Value]:
    version = max(VERSIONS.get(each, 0) for each in flow_log.fields)
    return dict(zip(_ALWAYS, (version, interface.account, interface.id, begin, end, ""), strict=True))
