"""An invented incident in an environment of the lab: one hour of logs, in the place where the stack delivers them.

The VPC layer denies one connection: the interface of pay lacks its group, so Redis and RabbitMQ refuse declared
traffic. The pod layer denies the other connection: a pod of gateway calls Redis, and this traffic is not declared. The
logs also hold the shop's own traffic, and attempts from the internet to reach the load balancer.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from lab.vpc.flow_logs.delivery import file_content, file_key
from lab.vpc.flow_logs.flow_log import Bucket, FileForm, FlowLog, Folder, Layout, TrafficType
from lab.vpc.flow_logs.records import Record, Value

_HOUR = 3600
_ACCOUNT = "123456789012"
_SYN, _SYN_ACK = 2, 18
_OF_ALL_PODS = "pods.flash-ticket"


@dataclass(frozen=True, slots=True)
class _Host:
    """An interface: the last two octets of its address, and the names of its groups."""

    address: str
    groups: tuple[str, ...]


_HOSTS = {
    "alb": _Host("0.8", ("alb",)),
    "gateway": _Host("10.21", ("gateway", _OF_ALL_PODS)),
    "api": _Host("10.22", ("api", _OF_ALL_PODS)),
    "pay": _Host("11.23", ("nodes",)),  # not the groups of pay: this is the incident
    "redis": _Host("20.15", ("redis",)),
    "rabbitmq": _Host("20.25", ("rabbitmq",)),
    "database": _Host("21.35", ("database",)),
}
_WORKING = (
    ("alb", "gateway", 3000, 60),
    ("gateway", "api", 4000, 60),
    ("api", "pay", 3100, 40),
    ("api", "redis", 6379, 60),
    ("api", "rabbitmq", 5672, 30),
    ("api", "database", 5432, 60),
)
_REFUSED = (("pay", "redis", 6379, 48), ("pay", "rabbitmq", 5672, 12))
_STRANGER = "198.51.100.77"


@dataclass(frozen=True, slots=True)
class Incident:
    """Creates the incident in one environment.

    Attributes:
        network: The first two octets of the VPC.
        groups: The ids of security groups, by purpose.
        subnets: The id of a subnet by the first three octets of its addresses.
        bucket: The bucket of the stack's flow log.
        region: The stack's region.
        cluster: The name of the EKS cluster.
    """

    network: str
    groups: dict[str, str]
    subnets: dict[str, str]
    bucket: str
    region: str
    cluster: str

    def happen(self, ec2: Any, s3: Any, logs: Any, now: float) -> tuple[str, ...]:  # noqa: ANN401 - boto3 creates clients at run time
        """Create the interfaces, deliver the flow log records, and write the decisions of the agent.

        Return the ids of the interfaces. While an interface exists, AWS does not delete its group.

        Args:
            ec2: A client of EC2.
            s3: A client of S3.
            logs: A client of CloudWatch Logs.
            now: The end of the incident, in seconds since 1970.
        """
        interfaces = {name: self._interface(ec2, host) for name, host in _HOSTS.items()}
        begin = int(now) - _HOUR
        rows = list(self._rows(begin, interfaces))
        self._deliver(s3, rows, begin)
        self._decide(logs, begin)
        return tuple(interfaces.values())

    def _interface(self, ec2: Any, host: _Host) -> str:  # noqa: ANN401 - boto3 creates clients at run time
        address = f"{self.network}.{host.address}"
        made = ec2.create_network_interface(
            SubnetId=self.subnets[address.rpartition(".")[0]],
            PrivateIpAddress=address,
            Groups=[self.groups[name] for name in host.groups],
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def _rows(self, begin: int, interfaces: dict[str, str]) -> Iterator[Record]:
        dice = random.Random(7)  # noqa: S311 - every run makes the same incident
        for source, target, port, count in _WORKING:
            for _ in range(count):
                caller, start = dice.randrange(32768, 61000), begin + dice.randrange(_HOUR - 60)
                there, back = (self._address(source), caller), (self._address(target), port)
                yield self._row(interfaces[target], there, back, start, "ACCEPT", "ingress", _SYN)
                yield self._row(interfaces[target], back, there, start, "ACCEPT", "egress", _SYN_ACK)
        for source, target, port, count in _REFUSED:
            for _ in range(count):
                caller, start = dice.randrange(32768, 61000), begin + _HOUR // 2 + dice.randrange(_HOUR // 2 - 60)
                ends = (self._address(source), caller), (self._address(target), port)
                yield self._row(interfaces[target], *ends, start, "REJECT", "ingress", _SYN)
        for _ in range(9):
            ends = (_STRANGER, dice.randrange(32768, 61000)), (self._address("alb"), 22)
            yield self._row(interfaces["alb"], *ends, begin + dice.randrange(_HOUR - 60), "REJECT", "ingress", _SYN)

    def _address(self, name: str) -> str:
        return f"{self.network}.{_HOSTS[name].address}"

    def _row(  # noqa: PLR0913, PLR0917 - a record of a flow log has that many fields
        self,
        interface: str,
        source: tuple[str, int],
        target: tuple[str, int],
        start: int,
        action: str,
        direction: str,
        flags: int,
    ) -> Record:
        known: dict[str, Value] = {
            "version": 8,
            "account-id": _ACCOUNT,
            "interface-id": interface,
            "srcaddr": source[0],
            "dstaddr": target[0],
            "pkt-srcaddr": source[0],
            "pkt-dstaddr": target[0],
            "srcport": source[1],
            "dstport": target[1],
            "protocol": 6,
            "tcp-flags": flags,
            "flow-direction": direction,
            "packets": 3,
            "bytes": 180,
            "start": start,
            "end": start + 58,
            "action": action,
            "log-status": "OK",
        }
        return {**dict.fromkeys(RECORD_FIELDS), **known}

    def _deliver(self, s3: Any, rows: list[Record], begin: int) -> None:  # noqa: ANN401 - boto3 creates clients at run time
        bucket = Bucket(self.bucket, "", FileForm.PARQUET, Layout.HIVE, Folder.HOUR)
        flow_log = FlowLog("fl-incident", "", _ACCOUNT, self.region, RECORD_FIELDS, TrafficType.ALL, 60, bucket)
        key = file_key(flow_log, bucket, begin, "1")
        s3.put_object(Bucket=self.bucket, Key=key, Body=file_content(RECORD_FIELDS, bucket.form, rows))

    def _decide(self, logs: Any, begin: int) -> None:  # noqa: ANN401 - boto3 creates clients at run time
        group, stream = f"/aws/eks/{self.cluster}/cluster", f"aws-network-policy-agent-audit-{uuid.UUID(int=7)}"
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        line = (
            f"Node: ip-{self.network.replace('.', '-')}-10-5;SIP: {self._address('gateway')};SPORT: {{port}};"
            f"DIP: {self._address('redis')};DPORT: 6379;PROTOCOL: TCP;PolicyVerdict: DENY;Tier: NETWORK_POLICY"
        )
        events = [
            {"timestamp": (begin + _HOUR - 600 + 20 * number) * 1000, "message": line.format(port=40000 + number)}
            for number in range(18)
        ]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
