"""Connections of the running shop at a rate, through both layers, and what the program reads about them later."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.project import MATRIX_FILE
from lab.denials.attempts import Call, calls
from lab.denials.follower import denied
from lab.load.change import Change, Changes
from lab.night.shop_vpc import ShopVpc
from lab.node.programs import NodeError
from lab.on_the_way.probe import Look, Probe
from lab.packets.agent_log import LOG, wait_until_quiet
from lab.packets.connections import Attempt
from lab.recording.surveyor import Surveyor
from lab.running.aws_session import aws_client
from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.running.program import copy_program
from lab.shop.shop import Shop

STACK = "dev"
ADDED = ("gateway", "pay")
"""The ends of the flow that is added and removed."""

UNDECLARED = (("alb", "api"), ("redis", "api"), ("gateway", "redis"))
"""The ends of connections that nobody declares. The VPC stops the first ones as they leave the source and the second
ones as they arrive; the pod layer stops the third ones before they meet the VPC."""

_REPOSITORY = Path(__file__).parents[2]
_WINDOW_SECONDS = 1.0
_WARM_INTERVAL, _OPEN_SECONDS, _PAUSE_SECONDS = 0.1, 60.0, 3.0
_SYN, _ACK = 2, 16

Pair = tuple[str, str, int]


class Kind(StrEnum):
    """What a matrix says of connections."""

    DECLARED = "declared"
    UNDECLARED = "undeclared"
    CHANGING = "changing"


@dataclass(frozen=True, slots=True)
class Flow:
    """Connections of one source to one port.

    Attributes:
        kind: What the matrices say of them.
        call: The connection.
    """

    kind: Kind
    call: Call

    @property
    def attempt(self) -> Attempt:
        """The connection, to be tried."""
        return Attempt(self.call.source.namespace, self.call.called, self.call.port)

    @property
    def pair(self) -> Pair:
        """The names of its ends, and its port."""
        return self.call.source.name, self.call.destination.name, self.call.port.first


@dataclass(frozen=True, slots=True)
class Load:
    """How much is tried.

    Attributes:
        rate: How many declared connections are opened in a second. Each flow that is not declared has as many as a
            declared one, beside that.
        seconds: For how long.
        reads: How often the command reads the records.
    """

    rate: float
    seconds: float
    reads: int

    def run(self, lab: Lab, shop: Shop) -> dict[str, Any]:
        """Deploy the shop's firewall, open connections, and return their results and what was read, for JSON.

        Raises:
            EngineError: The deployment fails.
            NodeError: What is declared does not connect before anything changes.
            JudgeError: The imitation of the VPC has not counted every packet.
        """
        engine = _deployed(lab)
        change = _change(lab, shop, engine)
        flows = list(chosen(shop))
        with ShopVpc.around(lab, shop, engine, _WINDOW_SECONDS) as vpc, Probe.start() as probe:
            _wait_until_open(probe, flows)
            vpc.record()
            since = int(time.time()) + 1
            time.sleep(_PAUSE_SECONDS)
            interval = sum(flow.kind is Kind.DECLARED for flow in flows) / self.rate
            numbers = probe.add([flow.attempt for flow in flows], interval)
            changes = Changes(change)
            with changes.running():
                time.sleep(self.seconds)
            look = probe.finish()
            time.sleep(_PAUSE_SECONDS)
            begun = time.monotonic()
            vpc.record()
            delivered = time.monotonic() - begun
            shop.node.check()
            named = dict(zip(numbers, flows, strict=True))
            return {
                "asked": self.rate,
                "seconds": look.ticks[-1] - look.ticks[0] + interval,
                "gap": look.intervals[1],
                "changes": changes.times,
                "flows": [_row(flow, look, number) for number, flow in named.items()],
                **_recorded(lab, engine, flows, since),
                "delivered": delivered,
                **self._read(lab, engine, since),
            }

    def _read(self, lab: Lab, engine: Engine, since: int) -> dict[str, Any]:
        """Return what the command reads in the flow log and in the agent's log, and how long it takes."""
        wait_until_quiet()
        asked = ["--project", str(engine.program), "--stack", STACK]
        asked += ["--since", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since))]
        found: dict[str, Any] = {}
        for name, source in (("flow log", f"s3://{_location(engine)}"), ("agent", str(LOG))):
            seconds, answer = [], dict[str, Any]()
            for _ in range(self.reads):
                begun = time.monotonic()
                answer = denied([source, *asked], lab.env(STACK))
                seconds.append(time.monotonic() - begun)
            found[name] = {"seconds": seconds, **answer}
        return {"read": found}


def chosen(shop: Shop) -> Iterator[Flow]:
    """Yield the flows that are tried: all that the matrix declares, the one that is added, and a few others.

    Pods are called by their Service where a pod calls them.
    """
    for call in calls(shop):
        ends = call.source.name, call.destination.name
        called = shop.matrix.endpoints.get(ends[1])
        by_service = call.destination.cluster_ip if call.source.is_pod else ""
        if called is None or call.port not in called.ports or call.called != (by_service or call.destination.address):
            continue
        if call.is_declared:
            yield Flow(Kind.DECLARED, call)
        elif ends == ADDED:
            yield Flow(Kind.CHANGING, call)
        elif ends in UNDECLARED:
            yield Flow(Kind.UNDECLARED, call)


def _deployed(lab: Lab) -> Engine:
    """Deploy the shop's firewall with a flow log that delivers to a bucket."""
    name = stack_file(STACK)
    settings = yaml.safe_load((_REPOSITORY / name).read_text())
    settings["config"][BINDING_KEY]["flowLogs"]["destination"] = "s3"
    engine = Engine(
        lab, STACK, copy_program(_REPOSITORY, lab.folder / "load" / "deployed", {name: yaml.safe_dump(settings)})
    )
    engine.up().checked()
    return engine


def _change(lab: Lab, shop: Shop, engine: Engine) -> Change:
    declared = yaml.safe_load((_REPOSITORY / MATRIX_FILE).read_text())
    declared["flows"].append({"from": ADDED[0], "to": ADDED[1]})
    changed = {MATRIX_FILE: yaml.safe_dump(declared, sort_keys=False)}
    changed[stack_file(STACK)] = (engine.program / stack_file(STACK)).read_text()
    second = copy_program(_REPOSITORY, lab.folder / "load" / "changed", changed)
    surveyor = Surveyor.of(lab, STACK)
    return Change.between(
        surveyor.declared(engine.program),
        surveyor.declared(second),
        shop.node.api,
        aws_client(lab.aws_endpoint, "ec2"),
        dict(engine.outputs()["groupIds"]),
    )


def _wait_until_open(probe: Probe, flows: Sequence[Flow]) -> None:
    """Return once everything connects that is declared: policies and Services take a moment."""
    declared = [flow for flow in flows if flow.kind is Kind.DECLARED]
    numbers = dict(zip(probe.add([flow.attempt for flow in declared], _WARM_INTERVAL), declared, strict=True))
    end = time.monotonic() + _OPEN_SECONDS
    while True:
        time.sleep(1.0)
        runs = probe.look().runs
        closed = [flow for number, flow in numbers.items() if not runs[number] or not runs[number][-1].passed]
        if not closed:
            break
        if time.monotonic() > end:
            raise NodeError(f"before anything changes, {closed[0].pair} does not connect")
    probe.finish()


def _row(flow: Flow, look: Look, number: int) -> dict[str, Any]:
    source, destination, port = flow.pair
    runs = look.runs[number]
    return {
        "kind": flow.kind.value,
        "src": source,
        "dst": destination,
        "port": port,
        "tried": sum(run.count for run in runs),
        "connected": sum(run.count for run in runs if run.passed),
    }


def _recorded(lab: Lab, engine: Engine, flows: Sequence[Flow], since: int) -> dict[str, Any]:
    """Return what the bucket holds: lines, bytes, and the connections opened, as recorded where they are called."""
    s3, (bucket, _, prefix) = aws_client(lab.aws_endpoint, "s3"), _location(engine).partition("/")
    lines, size, opened = 0, 0, Counter[Pair]()
    named = {
        (flow.call.source.address, flow.call.destination.address, flow.call.port.first): flow.pair for flow in flows
    }
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Contents", ()):
            content = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            rows = pq.read_table(BytesIO(content)).to_pylist()
            rows = [row for row in rows if row["start"] >= since and row["log_status"] == "OK"]
            lines, size = lines + len(rows), size + len(content)
            opened.update(named[ends] for row in rows if _opens(row) and (ends := _ends(row)) in named)
    return {
        "lines": lines,
        "bytes": size,
        "opened": [{"src": pair[0], "dst": pair[1], "port": pair[2], "count": n} for pair, n in opened.items()],
    }


def _opens(row: Mapping[str, Any]) -> bool:
    at_the_called = (row["flow_direction"], row["action"]) == ("ingress", "ACCEPT")
    return at_the_called and row["tcp_flags"] is not None and row["tcp_flags"] & (_SYN | _ACK) == _SYN


def _ends(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["pkt_srcaddr"], row["pkt_dstaddr"], row["dstport"]


def _location(engine: Engine) -> str:
    """Return the bucket of the flow log and the folder in it."""
    return str(engine.outputs()["flowLogLocation"]).partition(":::")[2]
